"""Typed CSV files: text is quoted, numbers and missing values are not, so that types need not be guessed.

Such a file is recognized by its header: every name is quoted, except that of the key column. Other programs read it as
an ordinary CSV file. `docs/stimulus-csv.md` describes the format; `columns` defines the values that it can store.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from brainio.errors import StimulusSetFormatError
from brainio.text import shorten, some

STIMULUS_ID = "stimulus_id"
IMAGE_ID = "image_id"
FILENAME = "filename"
MOST_COLUMNS = 10_000
"""Maximum number of columns of a stimulus set: pandas takes seconds for as many."""
TEXT_COLUMNS = (STIMULUS_ID, IMAGE_ID, FILENAME)
NAN = "nan"
"""The cells of a column of floats in which every value is missing; empty cells alone would be a column of text."""

_NAME = rb'"(?>[^"]|"")*+"'
_MARK = re.compile(rb"(?:%b,)*+(?:stimulus_id|image_id)(?:,%b)*+\r?\n" % (_NAME, _NAME))
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(rb"-?[0-9]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.([0-9]{3}|[0-9]{6}|[0-9]{9}))?")
_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}  # by the digits of the fraction
_QUOTE, _COMMA, _LINE_FEED = b'",\n'
# The only texts that pandas converts to numbers or booleans. Explicit types for all text would take twice the time.
_LIKE_NUMBERS = re.compile(rb'"\s*(?:[+-]?[0-9.]+(?:e[+-]?[0-9]*)?|[+-]?inf(?:inity)?|true|false)?\s*"', re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
# pandas parses floats exactly since 3.1, earlier only on request
_EXACT = {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}


def refuse_nul(content: bytes, place: str) -> None:
    """Raise StimulusSetFormatError, which names the line, if a CSV file holds a NUL character."""
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise StimulusSetFormatError(f"{place} line {line} holds a NUL character; expected text in UTF-8")


def is_typed(content: bytes) -> bool:
    r"""Return whether a CSV file is typed.

    Examples
    --------
    >>> is_typed(b'stimulus_id,"filename"\n"a","a.png"\n'), is_typed(b"stimulus_id,filename\na,a.png\n")
    (True, False)
    """
    header = _MARK.match(content, len(_BOM) if content.startswith(_BOM) else 0)
    return header is not None and b'"' in header[0]


class TypedCsv:
    r"""The checked cells of a typed CSV file; `table` reads them.

    Parameters
    ----------
    content : bytes
        Content for which `is_typed` is true.
    place : str
        Name of the file in errors.

    Raises
    ------
    StimulusSetFormatError
        A row has too many or too few cells, a quote is misplaced, a column mixes quoted and unquoted cells, or there
        is a NUL character. The message names line and column.

    Examples
    --------
    >>> table = TypedCsv(b'stimulus_id,"code","size"\n"a","007",1.5\n"b",,2.0\n', "a.csv").table()
    >>> table["code"].tolist(), table["size"].dtype
    (['007', nan], dtype('float64'))
    """

    def __init__(self, content: bytes, place: str) -> None:
        refuse_nul(content, f"{place}:")
        content = content.removeprefix(_BOM)
        self._content = content if content.endswith(b"\n") else content + b"\n"
        self._place = place
        if self._content[: self._content.index(b"\n")].endswith(b"\r"):
            raise self._error(
                "has lines that end with CR LF: a program converted them, including those inside texts. Fetch the file "
                "again without conversion (for git: `*.csv -text` in .gitattributes)"
            )
        self._bytes = np.frombuffer(self._content, np.uint8)
        ends = self._cell_ends()
        breaks = np.flatnonzero(self._bytes[ends] == _LINE_FEED)
        width = int(breaks[0]) + 1
        if width > MOST_COLUMNS:
            raise self._error(f"has {width:,} columns; a stimulus set has at most {MOST_COLUMNS:,}")
        self._check_row_lengths(ends, breaks, width)
        starts = np.concatenate(([0], ends[:-1] + 1))
        self.names = [self._name(start, end) for start, end in zip(starts[:width], ends[:width], strict=True)]
        self._check_names()
        self._starts, self._ends = starts[width:].reshape(-1, width), ends[width:].reshape(-1, width)
        first = self._bytes[self._starts]
        is_quoted = first == _QUOTE
        self._is_empty = self._starts == self._ends
        self._has_missing, has_quotes = _any_by_column(self._is_empty), _any_by_column(is_quoted)
        self._texts = [n for n, name in enumerate(self.names) if name in TEXT_COLUMNS or has_quotes[n]]
        self._others = sorted({*range(width)} - {*self._texts})
        self._may_be_nan = any(self._has_missing[n] for n in self._others) or bool((first == ord(NAN[0])).any())
        self._check_quoting(is_quoted, has_quotes)

    @cached_property
    def lines(self) -> list[int]:
        """The first line of each row, counted from 1 like in editors."""
        breaks = np.flatnonzero(self._bytes == _LINE_FEED)
        return (np.searchsorted(breaks, self._starts[:, 0]) + 1).tolist()

    def table(self) -> pd.DataFrame:
        """Read all columns.

        Returns
        -------
        pandas.DataFrame
            Text is in object columns of `str`, with NaN for missing values. Other columns are int64 or uint64 (Int64 or
            UInt64 if values are missing), float64, bool (objects if values are missing) or datetime64.

        Raises
        ------
        StimulusSetFormatError
            A cell without quotes is not a number, True, False, a date or empty; or text is not UTF-8.
        """
        try:
            table = self._parse_cells()
        except (UnicodeDecodeError, pd.errors.ParserError) as error:
            raise self._error(f"cannot be read as a CSV table: {error}") from error
        if len(table) != len(self._starts):
            raise self._error(
                "has line breaks outside quotes other than line feeds; expected a line feed after each row"
            )
        has_missing = self._has_missing
        dtypes = table.dtypes.tolist()
        for number in self._texts:
            values = table[number].to_numpy(dtype=object)  # pandas' own type breaks joining in xarray
            if has_missing[number]:
                values = np.where(self._is_empty[:, number], np.nan, values)
            table.isetitem(number, _as_objects(values))
        for number in self._others:
            if has_missing[number] or dtypes[number].kind not in "iufb":
                table.isetitem(number, self._typed_values(number, table.iloc[:, number]))
        table.columns = pd.Index(self.names, dtype=object)
        return table

    def _parse_cells(self) -> pd.DataFrame:
        """Parse all cells, with text as objects or `str` of pandas, and '' for missing values."""
        doubtful = [number for number in self._texts if _LIKE_NUMBERS.fullmatch(self._first_cell(number))]
        table = self._read(dtype=dict.fromkeys(doubtful, object))
        dtypes = table.dtypes.tolist()
        if all(isinstance(dtypes[number], pd.StringDtype) or dtypes[number].kind == "O" for number in self._texts):
            return table
        return self._read(dtype=dict.fromkeys(self._texts, object))

    def _read(self, **options: Any) -> pd.DataFrame:
        if self._may_be_nan:
            options |= {"keep_default_na": False, "na_values": {number: ["", NAN] for number in self._others}}
        else:
            options |= {"na_filter": False}
        names = list(range(len(self.names)))
        return pd.read_csv(  # type: ignore[call-overload]
            io.BytesIO(self._content), header=0, names=names, index_col=False, low_memory=False, **options, **_EXACT
        )

    def _first_cell(self, column: int) -> bytes:
        return self._content[self._starts[0, column] : self._ends[0, column]] if len(self._starts) else b""

    def _typed_values(self, number: int, parsed: pd.Series) -> Any:
        """Return the values of a column without quotes, with the types that pandas guesses wrong corrected."""
        is_empty = self._is_empty[:, number]
        if is_empty.all():
            return _as_objects(np.full(len(is_empty), np.nan, dtype=object))
        if is_empty.any():
            cells = self._raw_cells(number)
            if all(map(_INTEGER.fullmatch, filter(None, cells))):
                return self._integers(number, cells)
        if parsed.dtype.kind in "iufb":
            return parsed
        values = parsed.to_numpy(dtype=object, na_value=np.nan)
        if all(value is True or value is False for value in values[~is_empty]):
            return _as_objects(values)
        return self._dates(number, is_empty)

    def _integers(self, number: int, cells: list[bytes]) -> Any:
        numbers = [int(cell) if cell else None for cell in cells]
        dtype = "UInt64" if any(value is not None and value >= 2**63 for value in numbers) else "Int64"
        try:
            return pd.array(numbers, dtype=dtype)  # type: ignore[call-overload]
        except (OverflowError, TypeError, ValueError) as error:
            raise self._error(f"has integers of more than 64 bits in the column {self.names[number]!r}") from error

    def _dates(self, number: int, is_empty: np.ndarray) -> np.ndarray:
        cells = [cell.decode() for cell in self._raw_cells(number)]
        matches = [_DATE.fullmatch(cell) for cell in cells]
        wrong = [row for row, match in enumerate(matches) if match is None and not is_empty[row]]
        digits = {len(match[1] or "") for match in matches if match}
        if wrong or len(digits) != 1:
            filled = np.flatnonzero(~is_empty).tolist()
            rows = [row for row in wrong if not _NUMBER.fullmatch(cells[row])] or wrong or filled
            raise self._mixed_error(
                number, rows, cells, "neither quoted nor all numbers, all True or False, or all dates"
            )
        try:
            return np.array([cell or "NaT" for cell in cells], dtype=f"datetime64[{_UNITS[digits.pop()]}]")
        except ValueError as error:
            raise self._error(
                f"has a date in the column {self.names[number]!r} that does not exist: {error}"
            ) from error

    def _raw_cells(self, number: int) -> list[bytes]:
        pairs = zip(self._starts[:, number].tolist(), self._ends[:, number].tolist(), strict=True)
        return [self._content[start:end] for start, end in pairs]

    def _cell_ends(self) -> np.ndarray:
        """Return the position after each cell: the commas and line feeds outside quotes."""
        places = np.flatnonzero(_is_delimiter(self._bytes))
        is_quote = self._bytes[places] == _QUOTE
        is_inside = np.logical_xor.accumulate(is_quote)
        quotes = places[is_quote]
        openers, closers = quotes[0::2], quotes[1::2]
        before, after = self._bytes[openers - 1], self._bytes[closers + 1]
        misplaced = np.concatenate((openers[~_is_delimiter(before) & (openers > 0)], closers[~_is_delimiter(after)]))
        if misplaced.size or is_inside[-1]:
            line = self._line(int(misplaced.min()) if misplaced.size else int(quotes[-1]))
            raise self._error(
                f"cannot be read as a CSV table: a quotation mark is misplaced or not closed in line {line}; expected "
                f"quotes around whole cells, and doubled quotation marks inside them"
            )
        return places[~is_quote & ~is_inside]

    def _check_row_lengths(self, ends: np.ndarray, breaks: np.ndarray, width: int) -> None:
        if len(ends) == len(breaks) * width and (np.diff(breaks) == width).all():
            return
        row = int(np.argmax(np.diff(breaks) != width))
        line, count = self._line(int(ends[breaks[row]]) + 1), int(breaks[row + 1] - breaks[row])
        raise self._error(
            f"cannot be read as a CSV table: line {line} has {count} fields, expected {width} as in the header. Quote "
            f"texts that contain commas."
        )

    def _check_names(self) -> None:
        duplicates = sorted(name for name, count in Counter(self.names).items() if count > 1)
        if duplicates:
            raise self._error(f"repeats {some(duplicates)} in its header; rename columns")

    def _check_quoting(self, is_quoted: np.ndarray, has_quotes: list[bool]) -> None:
        """Raise an error for columns with quoted and unquoted cells: a program added text without quotes."""
        is_bare = ~(is_quoted | self._is_empty)
        has_bare = _any_by_column(is_bare)
        for number in [n for n in self._texts if has_quotes[n] and has_bare[n]]:
            rows = np.flatnonzero(is_bare[:, number]).tolist()
            raise self._mixed_error(
                number, rows, [cell.decode(errors="replace") for cell in self._raw_cells(number)], "not quoted"
            )

    def _mixed_error(self, number: int, rows: list[int], cells: list[str], fault: str) -> StimulusSetFormatError:
        shown = ", ".join(f"line {self.lines[row]} has {shorten(cells[row])}" for row in rows[:5])
        return self._error(
            f"is a typed CSV file, in which all text is quoted, but the column {self.names[number]!r} has "
            f"{len(rows):,} of {len(cells):,} cells that are {fault}: {shown}. Quote every text of the column, and no "
            f"number; or remove the quotes from the header to have all types guessed"
        )

    def _name(self, start: int, end: int) -> str:
        cell = self._content[start:end].decode(errors="replace")
        return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell

    def _line(self, position: int) -> int:
        return self._content.count(b"\n", 0, position) + 1

    def _error(self, fault: str) -> StimulusSetFormatError:
        return StimulusSetFormatError(f"{self._place} {fault}")


def _is_delimiter(characters: np.ndarray) -> np.ndarray:
    return (characters == _QUOTE) | (characters == _COMMA) | (characters == _LINE_FEED)


def _as_objects(values: np.ndarray) -> Any:
    return pd.Series(values, dtype=object, copy=False)


def _any_by_column(cells: np.ndarray) -> list[bool]:
    """Return for each column whether any cell has a property; usually, all rows are like the first."""
    if len(cells) and (cells == cells[0]).all():
        cells = cells[:1]
    return [bool(cell) for cell in np.any(cells, axis=0).tolist()]
