"""A worker process with limits on time and memory, for operations that a hostile file could crash or hang.

The caller names a function as `module:function` and passes it arguments that JSON can hold; the worker process answers
with a line of JSON. The answer is data, never code: the parent parses it, bounds its size, and takes from it the names
of errors and warnings of `brainio.errors` only. A crashed, hung or oversized worker becomes a `WorkerError` that names
the file. Values of a user's own load never pass through here. This module knows nothing of what the functions do.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brainio import errors
from brainio.errors import BrainioError, BrainioWarning, ResourceLimitError, WorkerError
from brainio.memory import MemoryLimit, limit_memory, resident_bytes
from brainio.processes import block_interrupts

if TYPE_CHECKING:
    from collections.abc import Mapping

BRAINIO_WORKER_SECONDS = "BRAINIO_WORKER_SECONDS"
BRAINIO_WORKER_MB = "BRAINIO_WORKER_MB"
_DEFAULTS = {BRAINIO_WORKER_SECONDS: 300, BRAINIO_WORKER_MB: 500}
_MB = 1_000_000
_SECONDS_PER_BYTE = 1 / _MB  # a file of 100 GB may take a day
_POLL_SECONDS = 0.05
_LARGEST_ANSWER = 256 * _MB
_MOST_CALLS = 200  # calls of one process: memory that libraries leak goes with it
_IDLE_SECONDS = 60.0
_ORPHANED, _IDLE = 3, 4  # exit codes
# Writable mappings that are never touched: stacks and arenas of threads, buffers of OpenBLAS.
_UNTOUCHED_BYTES = 1 << 30
_MOST_WARNINGS = 100
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}


class Limits(NamedTuple):
    """Limits of one call, and the settings that change them.

    Attributes
    ----------
    seconds : float
        Wall time; the process may also use no more CPU time.
    memory_mb : float
        Resident memory of the worker process, with its libraries (about 150 MB).
    seconds_setting, memory_setting : str
        Names of settings, for error messages.
    """

    seconds: float
    memory_mb: float
    seconds_setting: str = BRAINIO_WORKER_SECONDS
    memory_setting: str = BRAINIO_WORKER_MB


def limits_for(*paths: Path) -> Limits:
    """Return the limits for reading files: those of the environment, and one more second for each MB of the files.

    Parameters
    ----------
    *paths : Path
        The files; a missing one counts as empty.

    Raises
    ------
    WorkerError
        An environment variable is not a positive number.

    Examples
    --------
    >>> limits_for().seconds, limits_for().memory_mb
    (300.0, 500.0)
    """
    size = sum(path.stat().st_size for path in paths if path.is_file())
    return Limits(_setting(BRAINIO_WORKER_SECONDS) + size * _SECONDS_PER_BYTE, _setting(BRAINIO_WORKER_MB))


def _setting(name: str) -> float:
    text = os.environ.get(name) or str(_DEFAULTS[name])
    with suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise WorkerError(f"{name}={text!r} is not a positive number; unset it for the default of {_DEFAULTS[name]}")


class WorkerProcess:
    """A process that runs functions one after the other; it starts with the first call and again after it ended.

    Each call has the environment, working directory and `sys.path` of this process at that moment. The process ends
    with this one, and after a minute without a call. Threads may share one; their calls wait for each other. A forked
    child starts its own.

    Parameters
    ----------
    name : str
        Shown in lists of processes.
    niceness : int, default 0
        Added to the niceness of this process.

    Examples
    --------
    >>> worker = WorkerProcess("example")
    >>> worker.call("math:hypot", [3, 4], subject="the hypotenuse")
    5.0
    >>> worker.stop()
    """

    def __init__(self, name: str, *, niceness: int = 0) -> None:
        self._name, self._niceness = name, niceness
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()  # one call at a time
        self._start_lock = threading.Lock()  # no process starts after `stop`
        self._is_stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._calls = 0
        self._pid = os.getpid()

    def call(self, function: str, arguments: list[Any], *, subject: str, limits: Limits | None = None) -> Any:
        """Run a function in the process and return its result.

        Parameters
        ----------
        function : str
            `module:function`.
        arguments : list
            Positional arguments; numbers, texts, booleans, None, and lists and dicts of these.
        subject : str
            Names in errors what the function reads, usually a file.
        limits : Limits, optional
            By default none.

        Returns
        -------
        object
            As JSON has it: tuples are lists.

        Raises
        ------
        BrainioError
            Errors of `brainio.errors` that the function raised, with their messages.
        ResourceLimitError
            It needed more time or memory than its limits.
        WorkerError
            The process crashed, was killed or stopped, or the function raised another error.
        """
        if _is_worker:
            return _function(function)(*arguments)
        if self._pid != os.getpid():
            self._forget_in_child()
        with self._lock:
            request = {"function": function, "arguments": arguments, "limits": limits, "surroundings": _surroundings()}
            answer = self._answer(json.dumps(request).encode() + b"\n", subject, limits)
        return _result(answer, subject, limits)

    def stop(self) -> None:
        """Kill the process for good; running and later calls of other threads raise a `WorkerError`."""
        if self._pid != os.getpid():
            return
        with self._start_lock:
            self._is_stopped = True
            process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        if self._lock.acquire(blocking=False):  # a running call still reads the pipes, and closes them itself
            try:
                self._close(process)
            finally:
                self._lock.release()

    def _answer(self, request: bytes, subject: str, limits: Limits | None) -> bytes:
        while True:
            process = self._running(subject)
            self._calls += 1
            try:
                answer = _exchange(process, request, subject, limits)
            except BaseException:  # an interrupted call must not leave its answer to the next one
                process.kill()
                process.wait()
                self._close(process)
                raise
            if answer is not None:
                if self._calls >= _MOST_CALLS or _uses_much(process, limits):
                    process.kill()
                    process.wait()
                return answer
            code = process.wait()
            self._close(process)
            if self._is_stopped:
                raise WorkerError(_describe_stop(subject))
            if code != _IDLE:  # it ended just before the call
                raise WorkerError(_describe_end(code, subject, limits))

    def _running(self, subject: str) -> subprocess.Popen[bytes]:
        with self._start_lock:
            if self._is_stopped:
                raise WorkerError(_describe_stop(subject))
            process = self._process
            if process is None or process.poll() is not None:
                process = self._start()
            return process

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None:
            self._close(process)
        # -P: the search path is the one of this process, and the working directory may not exist any more
        command = [sys.executable, "-P", "-m", "brainio.worker_process", self._name, str(self._niceness)]
        with block_interrupts():  # which the process inherits: its imports take a second
            self._process = process = subprocess.Popen(  # noqa: S603 - no shell
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": _search_path()},
            )
        self._calls = 0
        return process

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _forget_in_child(self) -> None:
        """Leave the process to the parent of a fork: its pipes are closed here, so that it ends with the parent."""
        if self._process is not None:
            self._close(self._process)
            self._process.returncode = 0  # nothing that this process could wait for
        self._forget()


def _surroundings() -> dict[str, Any]:
    return {
        "environment": dict(os.environ),
        "folder": _working_directory(),
        "search_path": _search_path().split(os.pathsep),
    }


def _working_directory() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted
        return None


def _search_path() -> str:
    """Return `sys.path` as an environment variable holds it, the standard library first.

    A script's folder may have a file such as `re.py`, which this process never imported.
    """
    library = str(Path(os.__file__).parent)
    places = [place or _working_directory() or "" for place in map(str, sys.path)]
    places.sort(key=lambda place: not place.startswith(library) or "-packages" in place)
    return os.pathsep.join(place for place in places if place and os.pathsep not in place)


def _exchange(process: subprocess.Popen[bytes], request: bytes, subject: str, limits: Limits | None) -> bytes | None:
    """Send a request and wait for a line of answer; None where the process ended instead."""
    assert process.stdin is not None  # noqa: S101 - pipes were asked for
    assert process.stdout is not None  # noqa: S101
    deadline = time.monotonic() + (limits.seconds if limits is not None else float("inf"))
    with suppress(BrokenPipeError):
        process.stdin.write(request)
    answer = bytearray()
    poll = _POLL_SECONDS if sys.platform == "linux" else 1.0  # elsewhere asking for the memory starts a process
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not answer.endswith(b"\n"):
            if selector.select(poll if limits is not None else None):
                block = os.read(process.stdout.fileno(), 1 << 20)
                if not block:
                    return None
                answer += block
                if len(answer) > _LARGEST_ANSWER:
                    raise WorkerError(f"{subject}: the worker process answered with more than 256 MB and was ended")
            if limits is None:
                continue
            if time.monotonic() > deadline:
                raise ResourceLimitError(_over_time(subject, limits))
            if resident_bytes(process.pid) > limits.memory_mb * _MB:
                raise ResourceLimitError(_over_memory(subject, limits))
    return bytes(answer)


def _uses_much(process: subprocess.Popen[bytes], limits: Limits | None) -> bool:
    return limits is not None and resident_bytes(process.pid) > limits.memory_mb * _MB / 2


def _over_time(subject: str, limits: Limits) -> str:
    return (
        f"{subject} took more than {limits.seconds:,.0f} s to process, the limit of the worker process. The file may "
        f"be damaged, or expand to far more than its size. If you trust it, set {limits.seconds_setting} to more "
        f"seconds and try again"
    )


def _over_memory(subject: str, limits: Limits) -> str:
    return (
        f"{subject} took more than {limits.memory_mb:,.0f} MB of memory to process, the limit of the worker process. "
        f"The file may be damaged, or expand to far more than its size. If you trust it, set {limits.memory_setting} "
        f"to more MB and try again"
    )


def _describe_stop(subject: str) -> str:
    return f"{subject} was not processed: the worker process was stopped"


def _describe_end(code: int, subject: str, limits: Limits | None) -> str:
    if code >= 0:
        command = f"{sys.executable} -m brainio.worker_process"
        return f"{subject}: the worker process ended with exit code {code}. Look whether `{command}` starts"
    name = signal.Signals(-code).name if -code in {known.value for known in signal.Signals} else str(-code)
    if limits is not None and -code == signal.SIGXCPU:
        return _over_time(subject, limits)
    if -code in _CRASHES:
        return (
            f"{subject} crashed the worker process that processed it ({name}): the file is damaged, or was made to do "
            f"harm. Fetch or write it again; do not open it in your own process"
        )
    return (
        f"{subject}: the worker process was killed ({name}) before it answered. Look whether the machine ran out of "
        f"memory, and try again"
    )


def _result(answer: bytes, subject: str, limits: Limits | None) -> Any:
    """Return the result of an answer, or raise its error. A worker that a file took over may answer anything."""
    try:
        response = json.loads(answer)
        result, error = response["result"], response["error"]
        for name, message in response["warnings"]:
            _warn(str(name), str(message))
        if error is None:
            return result
        name, message = map(str, error)
    except (ValueError, TypeError, KeyError, RecursionError) as fault:
        raise WorkerError(f"{subject}: the answer of the worker process cannot be read ({fault})") from fault
    if limits is not None and name == MemoryError.__name__:
        raise ResourceLimitError(_over_memory(subject, limits))
    if name == FileNotFoundError.__name__:  # a cached file that was pruned: the caller may fetch it again
        raise FileNotFoundError(message)
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, BrainioError):
        raise kind(message)
    raise WorkerError(f"{subject} cannot be processed: {name}: {message}")


def _warn(name: str, message: str) -> None:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, BrainioWarning):
        warnings.warn(message, kind, stacklevel=5)


_shared = WorkerProcess("reader")
atexit.register(_shared.stop)


def call_in_worker(function: str, arguments: list[Any], *, subject: str, paths: list[Path]) -> Any:
    """Run a function that reads files in the worker process of this process; see `WorkerProcess.call`.

    Parameters
    ----------
    function, arguments, subject
        See `WorkerProcess.call`.
    paths : list of Path
        The files that it reads: larger ones may take longer, see `limits_for`.

    Examples
    --------
    >>> call_in_worker("os.path:basename", ["/data/a.nc"], subject="/data/a.nc", paths=[])
    'a.nc'
    """
    return _shared.call(function, arguments, subject=subject, limits=limits_for(*paths))


# ---------------------------------------------------------------------- in the worker process

_is_worker = False


def serve(niceness: int) -> None:
    """Answer requests from standard input until it ends."""
    global _is_worker
    import resource

    _is_worker = True
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent as well, which decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.nice(niceness)
    _set_limit(resource.RLIMIT_CORE, 0)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        try:
            request = requests.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            os._exit(_IDLE)
        answers.write(json.dumps(_answer_to(request)) + "\n")


def _read(requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(_ORPHANED)


def _answer_to(request: Mapping[str, Any]) -> dict[str, Any]:
    _enter(**request["surroundings"])
    limits = request["limits"]
    _set_limits(None if limits is None else Limits(*limits))
    result = error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=BrainioWarning)
        try:
            result = _function(request["function"])(*request["arguments"])
        except BrainioError as raised:
            error = [type(raised).__name__, str(raised)]
        except MemoryError:  # its children of numpy and others included
            error = [MemoryError.__name__, ""]
        except Exception as raised:  # libraries raise anything on hostile files
            error = [type(raised).__name__, str(raised)]
    texts = [[type(warning.message).__name__, str(warning.message)] for warning in caught[:_MOST_WARNINGS]]
    return {"result": result, "error": error, "warnings": texts}


def _enter(environment: Mapping[str, str], folder: str | None, search_path: list[str]) -> None:
    """Take over the surroundings of the parent: they may have changed since the last call."""
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)
    sys.path[:] = search_path
    with suppress(OSError):
        os.chdir(folder or os.sep)


def _function(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


def _set_limits(limits: Limits | None) -> None:
    """Bound CPU time and memory by the system as well: the parent may be stopped, or poll too late."""
    import resource

    limit_memory(None if limits is None else MemoryLimit(int(limits.memory_mb * _MB), limits.memory_setting))
    if limits is None:
        for which in (resource.RLIMIT_CPU, resource.RLIMIT_DATA):
            _set_limit(which, resource.RLIM_INFINITY)
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + limits.seconds) + 2)
    _set_limit(resource.RLIMIT_DATA, int(limits.memory_mb * _MB) + _UNTOUCHED_BYTES)


def _set_limit(which: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(which)
    with suppress(ValueError, OSError):  # not every system has every limit
        bounds = [bound for bound in (value, hard) if bound != resource.RLIM_INFINITY]
        resource.setrlimit(which, (min(bounds, default=resource.RLIM_INFINITY), hard))


if __name__ == "__main__":
    # as the module that functions import, not as `__main__`: there is one of each variable then
    from brainio import worker_process

    worker_process.serve(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
