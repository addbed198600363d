"""The registry of scenarios. Each has a guarantee in words, and a small function that demonstrates it.

A scenario uses only the interface that this project and brainscore-brainio 1.1.0 share, so that it runs with either.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

# A scenario takes no argument, or the path of an empty writable folder.
Scenario = Callable[..., Any]
SCENARIOS: dict[str, Scenario] = {}
THEMES = (
    "construction",
    "selection",
    "computing",
    "grouping",
    "shaping",
    "combining",
    "listing",
    "storing",
    "stimuli",
    "transforming",
    "unusual",
    "lookups",
    "idioms",
    "old_code",
)


def scenario(promise: str, function: Scenario) -> None:
    """Register a function under the guarantee that it demonstrates."""
    if promise in SCENARIOS:
        raise ValueError(f"two scenarios promise {promise!r}; give one another name")
    SCENARIOS[promise] = function


def load_scenarios() -> dict[str, Scenario]:
    """Import all themes, and return the scenarios by name in the order of the themes."""
    for theme in THEMES:
        importlib.import_module(f"tests.differential.scenarios.{theme}")
    return SCENARIOS


def theme_of(function: Scenario) -> str:
    """Return the theme of a scenario."""
    return function.__module__.rpartition(".")[2]
