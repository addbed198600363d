"""Tables of stimulus sets load with unchanged values and types, or are refused."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.errors import PackagingError, StimulusSetFormatError
from brainio.packaging import create_stimulus_csv
from brainio.stimuli import StimulusSet
from brainio.validation import validate
from tests.tiers import scaled_examples

if TYPE_CHECKING:
    from pathlib import Path

UNUSUAL = [
    "NA",
    "None",
    "True",
    "false",
    "1e5",
    "007",
    "",
    "nan",
    "inf",
    "-1",
    "2026-11-30",
    " a ",
    "\t",
    "null",
    "1,5",
]
BREAKS = ["a\rb", "a\nb", "a\r\nb", "\r", "\n", "a\u2028b", "a\x85b", 'a"b', '"', '""', '","', "a,b", "\ufeffa", "'"]


def table(**columns: Any) -> StimulusSet:
    count = len(next(iter(columns.values())))
    ids = [f"s{number}" for number in range(count)]
    return StimulusSet({"stimulus_id": ids, "filename": [f"{key}.png" for key in ids], **columns})


def round_trip(stimuli: StimulusSet, folder: Path) -> StimulusSet:
    create_stimulus_csv(stimuli, folder / "stimuli.csv")
    return StimulusSet.from_files(folder / "stimuli.csv", folder)


def objects(*values: object) -> pd.Series:
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize("text", [*UNUSUAL, *BREAKS])
def test_text_that_looks_like_another_type_stays_text(tmp_path: Path, text: str) -> None:
    loaded = round_trip(table(caption=[text, text], country=[text, "DE"]), tmp_path)
    assert loaded["caption"].tolist() == [text, text]
    assert loaded["country"].tolist() == [text, "DE"]
    assert loaded["caption"].dtype == loaded["country"].dtype == object


def test_missing_text_and_empty_text_differ(tmp_path: Path) -> None:
    loaded = round_trip(table(caption=objects("a", None, "", np.nan), none=objects(None, None, None, None)), tmp_path)
    assert loaded["caption"].isna().tolist() == [False, True, False, True]
    assert loaded["caption"][2] == ""
    assert loaded["none"].dtype == object
    assert loaded["none"].isna().all()


VALUES: dict[str, tuple[Any, str]] = {
    "integers": ([1, -2, 2**62], "int64"),
    "small integers": (np.array([1, 2, 255], dtype=np.uint8), "int64"),
    "large integers": (np.array([1, 2, 2**64 - 1], dtype=np.uint64), "uint64"),
    "integers as objects": (objects(1, 2, 3), "int64"),
    "integers with missing values": (pd.array([2**53 + 1, None, 3], dtype="Int64"), "Int64"),
    "large integers with missing values": (pd.array([2**64 - 1, None, 3], dtype="UInt64"), "UInt64"),
    "integers and None": (objects(2**53 + 1, None, 3), "Int64"),
    "floats": ([0.1, -0.0, 5e-324], "float64"),
    "whole floats": ([1.0, 2.0, 1e22], "float64"),
    "floats with missing values": ([0.1, np.nan, np.inf], "float64"),
    "whole floats with missing values": ([1.0, np.nan, -np.inf], "float64"),
    "missing floats": ([np.nan, np.nan, np.nan], "float64"),
    "single precision": (np.array([0.1, 2, 3], dtype=np.float32), "float64"),
    "truth values": ([True, False, True], "bool"),
    "truth values as objects": (objects(True, None, False), "object"),
    "nullable truth values": (pd.array([True, None, False], dtype="boolean"), "object"),
    "seconds": (np.array(["2026-01-01", "1969-12-31", "NaT"], dtype="datetime64[s]"), "datetime64[s]"),
    "nanoseconds": (np.array([1, 2, 3], dtype="datetime64[ns]"), "datetime64[ns]"),
    "categories": (pd.Categorical(["a", None, "b"]), "object"),
    "text of Arrow": (pd.array(["NA", None, ""], dtype="string"), "object"),
}


@pytest.mark.parametrize("name", VALUES)
def test_types_of_columns_survive(tmp_path: Path, name: str) -> None:
    values, dtype = VALUES[name]
    original = table(x=values)
    loaded = round_trip(original, tmp_path)
    assert str(loaded["x"].dtype) == dtype
    assert loaded["x"].isna().tolist() == original["x"].isna().tolist()
    assert loaded["x"].dropna().tolist() == original["x"].dropna().tolist()
    pd.testing.assert_frame_equal(pd.DataFrame(round_trip(loaded, tmp_path)), pd.DataFrame(loaded))


REFUSED: dict[str, tuple[Any, str]] = {
    "numbers and text": (objects(0.5, "timeout", 0.7), r"1 of 3 values is text among numbers: 'timeout' \(row 1\)"),
    "truth values and numbers": (objects(True, 2, 3), "True and False among numbers"),
    "lists": (objects([1], [2], [3]), r"list \[1\].*create a column for each part"),
    "durations": (pd.to_timedelta([1, 2, 3], unit="s"), r"timedelta64.*pd\.Timedelta\('1ms'\)"),
    "dates as objects": (objects(date(2026, 1, 1), None, None), r"pd\.to_datetime"),
    "time zones": (pd.date_range("2026", periods=3, tz="Europe/Berlin"), "time zone Europe/Berlin.*tz_convert"),
    "ordered categories": (pd.Categorical([1, 2, 3], ordered=True), "ordered categories.*astype"),
    "unused categories": (pd.Categorical(["a", "a", "a"], ["a", "b"]), "1 of them unused"),
    "complex numbers": ([1j, 2, 3], "complex128.*real part"),
    "huge integers": (objects(2**64, 1, 2), "integer 18446744073709551616"),
    "integers beside floats": (objects(2**53 + 1, 0.5, 1), "9007199254740993 next to floats"),
    "NUL": (["a\0", "b", "c"], r"NUL character.*\(row 0\)"),
    "lone surrogates": (objects("a", "\udc80", "c"), r"U\+DC80.*\(row 1\)"),
    "bytes": (objects(b"a", b"b", b"c"), "bytes b'a'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_columns_that_a_csv_file_cannot_store_are_refused_with_row_and_fix(tmp_path: Path, name: str) -> None:
    values, message = REFUSED[name]
    with pytest.raises(PackagingError, match=f"column 'x': found .*{message}"):
        create_stimulus_csv(table(x=values), tmp_path / "stimuli.csv")
    assert not list(tmp_path.glob("*stimuli*"))
    codes = [problem.code for problem in validate(table(x=values)).errors]
    assert codes[0] in ("column-mixed-type", "column-not-plain", "text-invalid")


def test_names_and_indexes_that_a_csv_file_cannot_store_are_refused(tmp_path: Path) -> None:
    stimuli = table(a=[1, 2], b=[3, 4])
    for bad, message in [
        (stimuli.rename(columns={"b": "a"}), "2 columns are named 'a'"),
        (stimuli.rename(columns={"b": 3}), "column 3"),
        (stimuli.rename(columns={"b": ""}), "column ''"),
        (stimuli.set_index("a"), r"index is named 'a'.*reset_index"),
        (stimuli.drop(columns="stimulus_id"), "no column 'stimulus_id'"),
        (stimuli[:0], "no rows"),
    ]:
        with pytest.raises(PackagingError, match=message):
            create_stimulus_csv(bad, tmp_path / "stimuli.csv")


def test_ids_that_are_numbers_become_text(tmp_path: Path) -> None:
    loaded = round_trip(table(x=[1, 2]).assign(stimulus_id=[7, 8]), tmp_path)
    assert loaded["stimulus_id"].tolist() == ["7", "8"]


def test_other_programs_read_an_ordinary_table(tmp_path: Path) -> None:
    stimuli = table(size=[1, 2], rt=[0.5, np.nan], word=['a "b", c', "d\re"], flag=[True, False])
    create_stimulus_csv(stimuli, tmp_path / "stimuli.csv")
    content = (tmp_path / "stimuli.csv").read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(content)), pd.DataFrame(stimuli))


def test_a_table_of_another_program_is_read_like_before(tmp_path: Path) -> None:
    create_stimulus_csv(table(code=["007", "008"], none=["NA", "x"]), tmp_path / "stimuli.csv")
    pd.read_csv(tmp_path / "stimuli.csv").to_csv(tmp_path / "rewritten.csv", index=False)
    loaded = StimulusSet.from_files(tmp_path / "rewritten.csv", tmp_path)
    assert loaded["code"].tolist() == [7, 8]
    for quoted in ('"stimulus_id","filename","code"\n"a","a.png","007"\n', "stimulus_id,filename,code\na,a.png,007\n"):
        (tmp_path / "quoted.csv").write_text(quoted)
        assert StimulusSet.from_files(tmp_path / "quoted.csv", tmp_path)["code"].tolist() == [7]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('"b","b.png",dog,2', r"column 'object' has 1 of 2 cells that are not quoted: line 3 has dog\. Quote every"),
        ('"b","b.png","dog",two', "column 'size' has 1 of 2 cells.*neither quoted nor all numbers"),
        ('"b","b.png","dog"', "line 3 has 3 fields, expected 4"),
        ('"b","b.png","dog,2', "quotation mark is misplaced.*line 3"),
        ('"b","b.png","dog"s,2', "quotation mark is misplaced.*line 3"),
        ('"b","b.png","dog",2026-02-30T00:00:00', "column 'size'"),
        ('"b","b.png","dog",2\r3', "line breaks outside quotes"),
    ],
)
def test_a_damaged_typed_table_is_refused_with_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "stimuli.csv"
    path.write_bytes(f'stimulus_id,"filename","object","size"\n"a","a.png","car",1\n{row}\n'.encode())
    with pytest.raises(StimulusSetFormatError, match=message) as caught:
        StimulusSet.from_files(path, tmp_path)
    assert str(path) in str(caught.value)


def test_converted_line_endings_are_refused_since_they_also_change_texts(tmp_path: Path) -> None:
    path = tmp_path / "stimuli.csv"
    path.write_bytes(b'stimulus_id,"filename"\r\n"a","a\r\nb.png"\r\n')
    with pytest.raises(StimulusSetFormatError, match="end with CR LF"):
        StimulusSet.from_files(path, tmp_path)


TEXTS = st.one_of(
    st.sampled_from(UNUSUAL + BREAKS),
    st.text(max_size=8),
    st.text(alphabet=' "\r\n,0123eE+-.infNaTrue\u2028\0', max_size=6),
)
CELLS = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.integers(-(2**64), 2**64), st.just(pd.NA)
)


def columns(count: int) -> st.SearchStrategy[pd.Series]:
    def of(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        return st.lists(cells, min_size=count, max_size=count)

    kinds = (TEXTS, st.integers(-(2**63), 2**64), st.floats(), st.booleans())
    plain = [of(cells).map(pd.Series) for cells in kinds]
    as_objects = [
        of(cells | st.none()).map(lambda values: pd.Series(values, dtype=object)) for cells in (*kinds, CELLS)
    ]
    nullable = [
        of(st.integers(-(2**63), 2**63 - 1) | st.none()).map(lambda values: pd.Series(pd.array(values, dtype="Int64"))),
        of(st.booleans() | st.none()).map(lambda values: pd.Series(pd.array(values, dtype="boolean"))),
        of(st.datetimes() | st.none()).map(lambda values: pd.Series(values, dtype="datetime64[us]")),
        of(TEXTS | st.none()).map(lambda values: pd.Series(pd.Categorical(values))),
    ]
    return st.one_of(*plain, *as_objects, *nullable)


TABLES = st.integers(1, 5).flatmap(lambda count: st.lists(columns(count), min_size=1, max_size=4))


def equal(value: Any, loaded: Any) -> bool:
    if pd.isna(value) or pd.isna(loaded):
        return bool(pd.isna(value) and pd.isna(loaded))
    return bool(value == loaded) and isinstance(value, str) == isinstance(loaded, str)


@settings(max_examples=scaled_examples(150), deadline=None)
@given(TABLES)
def test_any_table_loads_with_equal_values_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[pd.Series]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "typed"
    folder.mkdir(exist_ok=True)
    original = table(**{f"column{number}": column for number, column in enumerate(drawn)})
    try:
        create_stimulus_csv(original, folder / "stimuli.csv")
    except PackagingError as error:
        assert "Fix:" in str(error)  # noqa: PT017
        return
    loaded = StimulusSet.from_files(folder / "stimuli.csv", folder)
    assert list(loaded.columns) == list(original.columns)
    for name in original.columns:
        before, after = original[name].tolist(), loaded[name].tolist()
        assert all(map(equal, before, after)), (before, after)
        if original[name].dtype in ("int64", "uint64", "float64", "bool", "Int64", "datetime64[us]"):
            assert loaded[name].dtype == original[name].dtype or original[name].notna().all()
