"""Measures rows: the sides in turn, run by run, after a warm-up; and whether their answers are equal."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.cases import FACTORS, STEPS, Row
from benchmarks.data_files import SIZES, Places
from benchmarks.implementations import Position, Side, SideError

FLOOR = "floor"
_PEAK_REPEATS = {"full": 3, "quick": 1, "tiny": 1}  # a peak hardly varies, and each takes a process
_IMPORTS = {"ours": "import brainio", "peer": "import brainio", FLOOR: "pass"}


@dataclass
class Measured:
    """What was measured of one row: the runs of each side (further floors under their own names), and what failed."""

    row: Row
    runs: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[float] | None] = field(default_factory=dict)

    def median(self, side: str) -> float | None:
        """Return the median of a side's runs, None where there are none."""
        return median(self.runs[side]) if self.runs.get(side) else None

    @property
    def equal(self) -> bool | None:
        """Whether this project and the peer (the floor, where there is none) agree; None where that cannot be told."""
        ours, other = self.answers.get("ours"), self.answers.get("peer" if self.row.in_peer else FLOOR)
        if ours is None or other is None:
            return None
        return len(ours) == len(other) and all(
            math.isclose(*both, rel_tol=1e-5) for both in zip(ours, other, strict=True)
        )


def measure(row: Row, sides: dict[str, Side], place: Position, repeats: int) -> Measured:
    """Measure one row on all sides that are there."""
    measured = Measured(row)
    if row.kind == "size":
        for name in ("ours", "peer"):
            written = Places(place.folder).written(name, ".nc")
            if name in sides and written.exists():
                measured.runs[name] = [float(written.stat().st_size)]
    elif row.kind == "peak":
        measured.runs[FLOOR] = [float(SIZES[place.mode].array_bytes)]
        measured_sides = {"ours", "peer"} if row.in_peer else {"ours"}
        whole = {name: _whole(side.peak_bytes, row.name) for name, side in sides.items() if name in measured_sides}
        _in_turn(measured, whole, min(repeats, _PEAK_REPEATS[place.mode]))
    elif row.kind == "import":
        _in_turn(
            measured, {name: _whole(side.process_seconds, _IMPORTS[name]) for name, side in sides.items()}, repeats
        )
    else:
        is_alone = row.alone and place.mode == "full"
        used = {name: side.fresh() for name, side in sides.items()} if is_alone else sides
        try:
            _measure_calls(measured, used, repeats)
        finally:
            if is_alone:
                for side in used.values():
                    side.close()
    return measured


Run = Callable[[], dict[str, Any]]


def _whole(measurement: Callable[[str], float], argument: str) -> Run:
    return lambda: {"value": float(measurement(argument))}


def _measure_calls(measured: Measured, sides: dict[str, Side], repeats: int) -> None:
    row = measured.row
    runs: dict[str, Run] = {}
    tasks = [(name, name, row.name) for name in sides if name != FLOOR and (row.in_peer or name != "peer")]
    tasks += [(FLOOR if floor == row.floors[0] else floor, FLOOR, floor) for floor in row.floors]
    for label, name, workload in tasks:
        try:
            sides[name].ask("prepare", name=workload)
            runs[label] = _call(sides[name], workload)
        except SideError as error:
            measured.failures[label] = str(error)
    _in_turn(measured, runs, repeats)
    for side in sides.values():
        side.ask("clear")


def _call(side: Side, workload: str) -> Run:
    def run() -> dict[str, Any]:
        answer = side.ask("run", name=workload)
        return {"value": answer["seconds"], "answer": answer["answer"]}

    return run


def _in_turn(measured: Measured, runs: dict[str, Run], repeats: int) -> None:
    """Run the sides one after the other, again and again; the first round is the warm-up.

    A peer that is to run only once has no warm-up.
    """
    limit = measured.row.peer_repeats or repeats
    rounds = {label: range(min(repeats, limit if label == "peer" else repeats) + 1) for label in runs}
    if limit == 1 and "peer" in runs:
        rounds["peer"] = range(1, 2)
    for number in range(repeats + 1):
        for label, run in runs.items():
            if label in measured.failures or number not in rounds[label]:
                continue
            try:
                result = run()
            except SideError as error:
                measured.failures[label] = str(error)
                continue
            if number > 0:
                measured.runs.setdefault(label, []).append(result["value"])
            measured.answers[label] = result.get("answer")


@dataclass(frozen=True)
class Scaled:
    """One step at one multiple of the presentations: seconds (median), and peak memory of all steps up to it."""

    step: str
    factor: int
    presentations: int
    array_bytes: int
    seconds: float
    peak_bytes: float


def measure_scaling(ours: Side, place: Position, repeats: int) -> list[Scaled]:
    """Measure reading, loading, merging and grouping at 1, 4 and 16 times the presentations, the factors in turn."""
    sizes = SIZES[place.mode]
    scaled = []
    for step in STEPS:
        names = {factor: f"{step}_{factor}x" for factor in FACTORS}
        runs: dict[int, list[float]] = {factor: [] for factor in FACTORS}
        for name in names.values():
            ours.ask("prepare", name=name)
        for number in range(repeats + 1):
            for factor, name in names.items():
                seconds = ours.ask("run", name=name)["seconds"]
                if number:
                    runs[factor].append(seconds)
        ours.ask("clear")
        for factor, name in names.items():
            presentations = sizes.stimuli * sizes.repetitions * factor
            array_bytes = presentations * sizes.scaling_neuroids * 4
            peak = ours.peak_bytes(name)
            scaled.append(Scaled(step, factor, presentations, array_bytes, median(runs[factor]), peak))
    return scaled
