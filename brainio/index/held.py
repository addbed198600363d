"""Answers that were found and are given again; an index never changes, so they stay right as long as it is open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from brainio.forks import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Value = TypeVar("Value")


class Held(Generic[Value]):
    """Values by what was asked, those that were used last; for many threads.

    Parameters
    ----------
    most : int
        How much is held.
    size : callable
        Returns how much a value is; what alone is more than `most` is not held.

    Examples
    --------
    >>> held = Held(4, len)
    >>> [held.get(key, lambda: key * 2) for key in ("a", "b", "a", "c")]
    ['aa', 'bb', 'aa', 'cc']
    >>> held.get("a", lambda: "anew"), held.get("b", lambda: "anew")
    ('aa', 'anew')
    """

    def __init__(self, most: int, size: Callable[[Value], int]) -> None:
        self._most, self._size = most, size
        self._lock = guard(threading.RLock(), "remembered search results")
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._held = 0

    def get(self, key: Hashable, find: Callable[[], Value]) -> Value:
        """Return what is held, or else what `find` gives; of two threads that find it at once both do."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        found = find()
        with self._lock:
            if key not in self._values:
                self._values[key] = found
                self._held += self._size(found)
            while self._held > self._most:
                self._held -= self._size(self._values.popitem(last=False)[1])
        return found
