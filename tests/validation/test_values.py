"""Guarantees of the types of columns in CSV tables: no code loses its form, no measurement becomes text silently."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.validation import Problem
from brainio.validation.table_files import parse_packaged_table
from brainio.validation.values import CellRules, Cells, infer_column, is_id_column

DOCUMENT = Path(__file__).parents[2] / "docs" / "tables.md"


def read(*texts: str, name: str = "depth", is_value: bool = False, text: str = "") -> tuple[np.ndarray, list[Problem]]:
    column = pd.Series([np.nan if cell == "" else cell for cell in texts], dtype=object)
    cells = Cells(name, column, [f"line {number + 2}" for number in range(len(texts))], "file trials.csv")
    return infer_column(cells, CellRules(text=[text]), is_value=is_value)


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["7", "-12", "0"], "int64", [7, -12, 0]),
        (["9223372036854775807"], "int64", [2**63 - 1]),
        (["18446744073709551615"], "uint64", [2**64 - 1]),
        (["0.5", "2.0", "10.25"], "float64", [0.5, 2.0, 10.25]),
        ([".5", "-.25"], "float64", [0.5, -0.25]),
        (["0.50", "1.00", "12.25"], "float64", [0.5, 1.0, 12.25]),
        (["1", "2.5"], "float64", [1.0, 2.5]),
        (["1e-05", "1.5E+20", "1e+05"], "float64", [1e-05, 1.5e20, 1e5]),
        (["0.5", "inf", "-inf"], "float64", [0.5, np.inf, -np.inf]),
        (["True", "False"], "bool", [True, False]),
    ],
)
def test_a_column_of_numbers_as_programs_write_them_is_numeric(
    texts: list[str], dtype: str, values: list[object]
) -> None:
    column, problems = read(*texts)
    assert (column.dtype, column.tolist(), problems) == (np.dtype(dtype), values, [])


@pytest.mark.parametrize(
    "texts",
    [
        ["007", "008"],
        ["007", "12"],
        ["00", "01"],
        ["1e5", "2e5"],
        ["+1", "+2"],
        ["+1", "1"],
        ["1_000", "2_000"],
        [" 1", " 2"],
        ["0x1F", "0x20"],
        ["NA", "DE"],
        ["None", "left"],
        ["nan", "nan"],
        ["null"],
        ["TRUE", "FALSE"],
        ["True", "maybe"],
        ["inf", "sup"],
        ["2026-11-30", "2026-12-01"],
        ["12:30"],
        ["1.1", "1.10"],
        ["12345678901234567890123"],
        ["9007199254740993", "0.5"],
        ["1e+400"],
        ["V1", "V4", "7"],
        ["007", "NA", "1e5", "True", " 1", "12"],
        ["٣"],  # a digit, for Python
        ["\N{MINUS SIGN}1", "\N{MINUS SIGN}2"],
    ],
)
def test_text_that_looks_like_another_type_keeps_every_character(texts: list[str]) -> None:
    column, problems = read(*texts)
    assert (column.tolist(), problems) == (texts, [])


@pytest.mark.parametrize("name", ["neuroid_id", "stimulus_id", "id", "filename"])
def test_ids_are_always_text(name: str) -> None:
    assert is_id_column(name)
    assert read("7", "8", name=name)[0].tolist() == ["7", "8"]


def test_an_empty_cell_is_missing_in_text_and_makes_integers_floats() -> None:
    assert pd.isna(read("V4", "")[0]).tolist() == [False, True]
    numbers, _ = read("7", "")
    assert (numbers.dtype, numbers[0], np.isnan(numbers[1])) == (np.dtype("float64"), 7.0, True)
    assert read("9007199254740993", "")[0].tolist()[0] == "9007199254740993"
    assert read("True", "")[0].tolist()[0] == "True"


def test_a_column_that_mixes_numbers_and_words_names_rows_cells_and_the_way_out() -> None:
    _, [mixed] = read("100", "200", "deep", "300", "too deep", "")
    assert mixed.code == "cell-kind-differs"
    assert mixed.place == "file trials.csv, column 'depth'"
    assert mixed.found == "2 of 5 cells are text among numbers: line 4 'deep', line 6 'too deep'"
    assert "--missing deep" in mixed.fix
    assert "--text depth" in mixed.fix
    assert read("100", "deep", text="depth")[1] == []


@pytest.mark.parametrize("is_value", [True, False])
def test_a_decimal_comma_in_a_column_of_numbers_is_an_error(is_value: bool) -> None:
    _, [comma] = read("0,45", "0.5", is_value=is_value)
    assert (comma.code, comma.found) == ("number-form", "a decimal comma in line 2 '0,45'")
    assert "write 0.45" in comma.fix


def test_all_problems_of_a_column_are_listed_at_once() -> None:
    _, problems = read("0,45", "0.5", " 0.6", "+0.7", "timeout", is_value=True)
    assert [item.found for item in problems] == [
        "a decimal comma in line 2 '0,45'",
        "white space around numbers in line 4 ' 0.6'",
        "another form of numbers in line 5 '+0.7'",
        "1 of 5 cells is text among numbers: line 6 'timeout'",
    ]


def test_a_single_number_among_values_of_text_is_an_error() -> None:
    _, [mixed] = read("cat", "dog", "7", "cat", is_value=True)
    assert mixed.found == "1 of 4 cells is numbers among text: line 4 '7'"
    assert read("cat", "dog", "7", "cat", is_value=True, text="depth")[1] == []


def test_values_of_codes_stay_text_and_values_with_any_number_of_digits_are_numbers() -> None:
    assert read("007", "012", is_value=True)[0].tolist() == ["007", "012"]
    assert read("0.5", "0.50", is_value=True)[0].tolist() == [0.5, 0.5]


def test_the_documentation_has_each_form() -> None:
    text = DOCUMENT.read_text()
    for form in ("007", "1e5", "+1", "1_000", " 1", "NA", "None", "nan", "TRUE", "2026-11-30", "0x1F", "0,45"):
        assert f"`{form}`" in text


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_printed_by_python_and_pandas_are_read_bit_for_bit(numbers: list[float]) -> None:
    column, problems = read(*map(repr, numbers))
    assert problems == []
    assert column.tobytes() == np.array(numbers).tobytes()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_are_read_as_integers(numbers: list[int]) -> None:
    column, problems = read(*map(str, numbers))
    assert (column.dtype, column.tolist(), problems) == (np.dtype("int64"), numbers, [])


@given(st.lists(st.text(alphabet="0123456789+-.,eEx_ NA", min_size=1), min_size=1), st.booleans())
def test_a_column_is_unchanged_text_or_exact_numbers(texts: list[str], is_value: bool) -> None:
    column, _ = read(*texts, is_value=is_value)
    if column.dtype == object:
        assert column.tolist() == texts
    else:
        assert column.tolist() == [float(text) for text in texts]


def test_rows_of_empty_cells_are_left_out_with_a_warning_and_blank_lines_without() -> None:
    table, problems = parse_packaged_table(b"stimulus_id,rt\na,1\n,\n\nb,2\n,\n", "trials.csv")
    assert len(table.frame) == 2
    [found] = problems
    assert (found.code, found.severity, found.place) == ("row-empty", "warning", "trials.csv")
    assert "lines 3, 6" in found.found
