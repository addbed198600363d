from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainio.errors import StimulusSetFormatError
from brainio.stimuli import StimulusPaths, StimulusSet, StimulusSetLoader


def write_set(folder: Path, text: str, *files: str) -> Path:
    (folder / "files").mkdir(exist_ok=True)
    for name in files:
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    csv = folder / "set.csv"
    csv.write_text(text)
    return csv


TABLE = (
    "stimulus_id,filename,size,object,missing,flag\na,a.png,1,car,,True\nb,sub/b.png,2,,,False\nc,c.png,3,dog,,True\n"
)


@pytest.fixture
def loaded(tmp_path: Path) -> StimulusSet:
    csv = write_set(tmp_path, TABLE, "a.png", "sub/b.png", "c.png")
    stimulus_set = StimulusSet.from_files(csv, tmp_path / "files")
    stimulus_set.identifier = "lab.Set"
    return stimulus_set


def test_a_set_reads_its_table_and_paths(loaded: StimulusSet, tmp_path: Path) -> None:
    assert type(loaded) is StimulusSet
    assert loaded["stimulus_id"].tolist() == ["a", "b", "c"]
    assert loaded.stimulus_paths == {
        "a": tmp_path / "files/a.png",
        "b": tmp_path / "files/sub/b.png",
        "c": tmp_path / "files/c.png",
    }
    assert loaded.get_stimulus("b").read_text() == "sub/b.png"


def test_columns_have_the_types_of_read_csv_and_text_is_objects(loaded: StimulusSet) -> None:
    kinds = {name: str(dtype) for name, dtype in loaded.dtypes.items()}
    assert kinds == {
        "stimulus_id": "object",
        "filename": "object",
        "size": "int64",
        "object": "object",
        "missing": "float64",
        "flag": "bool",
    }
    assert [type(value) for value in loaded["object"]] == [str, float, str]


def test_ids_are_text_even_if_they_look_like_numbers(tmp_path: Path) -> None:
    csv = write_set(tmp_path, "stimulus_id,filename\n007,a.png\n8,b.png\n", "a.png", "b.png")
    stimulus_set = StimulusSet.from_files(csv, tmp_path / "files")
    assert stimulus_set["stimulus_id"].tolist() == ["007", "8"]
    assert stimulus_set.get_stimulus("007").name == "a.png"
    assert stimulus_set.get_stimulus(8).name == "b.png"


def test_image_id_of_older_packages_is_kept_and_gives_stimulus_id(tmp_path: Path) -> None:
    csv = write_set(tmp_path, "image_id,filename,size\na,a.png,1\n", "a.png")
    stimulus_set = StimulusSet.from_files(csv, tmp_path / "files")
    assert list(stimulus_set.columns) == ["image_id", "filename", "size", "stimulus_id"]
    assert stimulus_set["stimulus_id"].tolist() == stimulus_set["image_id"].tolist() == ["a"]
    both = pd.DataFrame({"image_id": ["i"], "stimulus_id": ["s"]})
    assert StimulusSetLoader.correct_stimulus_id_name(both)["stimulus_id"].tolist() == ["s"]


KEEPING: dict[str, Any] = {
    "filter": lambda s: s[s["size"] > 1],
    "slice": lambda s: s[:2],
    "columns": lambda s: s[["stimulus_id", "size"]],
    "copy": lambda s: s.copy(),
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda s: pickle.loads(pickle.dumps(s)),
    "concat": lambda s: pd.concat([s[:1], s[1:]]),
    "merge": lambda s: s.merge(pd.DataFrame({"size": [1, 2, 3], "new": [4, 5, 6]}), on="size"),
    "merge left": lambda s: pd.DataFrame({"size": [1]}).merge(s, on="size"),
    "query": lambda s: s.query("size > 1"),
    "sort": lambda s: s.sort_values("size"),
    "reset_index": lambda s: s.reset_index(drop=True),
    "assign": lambda s: s.assign(new=1),
    "drop": lambda s: s.drop(columns=["size"]),
    "groupby": lambda s: s.groupby("flag", group_keys=False)[s.columns.tolist()].apply(lambda group: group),
    "group": lambda s: next(iter(s.groupby("flag")))[1],
    "head": lambda s: s.head(1),
    "loc": lambda s: s.loc[s["flag"]],
    "sample": lambda s: s.sample(2, random_state=0),
}


@pytest.mark.parametrize("name", KEEPING)
def test_identifier_and_paths_survive(loaded: StimulusSet, name: str) -> None:
    result = KEEPING[name](loaded)
    if name != "merge left":  # pandas gives what the left table is
        assert type(result) is StimulusSet
        assert result.identifier == "lab.Set"
        assert result.stimulus_paths == loaded.stimulus_paths


def test_concat_of_sets_unites_paths_and_drops_a_differing_identifier(loaded: StimulusSet) -> None:
    other = StimulusSet([{"stimulus_id": "z"}])
    other.identifier = "lab.Other"
    other.stimulus_paths = {"z": Path("z.png")}
    both = pd.concat([loaded, other])
    assert isinstance(both, StimulusSet)
    assert both.identifier is None
    assert both.stimulus_paths == {**loaded.stimulus_paths, "z": Path("z.png")}


def test_paths_and_identifier_of_a_new_set_can_be_assigned() -> None:
    stimulus_set = StimulusSet([{"stimulus_id": "a", "n": 1}, {"stimulus_id": "b", "n": 2}])
    stimulus_set.stimulus_paths = {"a": Path("a.png"), "b": Path("b.png")}
    stimulus_set.identifier = "lab.Set"
    assert "identifier" not in stimulus_set.columns
    assert stimulus_set[stimulus_set["n"] == 2].stimulus_paths["b"] == Path("b.png")


@pytest.mark.parametrize("make", [lambda s: s, lambda s: s[:1], copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_an_unset_attribute_is_an_error_that_names_the_next_step(make: Any) -> None:
    stimulus_set = make(StimulusSet([{"stimulus_id": "a"}]))
    for name in ("identifier", "stimulus_paths"):
        assert not hasattr(stimulus_set, name)
        with pytest.raises(AttributeError, match=f"no {name}.*from_files"):
            getattr(stimulus_set, name)


def test_an_unknown_stimulus_names_near_ids(tmp_path: Path) -> None:
    csv = write_set(tmp_path, "stimulus_id,filename\nface_01,a.png\nface_02,b.png\nhouse,c.png\n")
    stimulus_set = StimulusSet.from_files(csv, tmp_path / "files")
    with pytest.raises(KeyError, match=r"'face_03'.*face_0"):
        stimulus_set.get_stimulus("face_03")


def test_getting_a_path_does_not_access_the_disk() -> None:
    planned = StimulusSet({"stimulus_id": ["a"]})
    planned.stimulus_paths = {"a": Path("/not/made/yet.png")}
    assert planned.get_stimulus("a") == Path("/not/made/yet.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,filename\na,a.png\n", r"no column 'stimulus_id'.*it has 'name', 'filename'"),
        ("stimulus_id,filename\na,a.png\nb,b.png\na,c.png\n", r"not unique: \['a'\] in lines 2, 4"),
        ("stimulus_id,filename\na,a.png\n,b.png\n", "stimulus_id is missing in line 3"),
        ("stimulus_id,size\na,1\n", "no column 'filename'"),
        ("stimulus_id,filename\na,\n", "filename is missing in line 2"),
        ("stimulus_id,filename\na,../a.png\n", r"'\.\./a\.png' in line 2 leads out"),
        ("stimulus_id,filename\nb,b.png\na,/etc/passwd\n", "'/etc/passwd' in line 3 leads out"),
        ("stimulus_id,filename\na,C:\\a.png\n", "line 2 leads out"),
        ("stimulus_id,filename\na,x\\..\\..\\a.png\n", "line 2 leads out"),
        ("stimulus_id,filename\nx,a,a.png\ny,b,b.png\n", "line 2 has 3 fields, expected 2"),
        ("stimulus_id,filename\na,a.png\n\nb,b.png,\n", "line 4 has 3 fields, expected 2"),
        ("stimulus_id,filename,n\na,a.png,1\nb,b.png\n", "line 3 has 2 fields, expected 3"),
        ('stimulus_id,filename,n\na,a.png,"1,2"\nb,"b,png"\n', "line 3 has 2 fields, expected 3"),
        ("stimulus_id,filename,n,n\na,a.png,1,2\n", r"header repeats 'n'"),
        ("", "cannot be read"),
        ('stimulus_id,filename\n"a,a.png\n', "cannot be read"),
    ],
)
def test_bad_tables_are_errors_that_name_file_and_row(tmp_path: Path, text: str, message: str) -> None:
    csv = write_set(tmp_path, text)
    with pytest.raises(StimulusSetFormatError, match=message) as caught:
        StimulusSet.from_files(csv, tmp_path / "files")
    assert str(csv) in str(caught.value)


def test_ids_and_filenames_that_look_like_missing_values_are_text(tmp_path: Path) -> None:
    names = ["NA", "null", "None", "nan"]
    csv = write_set(tmp_path, "stimulus_id,filename,note\n" + "".join(f"{n},{n},{n}\n" for n in names))
    stimulus_set = StimulusSet.from_files(csv, tmp_path / "files")
    assert stimulus_set["stimulus_id"].tolist() == stimulus_set["filename"].tolist() == names
    assert [path.name for path in stimulus_set.stimulus_paths.values()] == names
    assert stimulus_set["note"].isna().all()


def test_quotes_and_an_unnamed_column_are_read_as_pandas_reads_them(tmp_path: Path) -> None:
    csv = write_set(
        tmp_path, ',stimulus_id,filename,note\n0,a,a.png,"x, ""y""\nz"\n,b,b.png,5" of 3" x\n\n1,c,c.png,"",\n'[:-2]
    )
    stimulus_set = StimulusSet.from_files(csv, tmp_path / "files")
    assert list(stimulus_set.columns) == ["Unnamed: 0", "stimulus_id", "filename", "note"]
    assert stimulus_set["note"].tolist()[:2] == ['x, "y"\nz', '5" of 3" x']
    assert stimulus_set.isna().to_numpy().nonzero() == (pytest.approx([1, 2]), pytest.approx([0, 3]))


def test_sets_that_name_two_files_for_one_stimulus_cannot_be_concatenated(loaded: StimulusSet) -> None:
    other = loaded[:1].copy()
    other.stimulus_paths = {"a": Path("elsewhere/a.png")}
    with pytest.raises(StimulusSetFormatError, match=r"'a' has the path .*files/a\.png in one and elsewhere/a\.png"):
        pd.concat([loaded, other])
    other.stimulus_paths = {"a": loaded.get_stimulus("a")}
    assert pd.concat([loaded, other]).stimulus_paths == loaded.stimulus_paths


def test_dots_in_a_filename_do_not_change_its_folder(tmp_path: Path) -> None:
    csv = write_set(tmp_path, "stimulus_id,filename\na,a..b.png\n", "a..b.png")
    assert StimulusSet.from_files(csv, tmp_path / "files").get_stimulus("a").name == "a..b.png"


def test_paths_behave_like_a_dict() -> None:
    paths = StimulusPaths({"a": "a.png", "b": "b.png"}, "/folder")
    plain = {"a": Path("/folder/a.png"), "b": Path("/folder/b.png")}
    assert paths == plain
    assert plain == paths
    assert paths != {"a": Path("/folder/a.png")}
    assert dict(paths) == plain
    assert list(paths) == ["a", "b"]
    assert (len(paths), "a" in paths, paths.get("z")) == (2, True, None)
    assert repr(paths) == repr(plain)
    assert pickle.loads(pickle.dumps(paths)) == paths
    copied = paths.copy()
    copied["c"] = Path("elsewhere/c.png")
    del copied["a"]
    assert copied == {"b": Path("/folder/b.png"), "c": Path("elsewhere/c.png")}
    assert paths == plain
    assert copy.deepcopy(paths) == plain


def test_a_set_merges_into_an_assembly_as_text_objects(loaded: StimulusSet) -> None:
    assert all(value is None or isinstance(value, str | float) for value in np.asarray(loaded["object"], dtype=object))
