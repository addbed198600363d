"""The CSV format of catalogs: parsing rows from text, and adding rows and cells to text.

This module reads and writes no files. `listing` builds entries from the rows.
"""

import csv
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from brainio.catalogs.entries import REQUIRED_COLUMNS, in_words, part_of, row_problems
from brainio.errors import CatalogError, CatalogRowError, CatalogWarning
from brainio.text import fault_of_text

Row = dict[str, str]
# Lines that a record may have. Without a bound, quotes that never end would be looked for from every line to the last.
_MOST_LINES = 100
_LONGEST_RECORD = 2**20  # characters
_MOST_REREAD = 4  # times the length of a text that is read again where records turn out to be single lines
_MOST_WARNINGS = 1000  # about the rows of one catalog
_LONGEST_WARNING = 500  # characters
_SHOWN_COLUMNS = 20  # in a message


class _Record(NamedTuple):
    """One record of the text: the number of its first line, its lines as they are, its fields, or the problem."""

    line: int
    text: str
    fields: list[str]
    problem: str = ""


def read_rows(text: str, source: str) -> Iterator[tuple[int, Row]]:
    """Yield each row with the number of its line; a row that cannot be read is left out with a warning.

    Raises
    ------
    CatalogError
        There is no header, or it lacks columns of the format.
    """
    records = _records(text)
    header = _check_header(records, source)
    left_out = LeftOutRows(source)
    for record in records:
        if record.problem:
            left_out.warn(record.line, record.problem)
        elif record.fields:
            yield record.line, dict(zip(header, record.fields, strict=True))
    left_out.summarize()


def read_table(text: str, source: str, key: str) -> list[Row]:
    r"""Read the rows of a table next to a catalog, such as its publications; missing fields are empty.

    Parameters
    ----------
    text : str
        The table as CSV.
    source : str
        The name of the table in messages.
    key : str
        The column that the table must have.

    Raises
    ------
    CatalogError
        The text is not CSV, holds a NUL character, or lacks the key column.

    Examples
    --------
    >>> read_table("publication,year\ndoe2026,2026\n", "publications.csv", "publication")
    [{'publication': 'doe2026', 'year': '2026'}]
    """
    return [row for _, row in read_numbered_table(text, source, key)]


def read_numbered_table(text: str, source: str, key: str) -> list[tuple[int, Row]]:
    """Read the rows of a table as `read_table` does, each with the number of its first line."""
    fault = fault_of_text(text)
    if fault is not None:
        raise CatalogError(f"{source} is not a table: it holds {fault}")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), restkey="", restval="")
    rows: list[tuple[int, Row]] = []
    try:
        for row in reader:
            breaks = sum(field.count("\n") for field in row.values() if isinstance(field, str))
            rows.append((reader.line_num - breaks, row))
    except csv.Error as error:
        raise CatalogError(f"{source}, line {reader.reader.line_num}: not readable as CSV ({error})") from error
    if key not in (reader.fieldnames or ()):
        raise CatalogError(f"{source} is not a table of {key}s: its header lacks {key}")
    for _, row in rows:
        row.pop("", None)  # fields without a column
    return rows


def require_header(text: str, source: str) -> list[str]:
    """Return the columns of a text; raise CatalogError unless it begins as a catalog does."""
    return _check_header(_records(text), source)


def newline_of(text: str) -> str:
    """Return the line ending of a text, which rows behind it get as well."""
    return "\r\n" if "\r\n" in text else "\n"


class LeftOutRows:
    """Warns about rows of a catalog that are left out; many of them get one warning in the end.

    Parameters
    ----------
    source : str
        The name of the catalog in messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0

    def warn(self, line: int, problem: str) -> None:
        """Warn that the row on a line is left out; count it if there were 1,000 warnings already."""
        self._count += 1
        if self._count <= _MOST_WARNINGS:
            text = f"{self._source}, line {line}: {problem:.{_LONGEST_WARNING}}; this row is left out"
            warnings.warn(text, CatalogWarning, stacklevel=3)

    def summarize(self) -> None:
        """Warn about the rows without a warning of their own."""
        if self._count > _MOST_WARNINGS:
            text = f"{self._source}: {self._count - _MOST_WARNINGS:,} more rows are left out"
            warnings.warn(text, CatalogWarning, stacklevel=3)


def _check_header(records: Iterator[_Record], source: str) -> list[str]:
    header = next(records, _Record(1, "", []))
    counts = Counter(header.fields)
    missing = [column for column in REQUIRED_COLUMNS if column not in counts]
    if missing or header.problem:
        problem = (
            header.problem or f"its header lacks {', '.join(missing)} (found: {_format_columns(counts) or 'nothing'})"
        )
        raise CatalogError(f"{source} is not a catalog: {problem}")
    doubled = sorted(column for column, count in counts.items() if count > 1)
    if doubled:
        raise CatalogError(f"{source} is not a catalog: its header has {_format_columns(doubled)} more than once")
    return header.fields


def _format_columns(columns: Iterable[str]) -> str:
    names = list(columns)
    more = f" and {len(names) - _SHOWN_COLUMNS:,} more" if len(names) > _SHOWN_COLUMNS else ""
    return ", ".join(f"{name:.{_LONGEST_WARNING}}" for name in names[:_SHOWN_COLUMNS]) + more


def _records(text: str) -> Iterator[_Record]:
    """Yield the records, the header first.

    A field may hold some line breaks. But where a record of several lines cannot be read, or has not as many fields as
    the header, a stray quote is more likely: then its first line alone is wrong, and reading goes on at the next.
    """
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    # Stray quotes in very many lines would have each line read 100 times: after some, records are single lines.
    reread = _MOST_REREAD * len(text) + _LONGEST_RECORD
    has_nul = "\0" in text
    width = None
    start = 0
    while start < len(lines):
        record, count = _record_at(lines, start, width, _MOST_LINES if reread > 0 else 1)
        if record.problem and count > 1:
            reread -= len(record.text)
            record, count = record._replace(text=lines[start]), 1
        if has_nul and "\0" in record.text:
            record = record._replace(problem=f"it holds {fault_of_text(record.text)}")
        width = len(record.fields) if width is None else width
        yield record
        start += count


def _record_at(lines: Sequence[str], start: int, width: int | None, most: int) -> tuple[_Record, int]:
    """Read the record that begins at a line, and count the lines that were read for it."""
    if len(lines[start]) > _LONGEST_RECORD:
        problem = f"{len(lines[start]):,} characters; a row has at most {_LONGEST_RECORD:,}"
        return _Record(start + 1, lines[start], [], problem), 1
    reader = csv.reader(_lines_from(lines, start, most), strict=True)
    problem, fields = "", []
    try:
        fields = next(reader)
    except csv.Error as error:
        problem = f"not readable as CSV ({error})"
    count = reader.line_num
    if fields and width is not None and len(fields) != width:
        problem = f"{len(fields)} fields; the header has {width}"
    return _Record(start + 1, "".join(lines[start : start + count]), fields, problem), count


def _lines_from(lines: Sequence[str], start: int, most: int) -> Iterator[str]:
    """Yield the lines that a record may have."""
    length = 0
    for number in range(start, min(start + most, len(lines))):
        length += len(lines[number])
        if length > _LONGEST_RECORD:
            return
        yield lines[number]


EMPTY = ",".join(REQUIRED_COLUMNS) + "\n"
"""The text of a catalog that lists nothing."""


def with_rows_added(text: str, rows: Iterable[Mapping[str, str]], source: str) -> str:
    """Return the text of a catalog with rows behind it that are not there yet.

    Existing rows and columns, also unknown ones and malformed ones, stay as they are.

    Raises
    ------
    CatalogError
        A key is there already with another hash, or the text is not a catalog.
    CatalogRowError
        A row breaks the format.
    """
    missing = rows_to_add((row for _, row in read_rows(text, source)), rows, source)
    return with_rows_behind(text, missing) if missing else text


def with_cells_set(text: str, cells_of: Callable[[Row], Mapping[str, str]], source: str) -> str:
    """Return the text of a catalog in which cells have other values.

    A row none of whose cells changes stays as it is, as does one that cannot be read.

    Parameters
    ----------
    text : str
        Of the catalog.
    cells_of : callable
        Given a row, it returns the cells to set: column -> text; an empty mapping for none. Columns may be new.
    source : str
        What messages call the catalog.

    Raises
    ------
    CatalogError
        The text is not a catalog.
    """
    records = _records(text)
    header = _check_header(records, source)
    changed: dict[int, Row] = {}
    for record in records:
        if record.fields and not record.problem:
            row = dict(zip(header, record.fields, strict=True))
            after = {**row, **cells_of(row)}
            if any(after[column] != row.get(column, "") for column in after):
                changed[record.line] = after
    known = set(header)
    added = list(dict.fromkeys(column for row in changed.values() for column in row if column not in known))
    if not changed:
        return text
    records = _records(text)
    columns, blanks = [*header, *added], [""] * len(added)
    lines = [_with_appended_cells(next(records), added)]
    for record in records:
        is_changed = record.line in changed
        lines.append(
            _rewrite_record(changed[record.line], columns, record)
            if is_changed
            else _with_appended_cells(record, blanks)
        )
    return "".join(lines)


def _rewrite_record(row: Row, columns: Sequence[str], record: _Record) -> str:
    """Return the line of a row, with the line ending of its present record."""
    newline = record.text[len(record.text.rstrip("\r\n")) :]
    return line_of([row.get(column, "") for column in columns], newline)


def line_of(cells: Sequence[str], newline: str) -> str:
    r"""Return a row as CSV. Cells with line breaks of any kind are quoted; `csv` quotes only its own line ending.

    Examples
    --------
    >>> line_of(["a", "b\rc"], "\n")
    'a,"b\rc"\n'
    """
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + newline


def rows_to_add(
    listed: Iterable[Mapping[str, str]], rows: Iterable[Mapping[str, str]], source: str
) -> list[Mapping[str, str]]:
    """Return the rows that are not listed yet; raises as `with_rows_added`."""
    known: dict[tuple[str, ...], Mapping[str, str]] = {_row_key(row): row for row in listed}
    missing: list[Mapping[str, str]] = []
    for row in rows:
        problems = row_problems(row)
        if problems:
            raise CatalogRowError(f"this row may not be added to {source}: {'; '.join(problems)}")
        same = known.setdefault(_row_key(row), row)
        if same is row:
            missing.append(row)
        elif same["sha1"].lower() != row["sha1"].lower():
            raise CatalogError(
                f"{source} lists the {in_words(row['lookup_type'])} {row['identifier']!r} already, with other "
                f"bytes (sha1 {same['sha1']}, now {row['sha1']}); published identifiers do not change: choose another"
            )
    return missing


def _row_key(row: Mapping[str, str]) -> tuple[str, ...]:
    return row["lookup_type"], row["identifier"], row.get("version", ""), part_of(row["lookup_type"], row["class"])


def with_rows_behind(text: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Return the text of a table with rows added behind it; old rows get cells for new columns, nothing else."""
    newline = newline_of(text)
    records = list(_records(text))
    header = records[0].fields
    known = set(header)
    added = list(dict.fromkeys(column for row in rows for column in row if column not in known))
    if added:
        text = "".join(
            _with_appended_cells(record, added if record is records[0] else [""] * len(added)) for record in records
        )
    begin = text if text.endswith("\n") else text + newline
    return begin + "".join(line_of([row.get(column, "") for column in (*header, *added)], newline) for row in rows)


def _with_appended_cells(record: _Record, cells: Sequence[str]) -> str:
    if record.problem or not record.fields or not cells:
        return record.text
    text = record.text.rstrip("\r\n")
    return f"{text},{','.join(cells)}{record.text[len(text) :]}"
