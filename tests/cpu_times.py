"""Plugin that reports CPU seconds by folder and by test: `python -m pytest -p tests.cpu_times [--cpu-times=FILE]`.

CPU time is comparable between a quiet and a busy machine, wall time is not. It covers the test process and its child
processes, without daemons (PostgreSQL).
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

PROPERTY = "cpu_seconds"
SHOWN_TESTS = 40

_started: dict[str, float] = {}
_seconds: defaultdict[str, float] = defaultdict(float)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cpu-times", type=Path, metavar="FILE", help="also write the seconds of each test to a JSON file"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _started[item.nodeid] = _cpu_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.when == "teardown":
        item.user_properties.append((PROPERTY, _cpu_seconds() - _started.pop(item.nodeid)))
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        _seconds[report.nodeid] += sum(float(str(value)) for name, value in report.user_properties if name == PROPERTY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    folders, counts = defaultdict[str, float](float), Counter[str]()
    for test, seconds in _seconds.items():
        folder = str(Path(test.partition("::")[0]).parent)
        folders[folder] += seconds
        counts[folder] += 1
    terminalreporter.section("CPU seconds")
    for test, seconds in _slowest(_seconds)[:SHOWN_TESTS]:
        terminalreporter.write_line(f"{seconds:8.2f} {test}")
    for folder, seconds in _slowest(folders):
        terminalreporter.write_line(f"{seconds:8.1f} {folder} ({counts[folder]} tests)")
    terminalreporter.write_line(f"{sum(folders.values()):8.1f} in total ({sum(counts.values())} tests)")
    if config.getoption("cpu_times"):
        config.getoption("cpu_times").write_text(json.dumps(_seconds, indent=0))


def _slowest(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda item: -item[1])


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + sum(_seconds_of_children())


def _seconds_of_children() -> Iterator[float]:
    """Yield the seconds of each running child process, with those of its own children that have ended."""
    for path in Path("/proc/self/task").glob("*/children"):
        pids: list[str] = []
        with suppress(
            OSError
        ):  # threads and processes end meanwhile; an error here would end the worker of pytest-xdist
            pids = path.read_text().split()
        for pid in pids:
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                yield sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
