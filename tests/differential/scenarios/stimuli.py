"""Stimulus sets."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pandas as pd

from brainio.packaging import create_stimulus_csv
from brainio.stimuli import StimulusSet, StimulusSetLoader
from tests.differential.material import CSV, stimulus_files, stimulus_set
from tests.differential.registry import scenario


def loaded(folder: Path, **kwargs: Any) -> Any:
    return StimulusSet.from_files(*stimulus_files(folder, **kwargs))


def extended() -> Any:
    table = stimulus_set()
    table["degrees"] = 8
    return table


def other() -> Any:
    table = stimulus_set()[:1]
    table.identifier = "lab.Other"
    table.stimulus_paths = {"a": Path("/elsewhere/z.png")}
    return table


def others() -> Any:
    table = StimulusSet([{"stimulus_id": "z", "object_name": "cat", "size": 9.5}])
    table.identifier = "lab.Other"
    table.stimulus_paths = {"z": Path("/elsewhere/z.png")}
    return table


def written_csv(folder: Path, table: Any) -> Any:
    create_stimulus_csv(table, folder / "out.csv")
    return pd.read_csv(folder / "out.csv")


def assigned_path() -> Any:
    table = stimulus_set()
    table.stimulus_paths["a"] = Path("/other/q.png")
    return table


scenario("a stimulus set is read", loaded)
scenario(
    "a stimulus set is read by its loader",
    lambda folder: StimulusSetLoader(StimulusSet, *stimulus_files(folder)).load(),
)
scenario("image_id of older sets gives stimulus_id", lambda folder: loaded(folder, key="image_id"))
scenario("the file of a stimulus is there", lambda folder: Path(loaded(folder).get_stimulus("b")).read_bytes())
scenario(
    "ids that look like numbers",
    lambda folder: loaded(folder, text="stimulus_id,filename,k\n007,a.png,1\n010,b.png,2\n")["stimulus_id"].to_numpy(),
)
scenario("a column with missing text is read", lambda folder: loaded(folder, text=CSV.replace("dog", "")))
scenario("a column with missing numbers is read", lambda folder: loaded(folder, text=CSV.replace("2.5", "")))
scenario(
    "a column of truth values is read",
    lambda folder: loaded(folder, text="stimulus_id,filename,k\na,a.png,True\nb,b.png,False\n"),
)
scenario("a set without filenames is refused", lambda folder: loaded(folder, text="stimulus_id,k\na,1\n"))
scenario("a set without ids is refused", lambda folder: loaded(folder, text="filename,k\na.png,1\n"))
scenario("a set whose ids are doubled", lambda folder: loaded(folder, text="stimulus_id,filename\na,a.png\na,b.png\n"))
scenario("a set whose file is missing", lambda folder: loaded(folder, text="stimulus_id,filename\na,zz.png\n"))
scenario("a set is sliced", lambda: stimulus_set()[1:])
scenario("a set is filtered", lambda: stimulus_set()[stimulus_set()["object_name"] == "car"])
scenario("a set is located", lambda: stimulus_set().loc[[0, 2]])
scenario("a set is copied", lambda: stimulus_set().copy())
scenario("a set is deeply copied", lambda: copy.deepcopy(stimulus_set()))
scenario("a set is pickled", lambda: pickle.loads(pickle.dumps(stimulus_set())))
scenario("a set is re-wrapped", lambda: StimulusSet(stimulus_set()))
scenario("a set is made of a table", lambda: StimulusSet(pd.DataFrame({"stimulus_id": ["a"]})))
scenario("a set is made of rows", lambda: StimulusSet([{"stimulus_id": "a", "k": 1}]))
scenario("sets are concatenated", lambda: pd.concat([stimulus_set()[:1], stimulus_set()[1:]]))
scenario(
    "the rows of concatenated sets", lambda: pd.concat([stimulus_set()[:1], stimulus_set()[1:]])["stimulus_id"].tolist()
)
scenario("sets of two identifiers are concatenated", lambda: pd.concat([stimulus_set(), others()]))
scenario("sets that have other files for a stimulus are concatenated", lambda: pd.concat([stimulus_set(), other()]))
scenario("a set is sorted", lambda: stimulus_set().sort_values("size", ascending=False))
scenario("a set loses a column", lambda: stimulus_set().drop(columns="size"))
scenario("a set gets a column", extended)
scenario("a set is assigned to", lambda: stimulus_set().assign(degrees=8))
scenario("a set is renamed", lambda: stimulus_set().rename(columns={"size": "width"}))
scenario("a set is queried", lambda: stimulus_set().query("size > 2"))
scenario(
    "a set is merged with a table",
    lambda: stimulus_set().merge(pd.DataFrame({"stimulus_id": list("abc"), "k": [1, 2, 3]})),
)
scenario("a set is grouped", lambda: [part for _, part in stimulus_set().groupby("object_name")])
scenario("a set is reset", lambda: stimulus_set()[1:].reset_index(drop=True))
scenario("a set is indexed by its ids", lambda: stimulus_set().set_index("stimulus_id"))
scenario("a set without doubles", lambda: stimulus_set().drop_duplicates("object_name"))
scenario("a set is sampled", lambda: stimulus_set().sample(2, random_state=1))
scenario("a set's head", lambda: stimulus_set().head(1))
scenario("a set's columns are chosen", lambda: stimulus_set()[["stimulus_id", "size"]])
scenario("a column of a set", lambda: stimulus_set()["object_name"])
scenario("the rows of a set are iterated", lambda: [row["stimulus_id"] for _, row in stimulus_set().iterrows()])
scenario("a stimulus is found", lambda: stimulus_set().get_stimulus("c"))
scenario("an unknown stimulus is an error", lambda: stimulus_set().get_stimulus("z"))
scenario("a stimulus of a slice is found", lambda: stimulus_set()[1:].get_stimulus("c"))
scenario("paths are iterated", lambda folder: sorted(loaded(folder).stimulus_paths))
scenario("paths are a dict", lambda folder: {k: Path(v).name for k, v in dict(loaded(folder).stimulus_paths).items()})
scenario("paths are equal by content", lambda: stimulus_set().stimulus_paths == stimulus_set()[1:].stimulus_paths)
scenario("a path is assigned", assigned_path)
scenario("a set without an identifier has none", lambda: StimulusSet([{"stimulus_id": "a"}]).identifier)
scenario("a set without paths has none", lambda: StimulusSet([{"stimulus_id": "a"}]).get_stimulus("a"))
scenario("the loader of a set", lambda: StimulusSet.get_loader_class())
scenario("a set is written as CSV", lambda folder: written_csv(folder, stimulus_set()))
scenario("a number of a set's rows", lambda: len(stimulus_set()))
scenario("two sets are the same table", lambda: stimulus_set().equals(stimulus_set()))
