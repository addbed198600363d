"""Identities of processes, and proof that a process no longer exists, for lock files and temporary files.

A process is gone for certain if its pid is free, or belongs to a process that started at another time, on the same
kernel and in the same pid namespace; or if its machine was booted again since. Nothing can be proven of a process on
another machine, or in another container.
"""

import hashlib
import os
import platform
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

_TEMPORARY = ".brainio."  # begins the name of a temporary folder
PART = ".part"  # ends the name of a file that is being written
_COMMAND_LENGTH = 200  # characters


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of this or another machine.

    Attributes
    ----------
    pid : int
        As it is in the process's own pid namespace.
    started : int
        When the process started, in clock ticks since the boot; 0 where the system does not tell.
    host : str
        The name of its machine.
    machine, boot, namespace : str
        What tells machines, boots and pid namespaces apart; empty where the system does not tell.
    command : str
        For messages.
    """

    pid: int
    started: int
    host: str
    machine: str
    boot: str
    namespace: str
    command: str = ""

    def __str__(self) -> str:
        return f"pid {self.pid}{self.command and f' ({self.command})'} on {self.host or 'an unknown machine'}"

    @property
    def tag(self) -> str:
        """The identity in a form for file names.

        Examples
        --------
        >>> ProcessIdentity.from_tag(this_process().tag).is_gone
        False
        """
        return f"p{self.pid}-{self.started}-{self.machine}-{self.boot}-{self.namespace}"

    @classmethod
    def from_tag(cls, tag: str) -> Self | None:
        """Return the process that a file name identifies, None if it identifies none."""
        parts = tag.split("-")
        if len(parts) != 5 or not tag.startswith("p") or not (parts[0][1:].isdecimal() and parts[1].isdecimal()):
            return None
        return cls(int(parts[0][1:]), int(parts[1]), "", *parts[2:])

    @classmethod
    def from_pid(cls, pid: int) -> Self:
        """Return a running process of this machine and this pid namespace."""
        here = this_process()
        command = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()[:_COMMAND_LENGTH]
        return cls(pid, _stat(pid)[1], here.host, here.machine, here.boot, here.namespace, command)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self | None:
        """Return the process that a record describes, None if it describes none."""
        with suppress(KeyError, TypeError, ValueError):
            texts = [str(record[name]) for name in ("host", "machine", "boot", "namespace", "command")]
            return cls(int(record["pid"]), int(record["started"]), *texts)
        return None

    @property
    def record(self) -> dict[str, Any]:
        """The identity as a record for JSON."""
        return asdict(self)

    @property
    def is_on_this_kernel(self) -> bool:
        """Whether it ran on this machine since the last boot, possibly in another container."""
        here = this_process()
        return self.boot == here.boot if self.boot and here.boot else self.machine == here.machine

    @property
    def is_gone(self) -> bool:
        """Whether the process provably no longer exists."""
        here = this_process()
        if self.is_on_this_kernel:
            return self.namespace == here.namespace and _state(self.pid, self.started) == ""
        return self.machine == here.machine and bool(self.boot and here.boot)  # booted again

    @property
    def is_stopped(self) -> bool:
        """Whether the process is known to be stopped (SIGSTOP, Ctrl-Z), so that it may resume later."""
        is_visible = self.is_on_this_kernel and self.namespace == this_process().namespace
        return is_visible and _state(self.pid, self.started) in {"t", "T"}


def owner_of(path: Path) -> ProcessIdentity | None:
    """Return the process that created a temporary file, from its name ``ANYTHING.TAG-RANDOM`` with any suffix."""
    for part in path.name.split("."):
        owner = ProcessIdentity.from_tag(part.rpartition("-")[0])
        if owner is not None:
            return owner
    return None


def remove_leftovers(folder: Path, pattern: str) -> list[Path]:
    """Remove temporary files and folders whose names identify processes that no longer exist; return their paths.

    Parameters
    ----------
    folder : Path
        Where they are; it may be missing.
    pattern : str
        Which files may be removed, as for `Path.glob`.
    """
    removed = []
    for path in sorted(folder.glob(pattern)):
        owner = owner_of(path)
        if owner is not None and owner.is_gone:
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                removed.append(path)
    return removed


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Create a folder for unfinished files, delete it at the end of the block, and delete those of dead processes.

    Parameters
    ----------
    parent : Path, optional
        The folder that contains it; default: the temporary folder of the system (`TMPDIR`).
    """
    import tempfile  # slow to import

    remove_temporary_folders(parent)
    with tempfile.TemporaryDirectory(dir=parent, prefix=f"{_TEMPORARY}{this_process().tag}-") as folder:
        yield Path(folder)


def remove_temporary_folders(parent: Path | None = None) -> list[Path]:
    """Remove the temporary folders that dead processes left, and return them; see `temporary_folder`."""
    import tempfile

    return remove_leftovers(parent or Path(tempfile.gettempdir()), f"{_TEMPORARY}*")


@contextmanager
def block_interrupts() -> Iterator[None]:
    """Block SIGINT in this thread, and in processes that it starts; it is delivered here afterwards.

    A process that inherits this ignores Ctrl-C, also while it still imports, and leaves the decision to its parent.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def this_process() -> ProcessIdentity:
    """Return the identity of this process."""
    return _identity(os.getpid())


@lru_cache(maxsize=4)  # forked processes have others
def _identity(pid: int) -> ProcessIdentity:
    host = platform.node()
    machine = _digest(host, _read("/etc/machine-id"))
    boot = _digest(_read("/proc/sys/kernel/random/boot_id"))
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""
    started = _stat(pid)[1] if boot else 0
    return ProcessIdentity(pid, started, host, machine, boot, namespace, command[:_COMMAND_LENGTH])


def _state(pid: int, started: int) -> str:
    """Return the state of a process from /proc ("?": it exists); "" if it does not exist or is a zombie."""
    if this_process().boot:
        state, start = _stat(pid)
        return "" if state in "ZX" or (started and start != started) else state
    if os.name != "posix":  # on Windows, signal 0 would end the process
        return "?"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "?"
    return "?"


def _stat(pid: int) -> tuple[str, int]:
    """Return the state and the start time of a process; ("", 0) if it does not exist."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()  # the name before it may contain any character
    return (fields[0], int(fields[19])) if len(fields) > 19 else ("", 0)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:8] if any(texts) else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
