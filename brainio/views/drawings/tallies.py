"""Pictures of how many: neuroids by region and animal, repetitions of stimuli, the values of a column."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from brainio.views.drawings.figure import COLOURS, OTHERS, WIDTH, Figure
from brainio.views.drawings.plots import Bar, Part, counted, listed, rows_of_bars, upright_bars
from brainio.views.drawings.records import count_of, is_range, record_of, records_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.views.drawings.figure import Drawing

_MOST_RECORDS = 100
_MOST_ROWS = 12
_MOST_LISTED = 8  # repetitions that have a row each; more of them are drawn along an axis
_UNKNOWN = "not stated"


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
    records = card.get("counts")
    dim = text_of(records_of(records, 1)[0].get("dim")) if records_of(records, 1) else None
    thing = dim or "neuroid"
    regions, animals = _tally(found, 0), _tally(found, 1)
    if set(regions) == {_UNKNOWN}:
        return _of_one(animals, thing, "animal", prefix)
    if set(animals) == {_UNKNOWN}:
        return _of_one(regions, thing, "region", prefix)
    return _of_both(found, regions, animals, thing, prefix)


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
    bars = [Bar(name, [Part(count, 0, f"{name}: {counted(count, thing)}")]) for name, count in totals.items()]
    bottom = rows_of_bars(figure, _joined(bars, f"more {by}s"), 4)
    return figure.finished(
        bottom, f"{thing.capitalize()}s by {by}", f"{_shares(totals, thing)}.", (by, f"{thing}s"), [*totals.items()]
    )


def _of_both(
    found: Sequence[tuple[str, str, int]], regions: Counter[str], animals: Counter[str], thing: str, prefix: str
) -> Drawing:
    colours = {name: place for place, name in enumerate(animals)}
    if len(colours) > COLOURS:
        colours = {name: place if place < COLOURS - 1 else OTHERS for name, place in colours.items()}
    figure = Figure(prefix)
    shown = [(place, name) for name, place in colours.items() if place != OTHERS]
    others = len(colours) - len(shown)
    legend = [*shown, (OTHERS, f"{others:,} others")] if others else shown
    top = figure.area_legend(legend, 0) + 8
    bars = []
    for region in regions:
        here = sorted(((colours[who], who, count) for where, who, count in found if where == region and count))
        parts = [Part(count, colour, f"{region}, {who}: {counted(count, thing)}") for colour, who, count in here]
        bars.append(Bar(region, parts))
    bottom = rows_of_bars(figure, _joined(bars, "more regions"), top)
    by_animal = listed([f"{name} {count:,}" for name, count in animals.items()], 6)
    finding = f"{_shares(regions, thing)}; animals: {by_animal}."
    headings = ("region", "animal", f"{thing}s")
    return figure.finished(bottom, f"{thing.capitalize()}s by region and animal", finding, headings, [*found])


def _shares(totals: Counter[str], thing: str) -> str:
    """Say how many there are where, the first with what they are."""
    named = [f"{counted(count, thing)} in {name}" for name, count in totals.most_common(1)]
    return listed([*named, *(f"{count:,} in {name}" for name, count in totals.most_common()[1:])])


def _joined(bars: list[Bar], called: str) -> list[Bar]:
    """Put the rows that are too many into one."""
    if len(bars) <= _MOST_ROWS:
        return bars
    rest = bars[_MOST_ROWS - 1 :]
    name = f"{len(rest):,} {called}"
    count = sum(bar.size for bar in rest)
    return [*bars[: _MOST_ROWS - 1], Bar(name, [Part(count, OTHERS, f"{name}: {count:,}")])]


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
    told = [f"{_stimuli(n)} {'were presented ' if not place else ''}{_times(low, high)}"
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
    bars = [(low - 0.5, high + 0.5, n, f"{_times(low, high)}: {_stimuli(n)}") for low, high, n in rows]
    return upright_bars(figure, bars, "stimuli", "presentations of a stimulus")


def _times(low: int, high: int) -> str:
    if (low, high) == (1, 1):
        return "once"
    return f"{low:,} times" if low == high else f"{low:,} to {high:,} times"


def _stimuli(number: int) -> str:
    return f"{number:,} {'stimulus' if number == 1 else 'stimuli'}"
