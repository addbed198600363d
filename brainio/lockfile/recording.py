"""`brainio.record_lock`: what a block or a script loads is written into a lock file, as it is loaded."""

import os
import threading
import warnings
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from brainio.errors import LockfileError, LockfileWarning
from brainio.fetch.uses import Use, listening
from brainio.forks import guard
from brainio.home import absolute_path
from brainio.lockfile.form import require_writable, write_lockfile
from brainio.lockfile.records import Record, record_of


class Recording:
    """Writes down what is loaded; see `lock`.

    Attributes
    ----------
    path : Path
        Of the lock file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = absolute_path(path)
        self._records: dict[tuple[str, ...], Record] = {}
        self._lock = guard(threading.RLock(), "the recording of a lock file")
        self._listening: ExitStack | None = None

    def __repr__(self) -> str:
        state = "recording into" if self._listening is not None else "recorded in"
        return f"<{len(self._records)} entries {state} {self.path}>"

    def __enter__(self) -> Self:
        """Record what the block loads."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """End the recording; what was loaded is written already, whatever ends the block."""
        self.stop()
        if kind is None and not self._records:
            write_lockfile(self.path, [])

    def start(self) -> Self:
        """Record what is loaded until `stop` or the end of the process."""
        if self._listening is not None:
            raise LockfileError(
                f"this object is recording {self.path} already. Call brainio.record_lock again for another recording"
            )
        require_writable(self.path)
        self._records = {}
        self._listening = ExitStack()
        self._listening.enter_context(listening(self._take))
        return self

    def stop(self) -> None:
        """End what `start` began."""
        block, self._listening = self._listening, None
        if block is not None:
            block.close()

    @property
    def records(self) -> tuple[Record, ...]:
        """What was recorded so far, in the order of the file."""
        with self._lock:
            return tuple(sorted(self._records.values(), key=lambda record: record.order))

    def _take(self, use: Use) -> None:
        found = [record_of(use.entry, use.stimuli), *([record_of(use.stimuli)] if use.stimuli else [])]
        with self._lock:
            before = dict(self._records)
            for record in found:
                self._records[record.order] = self._joined(record)
            if self._records != before:
                write_lockfile(self.path, self._records.values())

    def _joined(self, record: Record) -> Record:
        """Return a record with what one of the same name, from earlier in the block, knows beyond it."""
        known = self._records.get(record.order)
        if known is not None and known.files != record.files:
            warnings.warn(
                f"{record} was loaded twice, and its catalog listed other files in between; {self.path} has the later",
                LockfileWarning,
                stacklevel=5,
            )
        return record if known is None or record.stimulus_set else replace(record, stimulus_set=known.stimulus_set)


def record_lock(path: str | os.PathLike[str] = "brainio.lock") -> Recording:
    """Record what is loaded in a lock file: which entries, the hashes of their files, the versions of the software.

    The file is written anew, in one step, whenever something is loaded for the first time, so that it is whole also
    when an error ends the block, or somebody the process. The first such writing replaces what it held before.

    Recorded is what `get_assembly`, `get_stimulus_set`, `fetch_many` and `prefetch` load, and the stimulus sets of
    assemblies, by all threads of the process; other processes write lock files of their own. Blocks can be nested: each
    records all that is loaded in it.

    Parameters
    ----------
    path : str or path, default 'brainio.lock'
        Of the lock file, in a folder that exists.

    Returns
    -------
    Recording
        A context manager (`with brainio.record_lock(FILE):`). To record a whole script, begin it with
        `brainio.record_lock(FILE).start()`; `stop()` ends the recording earlier.

    Raises
    ------
    LockfileError
        When recording begins, or something is loaded: the file cannot be written.

    Examples
    --------
    >>> import brainio
    >>> with brainio.record_lock("brainio.lock") as recording:
    ...     assembly = brainio.get_assembly("modelfest.Carney1999")
    >>> [str(record) for record in recording.records][1]
    "stimulus set 'modelfest.Carney1999' of catalog 'brainio_demo'"
    """
    return Recording(path)
