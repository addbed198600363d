"""One value of a recording with its place."""

from __future__ import annotations

from typing import Any


class DataPoint:
    """One value, and the neuroid and presentation that it belongs to."""

    def __init__(self, value: Any, neuroid: Any, presentation: Any) -> None:
        self.value = value
        self.neuroid = neuroid
        self.presentation = presentation
