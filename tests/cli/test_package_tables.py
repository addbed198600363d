"""Guarantees of tables given to `brainio package assembly`: no value, code or name changes silently."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import brainio
from brainio.cli.commands import main

PUBLISH = ("--identifier", "lab.Doe2026", "--to", "files", "--catalog", "lab.csv")
SET = (*PUBLISH, "--stimulus-set", "lab.Doe2026")


def run(*arguments: str) -> Result:
    """Run the command in this process, which saves a second."""
    return CliRunner().invoke(main, arguments)


def card_in(lab: Path) -> Any:
    return json.loads((lab / "cards" / "assembly" / "lab.Doe2026.json").read_text())


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a lab that has published a stimulus set of two texts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    for name in ("001", "002"):
        (tmp_path / "texts" / f"{name}.txt").write_text(name)
    assert run("package", "stimulus-set", "texts", *PUBLISH).exit_code == 0
    return tmp_path


def package_rates(neurons: str) -> "tuple[int, str]":
    Path("neurons.csv").write_text(neurons)
    Path("trials.csv").write_text("stimulus_id,repetition\n001,0\n002,0\n")
    np.save("rates.npy", np.arange(4.0).reshape(2, 2))
    tables = ("--coords", "presentation=trials.csv", "--coords", "neuroid=neurons.csv")
    done = run("package", "assembly", "rates.npy", "--dims", "presentation,neuroid", *tables, *SET)
    return done.exit_code, done.stderr


def package_times(table: str, *options: str) -> "tuple[int, str]":
    Path("times.csv").write_text(table)
    done = run("package", "assembly", "times.csv", "--class", "BehavioralAssembly", *options, *SET)
    return done.exit_code, done.stderr


def assert_nothing_was_published(lab: Path) -> None:
    assert not list((lab / "files").glob("assy_*"))
    assert "assembly" not in (lab / "lab.csv").read_text()


def test_ids_and_missing_regions_of_a_table_load_as_they_are_written(lab: Path) -> None:
    assert package_rates("neuroid_id,region\n007,V4\n008,\n")[0] == 0
    brainio.add_catalog(lab / "lab.csv")
    assembly = brainio.get_assembly("lab.Doe2026")
    assert assembly["neuroid_id"].values.tolist() == ["007", "008"]
    assert assembly["stimulus_id"].values.tolist() == ["001", "002"]
    assert assembly["repetition"].values.tolist() == [0, 0]
    region = next(item for item in card_in(lab)["coordinates"] if item["name"] == "region")
    assert (region["missing"], region["distinct"]) == (1, 1)


@pytest.mark.parametrize(
    ("neurons", "message"),
    [
        ("neuroid_id,area,area\na,1,2\nb,3,4\n", "column 'area': found columns 2, 3 of that name"),
        ("neuroid_id,\na,1\nb,2\n", "column 2 has no name"),
        (
            "neuroid_id,depth\na,100\nb,deep\n",
            "column 'depth': found 1 of 2 cells is text among numbers: line 3 'deep'",
        ),
        ('neuroid_id,depth\na,"0,5"\nb,1.5\n', "column 'depth': found a decimal comma in line 2 '0,5'"),
        ("neuroid_id,repetition\na,1\nb,2\n", "the table of 'presentation' has 'repetition' as well"),
        ("neuroid_id\na\nb\nc\n", "3 rows; rates.npy has 2 along 'neuroid'"),
        ("neuroid_id,presentation\na,1\nb,2\n", "a coordinate of neuroid with the name of a dimension"),
    ],
)
def test_a_table_that_would_lose_a_value_is_refused(lab: Path, neurons: str, message: str) -> None:
    code, stderr = package_rates(neurons)
    assert code == 1
    assert message in stderr
    assert_nothing_was_published(lab)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("stimulus_id,rt,rt\n001,1,2\n002,3,4\n", ("--value", "rt"), "column 'rt': found columns 2, 3 of that name"),
        ("stimulus_id,rt\n001,1\n002,2\n", ("--value", "stimulus_id"), "'stimulus_id', which holds ids"),
        (
            "stimulus_id,rt\n001,1\n002,2\n",
            ("--value", "time"),
            "no column 'time'; the columns are 'stimulus_id', 'rt'",
        ),
        ("stimulus_id,rt\n001,1\n002,2\n", (), "no --value; the columns are 'stimulus_id', 'rt'"),
        ("stimulus_id,rt\n001,1\n002,2\n", ("--value", "rt", "--text", "x"), "no table has a column 'x'"),
        ('stimulus_id,rt\n001,"0,45"\n002,0.5\n', ("--value", "rt"), "a decimal comma in line 2 '0,45'"),
        ("stimulus_id,rt\n001,0.5\n002,timeout\n", ("--value", "rt"), "text among numbers: line 3 'timeout'"),
        ("stimulus_id,rt\n001,5 ms\n002,6 ms\n", ("--value", "rt", "--units", "ms"), "values that are not numbers"),
    ],
)
def test_values_that_would_become_text_or_vanish_are_refused(
    lab: Path, table: str, options: tuple[str, ...], message: str
) -> None:
    code, stderr = package_times(table, *options)
    assert code == 1
    assert message in stderr
    assert "Traceback" not in stderr
    assert "Fix: " in stderr
    assert_nothing_was_published(lab)


def test_the_fixes_that_messages_propose_work(lab: Path) -> None:
    table = "stimulus_id,rt,area\n001,0.450,46\n002,timeout,8A\n"
    options = ("--value", "rt", "--missing", "timeout", "--text", "area")
    published = package_times(table, *options, "--units", "ms", "--long-name", "reaction time")
    assert published == (0, "the assembly lab.Doe2026 is published in lab.csv\n")
    brainio.add_catalog(lab / "lab.csv")
    times = brainio.get_assembly("lab.Doe2026")
    np.testing.assert_array_equal(times.values, [0.45, np.nan])
    assert times["area"].values.tolist() == ["46", "8A"]
    assert (times.attrs["units"], times.attrs["long_name"]) == ("ms", "reaction time")
    card = card_in(lab)
    assert (card["values"]["missing"], card["units"], card["long_name"]) == (1, "ms", "reaction time")


def test_columns_of_a_parquet_table_keep_their_types(lab: Path) -> None:
    pd.DataFrame(
        {
            "stimulus_id": ["001", "002"],
            "rt": np.array([0.5, 1.5], dtype="float32"),
            "count": np.array([1, 2], dtype="int16"),
            "code": ["1", "2"],
            "when": pd.to_datetime(["2026-11-30", "2026-12-01"]),
        }
    ).to_parquet("times.parquet")
    done = run("package", "assembly", "times.parquet", "--value", "rt", "--class", "BehavioralAssembly", *SET)
    assert done.exit_code == 0, done.stderr
    brainio.add_catalog(lab / "lab.csv")
    times = brainio.get_assembly("lab.Doe2026")
    assert (times.dtype, times["count"].dtype, times["code"].values.tolist()) == ("float32", "int16", ["1", "2"])
    assert times["when"].dtype.kind == "M"


def test_a_column_with_the_name_of_its_dimension_keeps_its_name(lab: Path) -> None:
    assert package_rates("neuroid,area\n007,V4\n008,\n")[0] == 0
    brainio.add_catalog(lab / "lab.csv")
    assembly = brainio.get_assembly("lab.Doe2026")
    assert assembly["neuroid"].values.tolist() == ["007", "008"]
    assert assembly["area"].isnull().values.tolist() == [False, True]
    assert assembly.sel(area="V4").values.tolist() == [[0.0], [2.0]]
