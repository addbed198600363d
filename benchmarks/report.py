"""Report of the benchmarks: records with ratios and verdicts, and Markdown tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.cases import Case
from benchmarks.measurements import FLOOR, CaseResult, ScalingResult

MEGABYTE = 1e6


def case_record(result: CaseResult, mode: str, peer_missing: str) -> dict[str, Any]:
    """Return the record of a case for JSON: medians and all runs, ratios, the target and whether it is met.

    Parameters
    ----------
    peer_missing : str
        Reason why there is no peer; empty if there is one.
    """
    case = result.case
    ours, peer, floor = (result.median(name) for name in ("ours", "peer", FLOOR))
    further = {name: result.median(name) for name in case.floors[1:]}
    verdicts = _verdicts(case, ours, peer, floor, mode)
    return {
        "name": case.name,
        "title": case.title,
        "unit": case.unit,
        "ours": ours,
        "peer": peer,
        "floor": floor,
        "floor_is": case.floors[0] if case.floors else None,
        "further_floors": further,
        "peer_to_ours": _ratio(peer, ours),
        "ours_to_floor": _ratio(ours, floor),
        "target": format_target(case),
        "met": False if False in verdicts else None if None in verdicts or not verdicts else True,
        "answers_equal": result.equal,
        "runs": result.runs,
        "failures": {**result.failures, **({"peer": peer_missing} if peer_missing else {})},
    }


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator is not None and denominator else None


def _verdicts(case: Case, ours: float | None, peer: float | None, floor: float | None, mode: str) -> list[bool | None]:
    """Return whether each limit of the target is met; None if a measurement is missing."""
    target = case.target
    verdicts: list[bool | None] = []
    if target.limit is not None:
        verdicts.append(None if ours is None or mode != "full" else ours <= target.limit)
    for limit, ratio, is_at_least in (
        (target.floor_factor, _ratio(ours, floor), False),
        (target.peer_factor, _ratio(peer, ours), True),
    ):
        if limit is not None:
            verdicts.append(None if ratio is None else ratio >= limit if is_at_least else ratio <= limit)
    return verdicts


def format_target(case: Case) -> str:
    """Format the target of a case.

    >>> from benchmarks.cases import CASES
    >>> format_target(CASES[0])
    '<= 60 ms'
    """
    target = case.target
    parts = [] if target.limit is None else [f"<= {format_quantity(target.limit, case.unit)}"]
    if target.floor_factor is not None:
        parts.append(f"<= {target.floor_factor:g} x floor")
    if target.peer_factor is not None:
        parts.append("no larger" if case.kind == "size" else f"{target.peer_factor:g} x peer")
    return ", ".join(parts) or "-"


def format_quantity(value: float | None, unit: str) -> str:
    """Format a duration or a size with a suitable unit.

    >>> format_quantity(0.00002, "s"), format_quantity(151_000_000, "bytes"), format_quantity(None, "s")
    ('20 us', '151 MB', '-')
    """
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value / MEGABYTE:.3g} MB"
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value / 1e-9:.3g} ns"


_VERDICTS = {True: "yes", False: "NO", None: "-"}
_HEADER = ("workload", "this project", "peer", "floor", "peer/ours", "ours/floor", "target", "met", "same answer")


def format_table(records: Iterable[dict[str, Any]]) -> str:
    """Format the records of cases as a Markdown table, followed by notes."""
    lines, notes = [], []
    for record in records:
        unit, failures = record["unit"], record["failures"]
        cells = [format_quantity(record[name], unit) for name in ("ours", "peer", "floor")]
        cells = [
            "failed" if name in failures and name != "peer" else cell
            for name, cell in zip(("ours", "peer", "floor"), cells, strict=True)
        ]
        ratios = [
            f"{ratio:.3g}" if ratio is not None else "-" for ratio in (record["peer_to_ours"], record["ours_to_floor"])
        ]
        same = _VERDICTS[record["answers_equal"]]
        lines.append((record["title"], *cells, *ratios, record["target"], _VERDICTS[record["met"]], same))
        notes += _notes(record)
    return "\n".join([format_grid(_HEADER, lines), *notes])


def _notes(record: dict[str, Any]) -> list[str]:
    notes = []
    runs = record["runs"]
    if "peer" in runs and len(runs["peer"]) < len(runs.get("ours", [])):
        without = "" if len(runs["peer"]) > 1 else ", without warm-up"
        notes.append(f"- {record['title']}: the peer ran {len(runs['peer'])} x only{without}")
    notes += [
        f"- {record['title']}: {name} takes {format_quantity(value, record['unit'])}"
        for name, value in record["further_floors"].items()
        if value is not None
    ]
    return notes + [
        f"- {record['title']}: {name} failed: {reason}"
        for name, reason in record["failures"].items()
        if name != "peer" or "absent" not in reason
    ]


def format_scaling(results: Sequence[ScalingResult]) -> str:
    """Format the results of `--scaling` as a Markdown table; ratios are relative to factor 1."""
    single = {result.step: result for result in results if result.factor == 1}
    lines = [
        (
            f"{result.step} {result.factor}x",
            f"{result.presentations:,}",
            format_quantity(result.array_bytes, "bytes"),
            format_quantity(result.seconds, "s"),
            f"{result.seconds / single[result.step].seconds:.2f}",
            format_quantity(result.peak_bytes, "bytes"),
            f"{result.peak_bytes / result.array_bytes:.2f}",
        )
        for result in results
    ]
    return format_grid(("step", "presentations", "array", "time", "ratio to 1x", "peak memory", "peak/array"), lines)


def format_grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Format cells as a Markdown table with aligned columns.

    >>> print(format_grid(("a", "b"), [("1", "22")]))
    | a | b  |
    |---|----|
    | 1 | 22 |
    """
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]

    def format_line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([format_line(header), rule, *map(format_line, lines)])
