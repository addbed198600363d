"""The register of scenarios: a promise in words, and a small function that shows it.

A scenario uses only the interface that this project and brainscore-brainio 1.1.0 share, so that it runs with either.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

# A scenario takes nothing, or the path of an empty folder that it may write to.
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
    """Register a function under the promise that it shows."""
    if promise in SCENARIOS:
        raise ValueError(f"two scenarios promise {promise!r}; give one another name")
    SCENARIOS[promise] = function


def load_scenarios() -> dict[str, Scenario]:
    """Import all themes and give the scenarios, in the order of the themes, by name."""
    for theme in THEMES:
        importlib.import_module(f"tests.differential.scenarios.{theme}")
    return SCENARIOS


def theme_of(function: Scenario) -> str:
    """Name the theme that a scenario belongs to."""
    return function.__module__.rpartition(".")[2]
