"""Threads that may be left behind: they can be told to stop, and the end of the process does not wait for them.

The threads of `concurrent.futures` are joined when the process ends. One that waits for a server which says nothing
would keep it alive for a minute. What runs here has to leave the disk in a good state wherever it is ended.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


class Stop:
    """Says to all threads of a piece of work that it is to end.

    Examples
    --------
    >>> stop = Stop()
    >>> with stop.reaching(lambda: print("hung up")):
    ...     stop.set()
    hung up
    >>> stop.check()
    Traceback (most recent call last):
        ...
    concurrent.futures._base.CancelledError
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], object]] = []

    def set(self) -> None:
        """Make `check` and `pause` raise from now on, and interrupt what is being waited for."""
        self._event.set()
        with self._lock:
            interrupts = list(self._interrupts)
        for interrupt in interrupts:
            interrupt()

    def check(self) -> None:
        """Raise CancelledError if the work is to end."""
        if self._event.is_set():
            raise CancelledError

    def pause(self, seconds: float) -> None:
        """Wait so long; raise CancelledError as soon as the work is to end."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def reaching(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Call that when the work is to end during the block, from whichever thread says so; it must not raise."""
        with self._lock:
            self._interrupts.append(interrupt)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)


def in_background(calls: Iterable[Callable[[], T]], most: int, name: str) -> list[Future[T]]:
    """Make calls in so many threads at most, and return their futures in the same order.

    Examples
    --------
    >>> [future.result() for future in in_background([lambda: 1, lambda: 2], 2, "counting")]
    [1, 2]
    """
    futures: list[Future[T]] = []
    waiting: deque[tuple[Future[T], Callable[[], T]]] = deque()
    for call in calls:
        futures.append(Future())
        waiting.append((futures[-1], call))
    for number in range(min(most, len(futures))):
        threading.Thread(target=_work, args=(waiting,), name=f"{name}-{number}", daemon=True).start()
    return futures


def _work(waiting: deque[tuple[Future[T], Callable[[], T]]]) -> None:
    with suppress(IndexError):
        while True:
            _carry_out(*waiting.popleft())


def _carry_out(future: Future[T], call: Callable[[], T]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
