"""Answers that were found and are given again; an index never changes, so they stay right as long as it is open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Value = TypeVar("Value")


class Held(Generic[Value]):
    """Values by what was asked, those that were used last; for many threads.

    Parameters
    ----------
    most : int
        How many are held.

    Examples
    --------
    >>> held = Held(2)
    >>> [held.get(key, lambda: key * 2) for key in (1, 2, 1, 3)]
    [2, 4, 2, 6]
    >>> held.get(1, lambda: "anew"), held.get(2, lambda: "anew")
    (2, 'anew')
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, find: Callable[[], Value]) -> Value:
        """Return what is held, or else what `find` gives; of two threads that find it at once both do."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        found = find()
        with self._lock:
            self._values[key] = found
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return found
