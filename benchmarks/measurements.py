"""Measurements of cases and of scaling: runs of all implementations in turn, after a warm-up.

Also compares the answers of the implementations.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.cases import FACTORS, STEPS, Case
from benchmarks.data_files import SIZES, DataPaths
from benchmarks.implementations import Implementation, ImplementationError, RunFolder

FLOOR = "floor"
_PEAK_REPEATS = {"full": 3, "quick": 1, "tiny": 1}  # peaks hardly vary, and each needs a new process
_IMPORTS = {"ours": "import brainio", "peer": "import brainio", FLOOR: "pass"}


@dataclass
class CaseResult:
    """Measurements of one case.

    Attributes
    ----------
    case : Case
        The case.
    runs : dict
        Implementation, or name of a further floor -> value of each run.
    failures : dict
        The same keys -> error message.
    answers : dict
        The same keys -> summary of the answer, see `benchmarks.worker.summarize_answer`.
    """

    case: Case
    runs: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[float] | None] = field(default_factory=dict)

    def median(self, implementation: str) -> float | None:
        """Return the median of the runs of an implementation; None without runs."""
        return median(self.runs[implementation]) if self.runs.get(implementation) else None

    @property
    def equal(self) -> bool | None:
        """Whether this project and the peer (without it, the floor) give the same answer; None if not comparable."""
        ours, other = self.answers.get("ours"), self.answers.get("peer" if self.case.in_peer else FLOOR)
        if ours is None or other is None:
            return None
        return len(ours) == len(other) and all(
            math.isclose(*both, rel_tol=1e-5) for both in zip(ours, other, strict=True)
        )


def measure_case(
    case: Case, implementations: dict[str, Implementation], run_folder: RunFolder, repeats: int
) -> CaseResult:
    """Measure one case on all running implementations."""
    result = CaseResult(case)
    if case.kind == "size":
        for name in ("ours", "peer"):
            written = DataPaths(run_folder.folder).written_path(name, ".nc")
            if name in implementations and written.exists():
                result.runs[name] = [float(written.stat().st_size)]
    elif case.kind == "peak":
        result.runs[FLOOR] = [float(SIZES[run_folder.mode].array_bytes)]
        measured = {"ours", "peer"} if case.in_peer else {"ours"}
        runs = {
            name: _process_run(implementation.peak_bytes, case.name)
            for name, implementation in implementations.items()
            if name in measured
        }
        _run_in_turn(result, runs, min(repeats, _PEAK_REPEATS[run_folder.mode]))
    elif case.kind == "import":
        runs = {name: _process_run(used.process_seconds, _IMPORTS[name]) for name, used in implementations.items()}
        _run_in_turn(result, runs, repeats)
    elif case.own_workers and run_folder.mode == "full":
        own = {name: implementation.start_another() for name, implementation in implementations.items()}
        try:
            _measure_calls(result, own, repeats)
        finally:
            for implementation in own.values():
                implementation.close()
    else:
        _measure_calls(result, implementations, repeats)
    return result


Run = Callable[[], dict[str, Any]]


def _process_run(measurement: Callable[[str], float], argument: str) -> Run:
    """Return a run that measures a new process."""
    return lambda: {"value": float(measurement(argument))}


def _measure_calls(result: CaseResult, implementations: dict[str, Implementation], repeats: int) -> None:
    case = result.case
    runs: dict[str, Run] = {}
    tasks = [(name, name, case.name) for name in implementations if name == "ours" or (name == "peer" and case.in_peer)]
    tasks += [(FLOOR if floor == case.floors[0] else floor, FLOOR, floor) for floor in case.floors]
    for label, name, workload in tasks:
        try:
            implementations[name].call("prepare", name=workload)
            runs[label] = _call_run(implementations[name], workload)
        except ImplementationError as error:
            result.failures[label] = str(error)
    _run_in_turn(result, runs, repeats)
    for implementation in implementations.values():
        implementation.call("clear")


def _call_run(implementation: Implementation, workload: str) -> Run:
    """Return a run that measures a call in the worker of an implementation."""

    def run() -> dict[str, Any]:
        answer = implementation.call("run", name=workload)
        return {"value": answer["seconds"], "answer": answer["answer"]}

    return run


def _run_in_turn(result: CaseResult, runs: dict[str, Run], repeats: int) -> None:
    """Run all implementations once per round; the first round is the warm-up.

    A peer that runs only once has no warm-up.
    """
    limit = result.case.peer_repeats or repeats
    rounds = {label: range(min(repeats, limit if label == "peer" else repeats) + 1) for label in runs}
    if limit == 1 and "peer" in runs:
        rounds["peer"] = range(1, 2)
    for number in range(repeats + 1):
        for label, run in runs.items():
            if label in result.failures or number not in rounds[label]:
                continue
            try:
                outcome = run()
            except ImplementationError as error:
                result.failures[label] = str(error)
                continue
            if number > 0:
                result.runs.setdefault(label, []).append(outcome["value"])
            result.answers[label] = outcome.get("answer")


@dataclass(frozen=True)
class ScalingResult:
    """Measurement of one step at one multiple of the presentations.

    `seconds` is the median; `peak_bytes` includes the preceding steps.
    """

    step: str
    factor: int
    presentations: int
    array_bytes: int
    seconds: float
    peak_bytes: float


def measure_scaling(ours: Implementation, run_folder: RunFolder, repeats: int) -> list[ScalingResult]:
    """Measure reading, loading, merging and grouping at 1, 4 and 16 times the presentations, in turn."""
    sizes = SIZES[run_folder.mode]
    results = []
    for step in STEPS:
        names = {factor: f"{step}_{factor}x" for factor in FACTORS}
        runs: dict[int, list[float]] = {factor: [] for factor in FACTORS}
        for name in names.values():
            ours.call("prepare", name=name)
        for number in range(repeats + 1):
            for factor, name in names.items():
                seconds = ours.call("run", name=name)["seconds"]
                if number:
                    runs[factor].append(seconds)
        ours.call("clear")
        for factor, name in names.items():
            presentations = sizes.stimuli * sizes.repetitions * factor
            array_bytes = presentations * sizes.scaling_neuroids * 4
            peak = ours.peak_bytes(name)
            results.append(ScalingResult(step, factor, presentations, array_bytes, median(runs[factor]), peak))
    return results
