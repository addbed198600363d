"""Tiers of tests: a run takes the default tier and, of the slow tier, nothing, one share, or everything.

A test belongs to the slow tier if it has the marker `slow`, whose `reason` states why it is slow. The node id alone
determines the share of a slow test, so a repeated command runs the same tests. A test that the command line names by
its node id always runs.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Self

import pytest
from hypothesis import HealthCheck, settings

for _name, _max_examples in {"quick": 20, "ci": 50, "nightly": 1000}.items():
    settings.register_profile(
        _name,
        max_examples=_max_examples,
        deadline=None,
        print_blob=True,
        database=None if _name == "ci" else settings.get_profile("default").database,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("quick")


def scaled_examples(count: int) -> int:
    """Return how many examples of a property to try: `count` under a profile of 100 examples, else in proportion."""
    return max(2, count * settings().max_examples // 100)


class Share(NamedTuple):
    """One of several shares of the slow tier."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `K/N`, for example `2/4`; raise ValueError for any other text."""
        number, _, count = text.partition("/")
        share = cls(int(number), int(count))
        if not 1 <= share.number <= share.total:
            raise ValueError(f"there is no share {text}; expected K/N with K from 1 to N")
        return share

    def includes(self, node_id: str) -> bool:
        """Return whether a slow test belongs to this share."""
        return int(hashlib.sha256(node_id.encode()).hexdigest(), 16) % self.total == self.number - 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that select slow tests."""
    group = parser.getgroup("tiers")
    group.addoption("--all", action="store_true", dest="all_tiers", help="run the default tier and the slow tier")
    group.addoption(
        "--share", type=Share.parse, metavar="K/N", help="run the default tier and share K of N of the slow tier"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Document the marker."""
    config.addinivalue_line("markers", "slow(reason): belongs to the slow tier; see tests/tiers.py")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one worker more than cores for whole folders, because tests often wait for other processes.

    Single files and tests run in this process.
    """
    are_files = config.args_source is pytest.Config.ArgsSource.ARGS and all(".py" in arg for arg in config.args)
    return 0 if are_files else (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)  # after `-m` and `-k`
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the slow tests that the run does not include, and start with the others."""
    for item in items:
        require_reason(item)
    if not config.option.all_tiers and "slow" not in config.option.markexpr:
        deselected = [item for item in items if is_slow(item) and not is_selected(item, config)]
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in set(deselected)]
    items.sort(key=lambda item: not is_slow(item))  # a long test that starts last would run alone


def is_slow(item: pytest.Item) -> bool:
    """Return whether a test belongs to the slow tier."""
    return item.get_closest_marker("slow") is not None


def is_selected(item: pytest.Item, config: pytest.Config) -> bool:
    """Return whether a run includes a slow test: as part of the share, or because an argument names it."""
    share: Share | None = config.option.share
    return bool(share and share.includes(item.nodeid)) or any(is_named_by(item, argument) for argument in config.args)


def is_named_by(item: pytest.Item, argument: str) -> bool:
    """Return whether an argument `FILE::NAME` names a test, with or without its parameters."""
    path, _, name = argument.partition("::")
    own_name = item.nodeid.partition("::")[2]
    return bool(name) and name in {own_name, own_name.partition("[")[0]} and Path(path).resolve() == item.path


def require_reason(item: pytest.Item) -> None:
    """Raise UsageError if a slow test does not state why it is slow."""
    for marker in item.iter_markers("slow"):
        if not marker.kwargs.get("reason"):
            raise pytest.UsageError(f"{item.nodeid} is marked slow without a reason; use @pytest.mark.slow(reason=...)")
