"""The CSV form of a catalog: text to rows, and rows and cells into text.

Knows columns and rows, and what is wrong with them; not what entries they make, and no file.
"""

import csv
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from brainio.catalogs.entries import REQUIRED_COLUMNS, in_words, part_of, row_problems
from brainio.errors import CatalogError, CatalogRowError, CatalogWarning

Row = dict[str, str]
# Lines that a record may have. Without a bound, quotes that never end would be looked for from every line to the last.
_MOST_LINES = 100


class _Record(NamedTuple):
    """One record of the text: the number of its first line, its lines as they are, its fields, or what is wrong."""

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
    header = _checked_header(records, source)
    for record in records:
        if record.problem:
            leave_out(source, record.line, record.problem)
        elif record.fields:
            yield record.line, dict(zip(header, record.fields, strict=True))


def require_header(text: str, source: str) -> list[str]:
    """Return the columns of a text; raise CatalogError unless it begins as a catalog does."""
    return _checked_header(_records(text), source)


def newline_of(text: str) -> str:
    """Return the line ending of a text, which rows behind it get as well."""
    return "\r\n" if "\r\n" in text else "\n"


def leave_out(source: str, line: int, problem: str) -> None:
    """Warn that a row does not serve."""
    warnings.warn(f"{source}, line {line}: {problem}; this row is left out", CatalogWarning, stacklevel=2)


def _checked_header(records: Iterator[_Record], source: str) -> list[str]:
    header = next(records, _Record(1, "", []))
    columns = header.fields
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing or header.problem:
        problem = header.problem or f"its header lacks {', '.join(missing)} (found: {', '.join(columns) or 'nothing'})"
        raise CatalogError(f"{source} is no catalog: {problem}")
    doubled = sorted({column for column in columns if columns.count(column) > 1})
    if doubled:
        raise CatalogError(f"{source} is no catalog: its header has {', '.join(doubled)} more than once")
    return columns


def _records(text: str) -> Iterator[_Record]:
    """Yield the records, the header first.

    A field may hold some line breaks. But where a record of several lines cannot be read, or has not as many fields as
    the header, a stray quote is more likely: then its first line alone is wrong, and reading goes on at the next.
    """
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    width = None
    start = 0
    while start < len(lines):
        record, count = _record_at(lines, start, width)
        if record.problem and count > 1:
            record, count = record._replace(text=lines[start]), 1
        width = len(record.fields) if width is None else width
        yield record
        start += count


def _record_at(lines: Sequence[str], start: int, width: int | None) -> tuple[_Record, int]:
    """Read the record that begins at a line, and count its lines."""
    last = min(start + _MOST_LINES, len(lines))
    reader = csv.reader((lines[number] for number in range(start, last)), strict=True)
    try:
        fields = next(reader)
    except csv.Error as error:
        return _Record(start + 1, lines[start], [], f"not readable as CSV ({error})"), 1
    count = reader.line_num
    problem = ""
    if fields and width is not None and len(fields) != width:
        problem = f"{len(fields)} fields; the header has {width}"
    return _Record(start + 1, "".join(lines[start : start + count]), fields, problem), count


EMPTY = ",".join(REQUIRED_COLUMNS) + "\n"
"""The text of a catalog that lists nothing."""


def with_rows_added(text: str, rows: Iterable[Mapping[str, str]], source: str) -> str:
    """Return the text of a catalog with rows behind it that are not there yet.

    Existing rows and columns, also unknown ones and malformed ones, stay as they are.

    Raises
    ------
    CatalogError
        A key is there already with another hash, or the text is no catalog.
    CatalogRowError
        A row breaks the format.
    """
    wanted = rows_to_add((row for _, row in read_rows(text, source)), rows, source)
    return with_rows_behind(text, wanted) if wanted else text


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
        The text is no catalog.
    """
    records = _records(text)
    header = _checked_header(records, source)
    changed: dict[int, Row] = {}
    for record in records:
        if record.fields and not record.problem:
            row = dict(zip(header, record.fields, strict=True))
            after = {**row, **cells_of(row)}
            if any(after[column] != row.get(column, "") for column in after):
                changed[record.line] = after
    added = list(dict.fromkeys(column for row in changed.values() for column in row if column not in header))
    if not changed:
        return text
    records = _records(text)
    columns, blanks = [*header, *added], [""] * len(added)
    widened = [_widened(next(records), added)]
    for record in records:
        is_changed = record.line in changed
        widened.append(_written(changed[record.line], columns, record) if is_changed else _widened(record, blanks))
    return "".join(widened)


def _written(row: Row, columns: Sequence[str], record: _Record) -> str:
    newline = record.text[len(record.text.rstrip("\r\n")) :]
    return line_of([row.get(column, "") for column in columns], newline)


def line_of(cells: Sequence[str], newline: str) -> str:
    r"""Write a row. Cells with line breaks of any kind are quoted, which `csv` does only for those of its own ending.

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
    wanted: list[Mapping[str, str]] = []
    for row in rows:
        problems = row_problems(row)
        if problems:
            raise CatalogRowError(f"this row may not be added to {source}: {'; '.join(problems)}")
        same = known.setdefault(_row_key(row), row)
        if same is row:
            wanted.append(row)
        elif same["sha1"].lower() != row["sha1"].lower():
            raise CatalogError(
                f"{source} lists the {in_words(row['lookup_type'])} {row['identifier']!r} already, with other "
                f"bytes (sha1 {same['sha1']}, now {row['sha1']}); published identifiers do not change: choose another"
            )
    return wanted


def _row_key(row: Mapping[str, str]) -> tuple[str, ...]:
    return row["lookup_type"], row["identifier"], row.get("version", ""), part_of(row["lookup_type"], row["class"])


def with_rows_behind(text: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Return the text of a table with rows added behind it; old rows get cells for new columns, nothing else."""
    newline = newline_of(text)
    records = list(_records(text))
    header = records[0].fields
    added = list(dict.fromkeys(column for row in rows for column in row if column not in header))
    if added:
        text = "".join(_widened(record, added if record is records[0] else [""] * len(added)) for record in records)
    begin = text if text.endswith("\n") else text + newline
    return begin + "".join(line_of([row.get(column, "") for column in (*header, *added)], newline) for row in rows)


def _widened(record: _Record, cells: Sequence[str]) -> str:
    if record.problem or not record.fields or not cells:
        return record.text
    text = record.text.rstrip("\r\n")
    return f"{text},{','.join(cells)}{record.text[len(text) :]}"
