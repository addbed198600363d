"""Turns what was measured into rows with ratios and a verdict, and prints them."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.cases import Row
from benchmarks.measurements import FLOOR, Measured, Scaled

MEGABYTE = 1e6


def as_record(measured: Measured, mode: str, peer_missing: str) -> dict[str, Any]:
    """Describe a row for JSON: medians and all runs, ratios, what is wanted and whether it is met.

    Parameters
    ----------
    peer_missing : str
        Why there is no peer; empty where there is one.
    """
    row = measured.row
    ours, peer, floor = (measured.median(side) for side in ("ours", "peer", FLOOR))
    further = {name: measured.median(name) for name in row.floors[1:]}
    verdicts = _verdicts(row, ours, peer, floor, mode)
    return {
        "name": row.name,
        "title": row.title,
        "unit": row.unit,
        "ours": ours,
        "peer": peer,
        "floor": floor,
        "floor_is": row.floors[0] if row.floors else None,
        "further_floors": further,
        "peer_to_ours": _ratio(peer, ours),
        "ours_to_floor": _ratio(ours, floor),
        "wanted": wanted_text(row),
        "met": False if False in verdicts else None if None in verdicts or not verdicts else True,
        "answers_equal": measured.equal,
        "runs": measured.runs,
        "failures": {**measured.failures, **({"peer": peer_missing} if peer_missing else {})},
    }


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _verdicts(row: Row, ours: float | None, peer: float | None, floor: float | None, mode: str) -> list[bool | None]:
    """Judge each limit that is stated; None where something that it needs is missing."""
    wanted = row.wanted
    verdicts: list[bool | None] = []
    if wanted.most is not None:
        verdicts.append(None if ours is None or mode != "full" else ours <= wanted.most)
    for limit, ratio, is_at_least in (
        (wanted.times_floor, _ratio(ours, floor), False),
        (wanted.times_peer, _ratio(peer, ours), True),
    ):
        if limit is not None:
            verdicts.append(None if ratio is None else ratio >= limit if is_at_least else ratio <= limit)
    return verdicts


def wanted_text(row: Row) -> str:
    """Say what is wanted of a row.

    >>> from benchmarks.cases import ROWS
    >>> wanted_text(ROWS[0])
    '<= 60 ms'
    """
    wanted = row.wanted
    parts = [] if wanted.most is None else [f"<= {quantity(wanted.most, row.unit)}"]
    if wanted.times_floor is not None:
        parts.append(f"<= {wanted.times_floor:g} x floor")
    if wanted.times_peer is not None:
        parts.append("no larger" if row.kind == "size" else f"{wanted.times_peer:g} x peer")
    return ", ".join(parts) or "-"


def quantity(value: float | None, unit: str) -> str:
    """Write a time or a size for a reader.

    >>> quantity(0.00002, "s"), quantity(2.5, "s"), quantity(151_000_000, "bytes"), quantity(None, "s")
    ('20 us', '2.5 s', '151 MB', '-')
    """
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value / MEGABYTE:.3g} MB"
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value / 1e-9:.3g} ns"


_MET = {True: "yes", False: "NO", None: "-"}
_HEADER = ("workload", "this project", "peer", "floor", "peer/ours", "ours/floor", "wanted", "met", "same answer")


def table(records: Iterable[dict[str, Any]]) -> str:
    """Lay out rows as a Markdown table, with notes on what is not in it."""
    lines, notes = [], []
    for record in records:
        unit, failures = record["unit"], record["failures"]
        cells = [quantity(record[side], unit) for side in ("ours", "peer", "floor")]
        cells = [
            "failed" if side in failures and side != "peer" else cell
            for side, cell in zip(("ours", "peer", "floor"), cells, strict=True)
        ]
        ratios = [
            f"{ratio:.3g}" if ratio is not None else "-" for ratio in (record["peer_to_ours"], record["ours_to_floor"])
        ]
        same = _MET[record["answers_equal"]]
        lines.append((record["title"], *cells, *ratios, record["wanted"], _MET[record["met"]], same))
        notes += _notes(record)
    return "\n".join([grid(_HEADER, lines), *notes])


def _notes(record: dict[str, Any]) -> list[str]:
    notes = []
    runs = record["runs"]
    if "peer" in runs and len(runs["peer"]) < len(runs.get("ours", [])):
        warm = "" if len(runs["peer"]) > 1 else ", without warm-up"
        notes.append(f"- {record['title']}: the peer ran {len(runs['peer'])} x only{warm}")
    notes += [
        f"- {record['title']}: {name} takes {quantity(value, record['unit'])}"
        for name, value in record["further_floors"].items()
        if value is not None
    ]
    return notes + [
        f"- {record['title']}: {side} failed: {why}"
        for side, why in record["failures"].items()
        if side != "peer" or "absent" not in why
    ]


def scaling_table(scaled: Sequence[Scaled]) -> str:
    """Lay out the steps of `--scaling`; ratios are to the single size."""
    first = {one.step: one for one in scaled if one.factor == 1}
    lines = [
        (
            f"{one.step} {one.factor}x",
            f"{one.presentations:,}",
            quantity(one.array_bytes, "bytes"),
            quantity(one.seconds, "s"),
            f"{one.seconds / first[one.step].seconds:.2f}",
            quantity(one.peak_bytes, "bytes"),
            f"{one.peak_bytes / one.array_bytes:.2f}",
        )
        for one in scaled
    ]
    return grid(("step", "presentations", "array", "time", "x the single", "peak memory", "peak/array"), lines)


def grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out cells as a Markdown table whose columns stand under each other.

    >>> print(grid(("a", "b"), [("1", "22")]))
    | a | b  |
    |---|----|
    | 1 | 22 |
    """
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]

    def laid_out(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([laid_out(header), rule, *map(laid_out, lines)])
