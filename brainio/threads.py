"""Background threads that can be interrupted, and that do not delay the end of the process.

Python joins the threads of `concurrent.futures` when the process ends: a thread that waits for a silent server would
keep the process alive for a minute. Work in these threads may end at any point, and must keep the disk consistent.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


class Stop:
    """A signal that ends the work of several threads.

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
        """Make `check` and `pause` raise from now on, and call the interrupts of current waits."""
        self._event.set()
        with self._lock:
            interrupts = list(self._interrupts)
        for interrupt in interrupts:
            interrupt()

    def check(self) -> None:
        """Raise CancelledError if the work must end."""
        if self._event.is_set():
            raise CancelledError

    def pause(self, seconds: float) -> None:
        """Sleep; raise CancelledError as soon as the work must end."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def reaching(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Call a function, which must not raise, if the work must end during the block."""
        with self._lock:
            self._interrupts.append(interrupt)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)


def in_background(calls: Iterable[Callable[[], T]], most: int, name: str) -> list[Future[T]]:
    """Run calls in background threads, at most so many at once, and return their futures in the same order.

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
            _run(*waiting.popleft())


def _run(future: Future[T], call: Callable[[], T]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
