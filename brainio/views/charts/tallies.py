"""Pictures of how many: neuroids by region and animal, repetitions of stimuli, the values of a column."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from brainio.text import plural_of, quantity
from brainio.views.charts.card_values import count_of, is_range, record_of, records_of, text_of
from brainio.views.charts.figure import COLOURS, OTHERS, WIDTH, Figure
from brainio.views.charts.plots import Bar, Part, Upright, listed, rows_of_bars, upright_bars
from brainio.views.rendering import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.views.charts.figure import Drawing

_MOST_RECORDS = 100
_MOST_ROWS = 16
_MOST_LISTED = 8  # repetitions that have a row each; more of them are drawn along an axis
_TOLD = 24  # letters of a name that a pointer on a bar is told: there may be a hundred
_UNKNOWN = "not stated"
_EVENT = "event"


def populations(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw how many neuroids there are by region and animal.

    Parameters
    ----------
    card : mapping
        Of an assembly; `pictures.populations` is read, else `counts`.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or its numbers are malformed. A row a region, a colour an animal.

    Examples
    --------
    >>> counts = [{"region": "IT", "animal": "Chabo", "count": 168}, {"region": "V4", "animal": "Tito", "count": 128}]
    >>> populations({"pictures": {"populations": counts}}, "populations").finding
    '168 neuroids in IT, 128 in V4; animals: Chabo 168, Tito 128.'
    """
    found = _populations(card)
    if not found or not any(count for _, _, count in found):
        return None
    tallied = records_of(card.get("counts"), 10)
    thing = _thing(card, tallied)
    names = [one.get("coordinate") for one in tallied]
    who = "subject" if "subject" in names and "animal" not in names else "animal"
    regions, animals = _tally(found, 0), _tally(found, 1)
    if {*regions} == {*animals} == {_UNKNOWN}:
        return None
    if {*regions} == {_UNKNOWN}:
        return _of_one(animals, thing, who, prefix)
    if {*animals} == {_UNKNOWN}:
        return _of_one(regions, thing, "region", prefix)
    return _of_both(found, regions, animals, (thing, who), prefix)


def _thing(card: Mapping[str, Any], tallied: Sequence[Mapping[str, Any]]) -> str:
    """Return what populations count: positions of the dimension of regions or animals; of spikes, neuroids."""
    dims = {text_of(one.get("coordinate")): text_of(one.get("dim")) for one in tallied}
    dim = next((dim for name in ("region", "animal", "subject") if (dim := dims.get(name))), "neuroid")
    return "neuroid" if dim == _EVENT and "populations" in record_of(card, "pictures") else dim


def _populations(card: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Return region, animal and count; where the card only counts regions, or animals, the other is unknown."""
    pictures = record_of(card, "pictures")
    if "populations" in pictures:
        records = records_of(pictures["populations"], _MOST_RECORDS)
        found = [(one.get("region"), one.get("animal"), one.get("count")) for one in records]
    else:
        by_name = {text_of(one.get("coordinate")): one for one in records_of(card.get("counts"), 10)}
        name = next((name for name in ("region", "animal", "subject") if name in by_name), None)
        records = records_of(record_of(by_name, name).get("counts"), _MOST_RECORDS) if name else []
        pairs = [(one.get("value"), one.get("count")) for one in records]
        found = [(value, None, count) if name == "region" else (None, value, count) for value, count in pairs]
    checked = [(_name(region), _name(animal), count_of(count)) for region, animal, count in found]
    if any(None in one for one in checked):
        return []
    return [(region, animal, count) for region, animal, count in checked if region and animal and count is not None]


def _name(value: Any) -> str | None:
    return _UNKNOWN if value is None or value == "" else text_of(value)


def _tally(found: Sequence[tuple[str, str, int]], of: int) -> Counter[str]:
    totals: Counter[str] = Counter()
    for one in found:
        totals[str(one[of])] += one[2]
    return Counter(dict(totals.most_common()))


def _of_one(totals: Counter[str], thing: str, by: str, prefix: str) -> Drawing:
    figure = Figure(prefix)
    bars = [Bar(name, [Part(count, 0, f"{name}: {quantity(count, thing)}")]) for name, count in totals.items()]
    bottom = _draw_bars(figure, bars, f"more {by}", 4)
    finding = f"{_shares(totals, thing, 'in' if by == 'region' else 'of')}."
    return figure.finished(bottom, f"{_things(thing)} by {by}", finding, (by, plural_of(thing)), [*totals.items()])


def _of_both(
    found: Sequence[tuple[str, str, int]],
    regions: Counter[str],
    animals: Counter[str],
    words: tuple[str, str],
    prefix: str,
) -> Drawing:
    thing, who = words
    colours = {name: place for place, name in enumerate(animals)}
    if len(colours) > COLOURS:
        colours = {name: place if place < COLOURS - 1 else OTHERS for name, place in colours.items()}
    figure = Figure(prefix)
    named = [(place, name) for name, place in colours.items() if place != OTHERS]
    others = len(colours) - len(named)
    legend = [*named, (OTHERS, f"{others:,} others")] if others else named
    top = figure.area_legend(legend, 0) + 8
    bars = []
    for region in regions:
        here = sorted((colours[animal], animal, count) for where, animal, count in found if where == region and count)
        parts = [
            Part(n, colour, f"{format_value(region, _TOLD)}, {format_value(of, _TOLD)}: {quantity(n, thing)}")
            for colour, of, n in here
            if colour != OTHERS
        ]
        rest = sum(count for colour, _, count in here if colour == OTHERS)
        left_over = (
            [Part(rest, OTHERS, f"{format_value(region, _TOLD)}, others: {quantity(rest, thing)}")] if rest else []
        )
        bars.append(Bar(region, parts + left_over))
    bottom = _draw_bars(figure, bars, "more region", top)
    by_animal = listed([f"{name} {count:,}" for name, count in animals.items()], 6)
    finding = f"{_shares(regions, thing, 'in')}; {who}s: {by_animal}."
    headings = ("region", who, plural_of(thing))
    return figure.finished(bottom, f"{_things(thing)} by region and {who}", finding, headings, [*found])


def _things(thing: str) -> str:
    return plural_of(f"{thing[:1].upper()}{thing[1:]}")


def _shares(totals: Counter[str], thing: str, where: str) -> str:
    """Say how many there are where, the first with what they are."""
    named = [f"{quantity(count, thing)} {where} {name}" for name, count in totals.most_common(1)]
    return listed([*named, *(f"{count:,} {where} {name}" for name, count in totals.most_common()[1:])])


def _draw_bars(figure: Figure, bars: Sequence[Bar], called: str, top: float) -> float:
    """Draw a row each; of those that are too many only their sum is written."""
    bottom = rows_of_bars(figure, bars[:_MOST_ROWS], top)
    rest = bars[_MOST_ROWS:]
    if not rest:
        return bottom
    figure.text(
        0, bottom + 10, f"and {quantity(len(rest), called)}, {sum(bar.size for bar in rest):,} together", "small"
    )
    return bottom + 16


def repetitions(card: Mapping[str, Any], prefix: str) -> Drawing | None:
    """Draw how many stimuli were presented how often.

    Parameters
    ----------
    card : mapping
        Of an assembly; `pictures.repetitions` is read.
    prefix : str
        Begins every id in the picture: one of its own in the page.

    Returns
    -------
    Drawing or None
        None: the card does not tell, or its numbers are malformed.

    Examples
    --------
    >>> card = {"pictures": {"repetitions": [{"repetitions": 28, "stimuli": 12}, {"repetitions": 50, "stimuli": 3200}]}}
    >>> repetitions(card, "repetitions").finding
    '12 stimuli were presented 28 times, 3,200 stimuli 50 times.'
    """
    rows: list[tuple[int, int, int]] = []
    for one in records_of(record_of(card, "pictures").get("repetitions"), 60):
        low, stimuli = count_of(one.get("repetitions")), count_of(one.get("stimuli"))
        high = count_of(one.get("to")) if "to" in one else low
        if low is None or high is None or stimuli is None or high < low or (rows and low <= rows[-1][1]):
            return None
        rows.append((low, high, stimuli))
    if not any(stimuli for _, _, stimuli in rows) or not is_range(rows[0][0] - 0.5, rows[-1][1] + 0.5):
        return None
    figure = Figure(prefix)
    bottom = (_listed_repetitions if len(rows) <= _MOST_LISTED else _spread_repetitions)(figure, rows)
    most = sorted(rows, key=lambda row: -row[2])[:3] if len(rows) > _MOST_LISTED else rows
    told = [f"{_stimuli(n)} {('was ' if n == 1 else 'were ') + 'presented ' if not place else ''}{_times(low, high)}"
            for place, (low, high, n) in enumerate(most)]  # fmt: skip
    finding = f"{listed(told, 3)}{' (the most frequent numbers)' if len(rows) > _MOST_LISTED else ''}."
    return figure.finished(
        bottom, "Presentations of each stimulus", finding, ("presentations", "stimuli"),
        [(f"{low:,}" if low == high else f"{low:,} to {high:,}", n) for low, high, n in rows],
    )  # fmt: skip


def _listed_repetitions(figure: Figure, rows: Sequence[tuple[int, int, int]]) -> float:
    bars = [Bar(_times(low, high), [Part(n, 0, f"{_times(low, high)}: {_stimuli(n)}")]) for low, high, n in rows]
    figure.text(0, 11, "presented", "small")
    figure.text(WIDTH, 11, "stimuli", "small", "end")
    return rows_of_bars(figure, bars, 20)


def _spread_repetitions(figure: Figure, rows: Sequence[tuple[int, int, int]]) -> float:
    bars = [Upright(low - 0.5, high + 0.5, n, f"{_times(low, high)}: {_stimuli(n)}") for low, high, n in rows]
    return upright_bars(figure, bars, "stimuli", "presentations of a stimulus")


def _times(low: int, high: int) -> str:
    if (low, high) == (1, 1):
        return "once"
    return f"{low:,} times" if low == high else f"{low:,} to {high:,} times"


def _stimuli(number: int) -> str:
    return f"{number:,} {'stimulus' if number == 1 else 'stimuli'}"
