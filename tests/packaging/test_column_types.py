"""The column types that a dry run shows before anything is published."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from click.testing import CliRunner

from brainio.cli.commands import main
from brainio.packaging.column_types import describe_columns
from brainio.stimuli import StimulusSet


def test_types_missing_values_and_examples_of_every_column_are_described() -> None:
    table = {
        "stimulus_id": ["007", "008", "009"],
        "n": [1, 2, 2],
        "hue": [0.5, np.nan, 0.5],
        "is_old": [True, False, True],
    }
    described = describe_columns(StimulusSet({**table, "kind": pd.Series([np.nan, "7", "b"], dtype=object)}))
    assert [
        (column["column"], column["type"], column["distinct"], column["missing"], column["examples"])
        for column in described
    ] == [
        ("stimulus_id", "text", 3, 0, ["'007'", "'008'", "'009'"]),
        ("n", "int64", 2, 0, ["1", "2"]),
        ("hue", "float64", 1, 1, ["0.5"]),
        ("is_old", "bool", 2, 0, ["True", "False"]),
        ("kind", "text", 2, 1, ["'7'", "'b'"]),
    ]


def test_values_of_an_assembly_are_described_before_its_coordinates() -> None:
    times = xr.DataArray(
        np.array([0.5, np.nan], dtype="float32"),
        dims=["presentation"],
        coords={"stimulus_id": ("presentation", ["a", "b"])},
        name="rt",
    )
    values, ids = describe_columns(times)
    assert values == {
        "column": "rt",
        "of": "values",
        "type": "float32",
        "distinct": None,
        "missing": 1,
        "examples": ["0.5"],
    }
    assert (ids["column"], ids["of"], ids["type"]) == ("stimulus_id", "presentation", "text")


def test_a_dry_run_shows_a_table_and_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "stimuli.csv").write_text("stimulus_id,code,filename\na,007,a.txt\n")
    publish = ("--identifier", "lab.Doe2026", "--to", str(tmp_path / "files"), "--catalog", str(tmp_path / "lab.csv"))
    arguments = ["package", "stimulus-set", str(tmp_path / "stimuli.csv"), *publish, "--dry-run"]
    shown = CliRunner().invoke(main, arguments).stdout.splitlines()
    assert shown[-5].split() == ["column", "of", "type", "distinct", "missing", "examples"]
    assert shown[-2].split() == ["code", "stimulus", "text", "1", "0", "'007'"]
    as_json = CliRunner().invoke(main, [*arguments, "--json"]).stdout
    assert '"type": "text"' in as_json
    assert not (tmp_path / "lab.csv").exists()
