"""Profiles of entries, from which pages show rows, thumbnails and responses without loading the data.

Filters select the rows of a stimulus set by column:

============ =======================================================================================
text         rows whose value ...
============ =======================================================================================
`car`        equals this text; in a numeric column: equals this number (`4` equals `4.0`)
`car*`       matches the pattern (`*`: any characters); in a numeric column only `*`: is not missing
`1..5`       is from 1 to 5; `1..` and `..5` are open ranges (numeric columns only)
`1..<5`      is from 1 to 5, excluding 5
`=a*b`       equals `a*b`, including the star
(empty)      is missing
============ =======================================================================================

Builds no profile (see `profile_builder`), and imports neither numpy nor pandas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import UnaryExpression, and_, func, select, true
from sqlalchemy.sql.operators import custom_op

from brainio.cards.facts import add_facts, collect_facts
from brainio.cards.profile_files import (
    INTEGER_LIMIT,
    STATISTICS,
    STIMULUS_COUNT,
    THUMBNAIL_COUNT,
    open_profile_file,
    profile_key,
    profile_path,
    response_table,
    thumbnail_table,
    to_stored_text,
)
from brainio.catalogs.cards import read_card
from brainio.catalogs.entries import TYPE_STIMULUS_SET
from brainio.errors import SearchError
from brainio.text import nearest
from brainio.views.thumbnails import Thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Select, Table

    from brainio.cards.profile_files import ProfileFile, StimulusColumn
    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card


_STIMULUS_ID = "stimulus_id"  # importing it from brainio.stimuli would import pandas
_CATALOG_FIELDS = ("stimulus_columns",)  # computed fields that depend on more than the bytes of the entry
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf", re.ASCII)
_UNARY_PLUS: custom_op[Any] = custom_op("+")  # keeps SQLite from using an index
_MAX_QUOTED = 100  # characters of a filter in a message
_MAX_FILTER = 1000  # characters
Value = str | int | float | None


class Row(NamedTuple):
    """A stimulus: its number, from 0, and by column its text or number; None if the value is missing."""

    number: int
    values: dict[str, Value]


class RowWithNeighbours(NamedTuple):
    """A stimulus and the ids of the previous and the next one in the table; None at the ends."""

    row: Row
    previous: str | None
    next: str | None


class StimulusResponse(NamedTuple):
    """The response of an assembly to a stimulus.

    Attributes
    ----------
    stimulus_id : str
        Id of the stimulus.
    presentations : int
        Number of presentations.
    mean : float or None
        Mean over all presentations, neuroids and time bins, in the units of the values; None if no value is finite.
    rank : int or None
        Rank of the mean; the strongest has rank 1.
    """

    stimulus_id: str
    presentations: int
    mean: float | None
    rank: int | None


_RESPONSES = select(*(response_table.c[name] for name in StimulusResponse._fields))


def find_profile(entry: Entry) -> StimulusProfile | AssemblyProfile | None:
    """Open the profile of an entry; None if no profile of its bytes exists.

    If the file is open already, this costs one `stat` call. Threads share open files, of which there are at most 32.

    Parameters
    ----------
    entry : Entry
        An entry of a catalog, of any version.

    Returns
    -------
    StimulusProfile or AssemblyProfile or None
        Its methods raise `CacheError` if the file is damaged.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> from brainio.cards import build_profile
    >>> entry = resolve('stimulus_set', 'modelfest.Carney1999')
    >>> build_profile(entry)
    >>> profile = find_profile(entry)
    >>> rows, total = profile.rows({'kind': 'Gabor*', 'degrees': '..1'}, limit=2)
    """
    key = profile_key(entry)
    file = None if key is None else open_profile_file(profile_path(key))
    if file is None:
        return None
    return StimulusProfile(entry, file) if entry.lookup_type == TYPE_STIMULUS_SET else AssemblyProfile(entry, file)


class StimulusProfile:
    """The profile of a stimulus set. Every method raises `CacheError` if the file is damaged."""

    def __init__(self, entry: Entry, file: ProfileFile) -> None:
        self.entry, self._file = entry, file
        self._columns, self._table = file.columns, file.sql_table

    @cached_property
    def card(self) -> Card:
        """The current card of the entry: computed statistics with the facts of its catalog."""
        return _compose_current_card(self.entry, self._file.properties[STATISTICS])

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The statistics of each column, as in the card: `name`, `kind`, `missing`, `distinct`, `histogram`, ...

        At most 150 columns are described; `column_names` lists all columns that can be filtered.
        """
        columns: list[dict[str, Any]] = self._file.properties[STATISTICS]["columns"]
        return columns

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, including `filename`: at most 1,000."""
        return [column.name for column in self._columns]

    @property
    def count(self) -> int:
        """The number of stimuli."""
        return int(self._file.properties[STIMULUS_COUNT])

    @property
    def thumbnail_count(self) -> int:
        """The number of stimuli, from the first, whose thumbnails were rendered."""
        return int(self._file.properties[THUMBNAIL_COUNT])

    def rows(
        self, filters: Mapping[str, str] | Sequence[tuple[str, str]] = (), limit: int = 100, offset: int = 0
    ) -> tuple[list[Row], int]:
        """Return stimuli in the order of their table, and the number of all matches.

        Parameters
        ----------
        filters : mapping or sequence of (str, str), optional
            Columns with filter texts, all of which must match: a value (numbers are compared as numbers), `*` for any
            characters, `low..high` for a range of numbers (either bound is optional; `low..<high` excludes `high`),
            `=text` for a text that contains stars, or an empty text for missing values.
        limit, offset : int
            The maximum number of rows, and the number of rows to skip.

        Raises
        ------
        SearchError
            The column does not exist (the message suggests names), or a filter of a numeric column is not a number.
        ValueError
            `limit` or `offset` is negative.
        """
        if limit < 0 or offset < 0:
            raise ValueError(f"limit is {limit} and offset {offset}; expected numbers from 0")
        pairs = list(filters.items() if isinstance(filters, Mapping) else filters)
        condition = _build_condition(pairs, self._columns, self._table, "equal")
        selection = select(self._table).where(condition).order_by(self._table.c.number).limit(limit).offset(offset)
        rows = self._select_rows(selection)
        if not pairs:
            return rows, self.count
        condition = _build_condition(pairs, self._columns, self._table, "all" if len(pairs) == 1 else "none")
        total = select(func.count()).select_from(self._table).where(condition)
        return rows, self._file.query(lambda connection: connection.execute(total).scalar_one())

    def row(self, stimulus_id: str) -> RowWithNeighbours | None:
        """Return a stimulus and the ids of its neighbours; None if the set does not contain it."""
        number, id_column = self._table.c.number, self._table.c[f"c{_column_position(_STIMULUS_ID, self._columns)}"]
        rows = self._select_rows(select(self._table).where(id_column == to_stored_text(stimulus_id)))
        if not rows:
            return None
        own = rows[0].number
        neighbours = select(number, id_column).where(number.in_((own - 1, own + 1)))
        ids = dict(self._file.query(lambda connection: [tuple(row) for row in connection.execute(neighbours)]))
        return RowWithNeighbours(rows[0], ids.get(own - 1), ids.get(own + 1))

    def thumbnail(self, number: int) -> Thumbnail | None:
        """Return the thumbnail of the stimulus with a number; None if it was not rendered."""
        thumbnail_id = select(self._table.c.thumbnail).where(self._table.c.number == number).scalar_subquery()
        fields = [thumbnail_table.c[name] for name in Thumbnail._fields]
        selection = select(*fields).where(thumbnail_table.c.id == thumbnail_id)
        row = self._file.query(lambda connection: connection.execute(selection).first())
        return None if row is None else Thumbnail(*row)

    def _select_rows(self, selection: Select[Any]) -> list[Row]:
        rows = self._file.query(lambda connection: connection.execute(selection).all())
        names = self.column_names
        return [Row(number, dict(zip(names, values, strict=True))) for number, _, *values in rows]


class AssemblyProfile:
    """The profile of an assembly. Every method raises `CacheError` if the file is damaged."""

    def __init__(self, entry: Entry, file: ProfileFile) -> None:
        self.entry, self._file = entry, file

    @cached_property
    def card(self) -> Card:
        """The current card of the entry, with `pictures`: computed statistics with the facts of its catalog.

        `stimulus_columns` comes from the entry's stored card, if it has one.
        """
        return _compose_current_card(self.entry, self._file.properties[STATISTICS])

    @property
    def count(self) -> int:
        """The number of stimuli with a response; 0 for spike times and values that are not numeric."""
        return int(self._file.properties[STIMULUS_COUNT])

    def response(self, stimulus_id: str) -> StimulusResponse | None:
        """Return the response to a stimulus; None if the profile has no response to it."""
        selection = _RESPONSES.where(response_table.c.stimulus_id == to_stored_text(stimulus_id)).limit(1)
        row = self._file.query(lambda connection: connection.execute(selection).first())
        return None if row is None else StimulusResponse(*row)


def _compose_current_card(entry: Entry, statistics: Card) -> Card:
    """Compose a card from the statistics of a profile and the facts of the entry's own catalog.

    Facts that other catalogs state about the same bytes are not included.
    """
    stored = read_card(entry)
    card: Card = {"identifier": entry.identifier, "lookup_type": entry.lookup_type, "class": entry.class_name}
    card |= {"version": entry.version} if entry.version else {}
    card |= collect_facts(entry)
    name = entry.stimulus_set_identifier
    statistics = statistics | ({"stimulus_set_identifier": name} if name else {})
    statistics |= {field: stored[field] for field in _CATALOG_FIELDS if field in stored}
    return add_facts(statistics, card)


def _build_condition(
    filters: Iterable[tuple[str, str]],
    columns: Sequence[StimulusColumn],
    table: Table,
    by_index: Literal["all", "equal", "none"],
) -> ColumnElement[bool]:
    """Return the SQL condition that combines all filters with AND.

    Parameters
    ----------
    filters : iterable of (str, str)
        Column names with filter texts.
    columns : sequence of StimulusColumn
        The columns of the stimulus table.
    table : sqlalchemy.Table
        The stimulus table.
    by_index : {'all', 'equal', 'none'}
        The filters that may use an index. Scanning the table is faster than finding a third of its rows by index, and
        an index returns rows in the order of the table only for a single value.

    Raises
    ------
    SearchError
        The column does not exist, or a filter of a numeric column is not a number.
    """
    conditions: list[ColumnElement[bool]] = [true()]
    for name, text in filters:
        position = _column_position(name, columns)
        own = table.c[f"c{position}"]
        is_text = columns[position].kind == "text"
        is_equal = text.startswith("=") or ("*" not in text and (is_text or ".." not in text))
        is_indexed = by_index == "all" or (by_index == "equal" and is_equal)
        column = own if is_indexed else UnaryExpression(own, operator=_UNARY_PLUS, type_=own.type)
        conditions.append(_text_condition(column, text) if is_text else _number_condition(column, text, name))
    return and_(*conditions)


def _column_position(name: str, columns: Sequence[StimulusColumn]) -> int:
    """Return the position of a column; raises SearchError with suggestions if it does not exist."""
    positions = {column.name: position for position, column in enumerate(columns)}
    if name not in positions:
        suggestions = nearest(name[:_MAX_QUOTED], positions) or list(positions)[:10]
        raise SearchError(
            f"the stimulus set has no column {name[:_MAX_QUOTED]!r} to filter by; similar columns: "
            f"{', '.join(map(repr, suggestions))}"
        )
    return positions[name]


def _text_condition(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    if not text:
        return column.is_(None)
    if len(text) > _MAX_FILTER:
        raise SearchError(f"a filter has {len(text):,} characters; expected at most {_MAX_FILTER:,}")
    stored = to_stored_text(text)
    if stored.startswith("=") or "*" not in stored:
        return column == stored.removeprefix("=")
    pattern = re.sub(r"[?\[]", r"[\g<0>]", re.sub(r"\*+", "*", stored))
    return column.op("GLOB", is_comparison=True)(pattern)


def _number_condition(column: ColumnElement[Any], text: str, name: str) -> ColumnElement[bool]:
    text = text.strip().removeprefix("=")
    if not text:
        return column.is_(None)
    if set(text) == {"*"}:
        return column.is_not(None)
    low, dots, high = text.partition("..")
    if not dots:
        return column == _parse_number(text, name)
    bounds = [column >= _parse_number(low, name)] if low.strip() else []
    upper = high.strip().removeprefix("<")
    if upper:
        is_inclusive = upper == high.strip()
        bounds += [column <= _parse_number(upper, name) if is_inclusive else column < _parse_number(upper, name)]
    return and_(*bounds) if bounds else column.is_not(None)


def _parse_number(text: str, name: str) -> int | float:
    text = text.strip()
    if len(text) > _MAX_FILTER or not _NUMBER.fullmatch(text):
        raise SearchError(
            f"column {name[:_MAX_QUOTED]!r} contains numbers, and {text[:_MAX_QUOTED]!r} is not a number; expected a "
            f"number such as 4, a range such as 1..5, 1.. or ..5, or * for any"
        )
    integer = int(text) if re.fullmatch(r"[+-]?\d{1,30}", text) else None
    return float(text) if integer is None or not -INTEGER_LIMIT <= integer < INTEGER_LIMIT else integer


def literal_filter(text: str) -> str:
    """Return the filter that matches exactly a text, even if the text contains characters of the filter syntax.

    Examples
    --------
    >>> literal_filter("car"), literal_filter("a*b"), literal_filter("=")
    ('car', '=a*b', '==')
    """
    return f"={text}" if "*" in text or text.startswith("=") else text
