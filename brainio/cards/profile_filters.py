"""Filters of stimuli by column: parse the text of a filter into an SQL condition.

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
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import UnaryExpression, and_, true
from sqlalchemy.sql.operators import custom_op

from brainio.cards.profile_schema import to_stored_text
from brainio.errors import SearchError
from brainio.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Table

    from brainio.cards.profile_schema import StimulusColumn

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf", re.ASCII)
_UNARY_PLUS: custom_op[Any] = custom_op("+")  # keeps SQLite from using an index
_MAX_QUOTED = 100  # characters of a filter in a message
_MAX_FILTER = 1000  # characters
INTEGER_LIMIT = 2**63  # SQLite's integers are smaller


def build_condition(
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
        position = column_position(name, columns)
        own = table.c[f"c{position}"]
        is_text = columns[position].kind == "text"
        is_equal = text.startswith("=") or ("*" not in text and (is_text or ".." not in text))
        is_indexed = by_index == "all" or (by_index == "equal" and is_equal)
        column = own if is_indexed else UnaryExpression(own, operator=_UNARY_PLUS, type_=own.type)
        conditions.append(_text_condition(column, text) if is_text else _number_condition(column, text, name))
    return and_(*conditions)


def column_position(name: str, columns: Sequence[StimulusColumn]) -> int:
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
