"""What somebody typed to filter stimuli by a column -> a condition of SQL.

============ =======================================================================================
text         rows whose value ...
============ =======================================================================================
`car`        is that text, letter by letter; of numbers: is that number (`4` is `4.0`)
`car*`       fits, `*` being any characters or none; of numbers only `*` alone: is not missing
`1..5`       is from 1 to 5; `1..` and `..5` are open (columns of numbers only)
`1..<5`      is from 1 to 5, but not 5
`=a*b`       is `a*b`, letter by letter
(empty)      is missing
============ =======================================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import UnaryExpression, and_, true
from sqlalchemy.sql.operators import custom_op

from brainio.errors import SearchError
from brainio.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Table

    from brainio.cards.profile_schema import StimulusColumn

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf", re.ASCII)
_UNINDEXED: custom_op[Any] = custom_op("+")  # which SQLite looks up in no index
_SHOWN = 100  # characters of what was typed
_LONGEST = 1000  # characters
PAST_INTEGERS = 2**63  # those that SQLite can hold are below


def condition_of(
    filters: Iterable[tuple[str, str]],
    columns: Sequence[StimulusColumn],
    table: Table,
    by_index: Literal["all", "equal", "none"],
) -> ColumnElement[bool]:
    """Return what rows have to fulfil, all filters together.

    Parameters
    ----------
    by_index : str
        Which filters an index may serve. Looking through a whole table is faster than going to a third of its rows by
        an index, one by one; only rows that an index finds for one value come in their order.

    Raises
    ------
    SearchError
        There is no such column, or a filter of numbers is none.
    """
    conditions: list[ColumnElement[bool]] = [true()]
    for name, text in filters:
        place = place_of(name, columns)
        own = table.c[f"c{place}"]
        is_text = columns[place].kind == "text"
        is_equal = text.startswith("=") or ("*" not in text and (is_text or ".." not in text))
        is_indexed = by_index == "all" or (by_index == "equal" and is_equal)
        column = own if is_indexed else UnaryExpression(own, operator=_UNINDEXED, type_=own.type)
        conditions.append(_of_text(column, text) if is_text else _of_number(column, text, name))
    return and_(*conditions)


def place_of(name: str, columns: Sequence[StimulusColumn]) -> int:
    """Return the place of a column; raises SearchError, with near names, where there is none."""
    places = {column.name: place for place, column in enumerate(columns)}
    if name not in places:
        near = nearest(name[:_SHOWN], places) or list(places)[:10]
        raise SearchError(
            f"the stimulus set has no column {name[:_SHOWN]!r} to filter by; near: {', '.join(map(repr, near))}"
        )
    return places[name]


def _of_text(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    if not text:
        return column.is_(None)
    if len(text) > _LONGEST:
        raise SearchError(f"a filter has {len(text):,} characters; expected no more than {_LONGEST:,}")
    sound = stored_text(text)
    if sound.startswith("=") or "*" not in sound:
        return column == sound.removeprefix("=")
    pattern = re.sub(r"[?\[]", r"[\g<0>]", re.sub(r"\*+", "*", sound))
    return column.op("GLOB", is_comparison=True)(pattern)


def _of_number(column: ColumnElement[Any], text: str, name: str) -> ColumnElement[bool]:
    text = text.strip().removeprefix("=")
    if not text:
        return column.is_(None)
    if set(text) == {"*"}:
        return column.is_not(None)
    low, dots, high = text.partition("..")
    if not dots:
        return column == _number(text, name)
    bounds = [column >= _number(low, name)] if low.strip() else []
    below = high.strip().removeprefix("<")
    if below:
        bounds += [column <= _number(below, name) if below == high.strip() else column < _number(below, name)]
    return and_(*bounds) if bounds else column.is_not(None)


def _number(text: str, name: str) -> int | float:
    text = text.strip()
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        raise SearchError(
            f"column {name[:_SHOWN]!r} holds numbers, and {text[:_SHOWN]!r} is none; expected a number such as 4, a "
            f"range such as 1..5, 1.. or ..5, or * for any"
        )
    whole = int(text) if re.fullmatch(r"[+-]?\d{1,30}", text) else None
    return float(text) if whole is None or not -PAST_INTEGERS <= whole < PAST_INTEGERS else whole


def exactly(text: str) -> str:
    """Return the filter for a text as it is, whatever filters make of its letters.

    Examples
    --------
    >>> exactly("car"), exactly("a*b"), exactly("=")
    ('car', '=a*b', '==')
    """
    return f"={text}" if "*" in text or text.startswith("=") else text


def stored_text(text: str) -> str:
    """Return a text as it is kept: one that UTF-8 can write, without NUL, at which SQLite would stop."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
