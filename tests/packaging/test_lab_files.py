"""Guarantees of reading the files of a lab."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
import xarray as xr
from click.testing import CliRunner

from brainio.cli.commands import main
from brainio.errors import PackagingError
from brainio.packaging.lab_files import describe_columns, read_recording, read_stimuli
from brainio.stimuli import StimulusSet

IDS = ["007", "8", "nine"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with a file for each id, one of them in a subfolder, and a hidden file."""
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    for name in ("007.png", "8.png", "deep/nine.png", ".hidden"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture(params=[".csv", ".parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


def test_every_file_of_a_folder_without_a_table_is_a_stimulus(images: Path) -> None:
    stimuli = read_stimuli(images)
    assert stimuli["stimulus_id"].tolist() == ["007", "8", "deep/nine"]
    assert stimuli["filename"].tolist() == ["007.png", "8.png", "deep/nine.png"]
    assert stimuli.get_stimulus("deep/nine").read_text() == "deep/nine.png"


def test_a_table_finds_files_by_their_column_or_by_the_ids(images: Path, tmp_path: Path, suffix: str) -> None:
    names = ["007.png", "8.png", "deep/nine.png"]
    table = write(pd.DataFrame({"stimulus_id": IDS, "filename": names}), tmp_path / f"table{suffix}")
    assert read_stimuli(table, images).get_stimulus("nine") == images / "deep/nine.png"
    unnamed = write(pd.DataFrame({"stimulus_id": IDS[:2], "hue": [1.5, np.nan]}), tmp_path / f"unnamed{suffix}")
    stimuli = read_stimuli(unnamed, images)
    assert stimuli.get_stimulus("007") == images / "007.png"
    assert stimuli["hue"].isna().tolist() == [False, True]


def test_a_table_next_to_the_stimuli_is_found(images: Path, suffix: str) -> None:
    write(pd.DataFrame({"stimulus_id": ["007"], "filename": ["007.png"]}), images / f"stimuli{suffix}")
    assert read_stimuli(images)["stimulus_id"].tolist() == ["007"]


def test_text_of_a_parquet_table_has_the_object_dtype(tmp_path: Path) -> None:
    path = write(pd.DataFrame({"stimulus_id": ["a", "b"], "kind": ["x", None]}), tmp_path / "stimuli.parquet")
    stimuli = read_stimuli(path)
    assert stimuli["kind"].dtype == object
    assert stimuli["kind"].isna().tolist() == [False, True]


@pytest.fixture
def integers() -> pa.Table:
    """A table of integers with missing values, without the metadata of pandas."""
    counts, codes = pa.array([2**60 + 1, None, 1], pa.int64()), pa.array([2**64 - 1, None, 0], pa.uint64())
    return pa.table({"stimulus_id": IDS, "filename": ["007.png", "8.png", "deep/nine.png"], "n": counts, "code": codes})


def test_integers_with_missing_values_of_a_parquet_table_stay_integers(
    images: Path, tmp_path: Path, integers: pa.Table
) -> None:
    pyarrow.parquet.write_table(integers, tmp_path / "arrow.parquet")
    integers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}.get).to_parquet(
        tmp_path / "pandas.parquet"
    )
    for name in ("arrow.parquet", "pandas.parquet"):
        stimuli = read_stimuli(tmp_path / name, images)
        assert stimuli["n"].tolist() == [2**60 + 1, pd.NA, 1]
        assert stimuli["code"].tolist() == [2**64 - 1, pd.NA, 0]


def test_integers_that_a_float_would_round_are_refused_as_a_coordinate(tmp_path: Path, integers: pa.Table) -> None:
    tables = {"presentation": tmp_path / "trials.parquet"}
    pyarrow.parquet.write_table(integers, tables["presentation"])
    np.save(tmp_path / "rates.npy", np.zeros(3))
    with pytest.raises(PackagingError, match=r"trials\.parquet, column 'n': found Int64 with missing values"):
        read_recording(tmp_path / "rates.npy", dims=["presentation"], coords=tables)
    pyarrow.parquet.write_table(integers.slice(1), tables["presentation"])
    np.save(tmp_path / "rates.npy", np.zeros(2))
    recording = read_recording(tmp_path / "rates.npy", dims=["presentation"], coords=tables)
    np.testing.assert_array_equal(recording["n"].values, [np.nan, 1.0])


def test_a_column_that_a_parquet_table_repeats_is_named(tmp_path: Path) -> None:
    arrays = [pa.array(IDS), pa.array([1, 2, 3]), pa.array([4, 5, 6])]
    table = pa.Table.from_arrays(arrays, names=["stimulus_id", "rt", "rt"])
    pyarrow.parquet.write_table(table, tmp_path / "trials.parquet")
    with pytest.raises(PackagingError, match=r"trials\.parquet, column 'rt': found columns 2, 3 of that name"):
        read_recording(tmp_path / "trials.parquet", value="rt")


def test_a_column_that_a_table_repeats_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "neurons.csv").write_text("neuroid_id,area,area\na,V4,IT\n")
    np.save(tmp_path / "rates.npy", np.zeros(1))
    with pytest.raises(PackagingError) as refused:
        read_recording(tmp_path / "rates.npy", dims=["neuroid"], coords={"neuroid": tmp_path / "neurons.csv"})
    assert str(refused.value).count("\n  - ") == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no files"),
        ({"a.csv": "stimulus_id\n1\n", "b.csv": "stimulus_id\n1\n"}, "several tables: 'a.csv', 'b.csv'"),
        ({"a.csv": "name\n1\n"}, "no column 'stimulus_id'; it has 'name'"),
        ({"a.csv": "stimulus_id,hue\n1\n2,3,4\n"}, "line 2.*\n.*line 3"),
        ({"a.parquet": "no parquet"}, "not parquet: "),
    ],
)
def test_an_unreadable_folder_is_an_error_with_the_reason(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(PackagingError, match=message):
        read_stimuli(tmp_path)


def test_a_numpy_array_gets_coordinates_from_tables(tmp_path: Path, suffix: str) -> None:
    np.save(tmp_path / "rates.npy", np.arange(6.0).reshape(3, 2))
    trials = write(pd.DataFrame({"stimulus_id": IDS, "repetition": [0, 0, 1]}), tmp_path / f"trials{suffix}")
    neurons = write(pd.DataFrame({"neuroid_id": ["n1", "n2"]}), tmp_path / f"neurons{suffix}")
    tables = {"presentation": trials, "neuroid": neurons}
    rates = read_recording(tmp_path / "rates.npy", dims=["presentation", "neuroid"], coords=tables)
    assert rates["stimulus_id"].values.tolist() == IDS
    assert rates["repetition"].values.tolist() == [0, 0, 1]
    assert rates["neuroid_id"].dims == ("neuroid",)


def test_a_table_is_a_recording_of_its_rows(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"stimulus_id": IDS, "choice": ["cat", "dog", "cat"], "subject": ["s1", "s1", "s2"]})
    answers = read_recording(write(table, tmp_path / f"answers{suffix}"), value="choice")
    assert answers.values.tolist() == ["cat", "dog", "cat"]
    assert set(answers.coords) == {"stimulus_id", "subject"}


def test_a_netcdf_file_is_read_unchanged(tmp_path: Path) -> None:
    shown = {"stimulus_id": ("presentation", IDS)}
    xr.DataArray([1.0, 2.0, 3.0], dims=["presentation"], coords=shown, name="data").to_netcdf(tmp_path / "a.nc")
    recording = read_recording(tmp_path / "a.nc")
    assert recording["stimulus_id"].values.tolist() == IDS


def test_all_tables_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    np.save(tmp_path / "rates.npy", np.ones((3, 2)))
    short = write(pd.DataFrame({"stimulus_id": ["a"]}), tmp_path / "short.csv")
    tables = {"presentation": short, "time_bin": short}
    with pytest.raises(PackagingError, match=r"1 rows; .* has 3 along 'presentation'(?s:.*)a table of 'time_bin'"):
        read_recording(tmp_path / "rates.npy", dims=["presentation", "neuroid"], coords=tables)


def test_a_wrong_number_of_dims_is_an_error_with_both_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "rates.npy", np.ones((3, 2)))
    with pytest.raises(PackagingError, match=r"2 dimensions, of \(3, 2\) elements, and 1 names: 'presentation'"):
        read_recording(tmp_path / "rates.npy", dims=["presentation"])


def test_pickles_in_a_numpy_file_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(PackagingError, match="expected: a NumPy array of numbers or text"):
        read_recording(tmp_path / "objects.npy", dims=["presentation"])


def test_the_column_of_values_must_be_named(tmp_path: Path) -> None:
    path = write(pd.DataFrame({"stimulus_id": ["a"], "answer": [1]}), tmp_path / "answers.csv")
    with pytest.raises(PackagingError, match="no column 'choice'; the columns are 'stimulus_id', 'answer'"):
        read_recording(path, value="choice")


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
