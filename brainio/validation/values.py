"""Values of columns: their kinds, the ids among them, and the types inferred from the text cells of user tables.

A column of a user table is text unless all cells are numbers as programs write them. `docs/tables.md` documents the
rules for users. The types of published stimulus sets follow other rules, see `table_files`.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainio.stimuli import FILENAME
from brainio.text import fault_of_text, shorten
from brainio.validation.report import Problem, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence


TEXT, NUMBER, TRUTH = "text", "numbers", "True and False"
_KINDS = {"i": NUMBER, "u": NUMBER, "f": NUMBER, "c": NUMBER, "U": TEXT, "S": TEXT, "T": TEXT, "b": TRUTH}
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_CONVENTION = re.compile(r"[a-z][a-z0-9_]*\.[A-Z][A-Za-z]*[0-9]{4}(?![0-9])")
_LONGEST = 220  # characters in a message
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-][0-9]+)?")
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_COMMA = re.compile(r"[+-]?(?:[0-9]*,[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?)")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
_INFINITE = frozenset({"inf", "-inf"})
_TRUTHS = {"True": True, "False": False}
_EXACT = 2**53  # whole numbers up to this one are exact in float64
_MOST_CELLS = 3  # in a message
_CELL_KINDS = ("number", "comma", "padded", "code", "word")
_FORMS = {"comma": "a decimal comma", "padded": "white space around numbers", "code": "another form of numbers"}
_FORM_FIX = "write 0.45 or 12; to keep the column as text, pass --text {column}"

_KIND_FIX = (
    "correct the cells; if they mean that a value is missing, leave them empty or pass --missing {missing}; to keep "
    "the column as text, pass --text {column}"
)


def kinds_of(values: np.ndarray) -> list[str]:
    """Return the sorted names of the kinds of values, without missing ones."""
    if values.dtype.kind in _KINDS:
        return [_KINDS[values.dtype.kind]]
    if values.dtype.kind != "O":
        return [str(values.dtype)]
    types = {type(value) for value in values.ravel()[~pd.isna(values.ravel())]}
    return sorted({_kind_of(cls) for cls in types})


def _kind_of(cls: type) -> str:
    if issubclass(cls, str):
        return TEXT
    if issubclass(cls, bool | np.bool_):
        return TRUTH
    return NUMBER if issubclass(cls, int | float | np.number) else cls.__name__


def fault_of_texts(values: np.ndarray) -> tuple[int, str] | None:
    """Return position and description of the first text that cannot be stored, None if all can."""
    if values.dtype.kind not in "OUT":
        return None
    texts = [value if isinstance(value, str) else "" for value in values.ravel().tolist()]
    if fault_of_text("".join(texts)) is None:
        return None
    return next((place, fault) for place, fault in enumerate(map(fault_of_text, texts)) if fault)


def is_text(value: object) -> bool:
    """Whether a value is a non-empty text."""
    return isinstance(value, str) and bool(value.strip())


def is_integer(value: object) -> bool:
    """Whether an id is a number, as in older packages; files store it as text."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_id(value: object) -> bool:
    """Whether a value can be a `stimulus_id`: a non-empty text, or a number as in older packages."""
    return is_text(value) or is_integer(value)


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NA or NaT."""
    return value is None or (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT


def repeats(values: Iterable[object], key: Callable[[object], object] = str) -> list[tuple[int, int]]:
    """Return (position, position of first occurrence) of each repeated value; `key` decides equality."""
    first: dict[object, int] = {}
    found = [(place, first.setdefault(key(value), place)) for place, value in enumerate(values)]
    return [(place, earlier) for place, earlier in found if place != earlier]


def identifier_problems(identifier: object, place: str = "the identifier") -> list[Problem]:
    """List the problems of an identifier.

    Examples
    --------
    >>> names = "dicarlo.MajajHong2015.public", "hvm", "lab/Doe"
    >>> [item.code for name in names for item in identifier_problems(name)]
    ['identifier-unconventional', 'identifier-malformed']
    """
    found = repr(identifier)[:_LONGEST]
    if not (isinstance(identifier, str) and _IDENTIFIER.fullmatch(identifier)) or ".." in identifier:
        return [problem("identifier-malformed", place, found)]
    return [] if _CONVENTION.match(identifier) else [problem("identifier-unconventional", place, found)]


def is_id_column(name: object) -> bool:
    """Whether a column holds ids or file names, which are always text.

    Examples
    --------
    >>> is_id_column("neuroid_id"), is_id_column("region")
    (True, False)
    """
    return isinstance(name, str) and (name in ("id", FILENAME) or name.endswith("_id"))


@dataclass(frozen=True, slots=True)
class CellRules:
    """Declarations of the user about the cells of tables.

    Attributes
    ----------
    text : collection of str
        Columns that are text even if their cells are numbers.
    missing : collection of str
        Cells that mean a missing value, in addition to empty cells.
    """

    text: Collection[str] = field(default_factory=frozenset)
    missing: Collection[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of a table as text, with NaN for missing cells.

    Attributes
    ----------
    name : str
        Name of the column.
    texts : pandas.Series
        The cells, of object dtype.
    rows : sequence of str
        Names of the rows in messages, such as `'line 3'`.
    file : str
        Name of the table in messages.
    """

    name: str
    texts: pd.Series
    rows: Sequence[str]
    file: str

    @property
    def place(self) -> str:
        """Place of the column in problems."""
        return f"{self.file}, column {self.name!r}"


def infer_column(cells: Cells, rules: CellRules, *, is_value: bool = False) -> tuple[np.ndarray, list[Problem]]:
    """Infer the type of a column; return its values, and the problems of a mixed column.

    Parameters
    ----------
    cells : Cells
        The column.
    rules : CellRules
        Declarations of the user.
    is_value : bool, default False
        Whether the column holds the values of a recording, in which a single cell of another kind is a problem.

    Returns
    -------
    numpy.ndarray, list of Problem
        Numbers (int64, uint64 or float64), booleans, or text (object dtype, NaN where missing).

    Examples
    --------
    >>> import pandas as pd
    >>> def values(*texts):
    ...     rows = [f"line {number + 2}" for number in range(len(texts))]
    ...     return infer_column(Cells("depth", pd.Series(texts, dtype=object), rows, "a.csv"), CellRules())
    >>> values("1", "20")[0].dtype, values("007", "020")[0].tolist()
    (dtype('int64'), ['007', '020'])
    >>> print(values("0.5", "deep")[1][0].found)
    1 of 2 cells is text among numbers: line 3 'deep'
    """
    texts = cells.texts
    if is_id_column(cells.name) or cells.name in rules.text:
        return texts.to_numpy(), []
    distinct = texts.dropna().unique().tolist()
    kinds = _cell_kinds(distinct)
    counted = texts.map(kinds)
    counts = {kind: int((counted == kind).sum()) for kind in dict.fromkeys(kinds.values())}
    problems = _mixture_problems(cells, counted, counts, is_value=is_value)
    if not problems and distinct and counts.keys() == {"number"}:
        numbers = _to_numbers(texts, distinct, any_form=is_value)
        if numbers is not None:
            return numbers, []
    if distinct and texts.notna().all() and set(distinct) <= _TRUTHS.keys():
        return texts.map(_TRUTHS).to_numpy(dtype=bool), []
    return texts.to_numpy(), problems


def _cell_kinds(distinct: Iterable[str]) -> dict[str, str]:
    """Return the kind of each distinct cell; infinities are numbers in a column of numbers."""
    kinds = {text: _cell_kind(text) for text in distinct}
    words = {text for text, kind in kinds.items() if kind == "word"}
    is_finite_or_not = words <= _INFINITE and set(kinds.values()) == {"number", "word"}
    return dict.fromkeys(kinds, "number") if is_finite_or_not else kinds


def _cell_kind(text: str) -> str:
    """Return 'number', 'comma', 'padded', 'code' (a number that no program writes so), or 'word'."""
    if _NUMBER.fullmatch(text):
        return "number" if math.isfinite(float(text)) else "code"
    bare = text.strip()
    if _COMMA.fullmatch(bare):
        return "comma"
    if _NUMBER.fullmatch(bare):
        return "padded"
    try:
        return "code" if _HEXADECIMAL.fullmatch(bare) or math.isfinite(float(bare)) else "word"
    except ValueError:
        return "word"


def _mixture_problems(cells: Cells, kinds: pd.Series, counts: Mapping[str, int], *, is_value: bool) -> list[Problem]:
    """List the cells that are not plain numbers in a column of numbers."""
    number, comma, padded, code, word = (counts.get(kind, 0) for kind in _CELL_KINDS)
    numeric = number + comma + (padded if is_value else 0)
    if not numeric or (not is_value and (code or numeric < word + padded)):
        return []
    problems = [
        problem(
            "number-form", cells.place, f"{form} in {_format_cells(cells, kinds == kind)}", fix=_fix(_FORM_FIX, cells)
        )
        for kind, form in _FORMS.items()
        if counts.get(kind)
    ]
    return problems + ([_mixed_kinds_problem(cells, kinds == "word", numeric + code)] if word else [])


def _mixed_kinds_problem(cells: Cells, is_word: pd.Series, numeric: int) -> Problem:
    """Report the cells of the rarer kind in a column of numbers and words."""
    words = int(is_word.sum())
    is_rare, count, usual = (is_word, words, "text among numbers")
    if numeric < words:
        is_rare, count, usual = (~is_word & cells.texts.notna(), numeric, "numbers among text")
    verb = "is" if count == 1 else "are"
    found = f"{count:,} of {numeric + words:,} cells {verb} {usual}: {_format_cells(cells, is_rare)}"
    example = shlex.quote(shorten(str(cells.texts[is_word].iloc[0]), 40))
    return problem("cell-kind-differs", cells.place, found, fix=_fix(_KIND_FIX, cells).replace("{missing}", example))


def _fix(fix: str, cells: Cells) -> str:
    return fix.replace("{column}", shlex.quote(cells.name))


def _format_cells(cells: Cells, chosen: pd.Series) -> str:
    """Format the first chosen cells with row and content, and the number of further ones."""
    places = np.flatnonzero(chosen.to_numpy())
    named = ", ".join(
        f"{cells.rows[at]} {shorten(repr(cells.texts.iloc[at]), 40)}" for at in places[:_MOST_CELLS].tolist()
    )
    return named if len(places) <= _MOST_CELLS else f"{named} and {len(places) - _MOST_CELLS:,} more"


def _to_numbers(texts: pd.Series, distinct: Sequence[str], *, any_form: bool) -> np.ndarray | None:
    """Convert a column to numbers; None if the conversion would lose digits that distinguish texts."""
    if all(map(_INTEGER.fullmatch, distinct)):
        integers = [int(text) for text in distinct]
        low, high = min(integers), max(integers)
        if texts.notna().all():
            if low >= -(2**63) and high < 2**63:
                return np.array([int(text) for text in texts], dtype=np.int64)
            if low >= 0 and high < 2**64:
                return np.array([int(text) for text in texts], dtype=np.uint64)
    is_exact = all(abs(int(text)) <= _EXACT for text in distinct if _INTEGER.fullmatch(text))
    if not any_form and not (is_exact and _is_form_of_programs(distinct)):
        return None
    return np.array([math.nan if isinstance(text, float) else float(text) for text in texts], dtype=np.float64)


def _is_form_of_programs(distinct: Iterable[str]) -> bool:
    """Whether cells have as few decimals as possible (`0.5`, `2.0`), or equally many (`0.50`, `2.00`)."""
    decimals = [text.partition(".")[2] for text in distinct if "." in text and "e" not in text.lower()]
    return len(set(map(len, decimals))) <= 1 or all(text == "0" or not text.endswith("0") for text in decimals)
