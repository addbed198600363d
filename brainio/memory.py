"""Free memory of this process: the least that the machine, a control group or a limit still allows.

The limit of one call is set in worker processes only (`brainio.worker_process`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class MemoryLimit(NamedTuple):
    """A limit of resident memory: the bytes, and the setting that changes it."""

    max_bytes: int
    setting: str


class MemoryLeft(NamedTuple):
    """Memory that the running call may still take: the bytes, and the setting that changes the limit."""

    free_bytes: int
    setting: str


_limit: MemoryLimit | None = None


def limit_memory(limit: MemoryLimit | None) -> None:
    """Set the limit of the running call, which `free_memory` considers; None: no limit."""
    global _limit
    _limit = limit


def memory_left() -> MemoryLeft | None:
    """Return how much memory the running call may still take; None without a limit, as outside of worker processes."""
    if _limit is None:
        return None
    return MemoryLeft(max(0, _limit.max_bytes - resident_bytes(os.getpid())), _limit.setting)


def free_memory() -> int | None:
    """Return how many bytes this process can still allocate.

    Returns
    -------
    int or None
        The minimum of the available memory of the machine and the remaining memory of each limit: of its control groups
        (containers, batch jobs), of the process (`ulimit -v`) and of a worker process. If the system does not report
        available memory (macOS), all memory of the machine. None if unknown.

    Examples
    --------
    >>> free_memory() > 0
    True
    """
    call = memory_left()
    limits = [_available_bytes(), _remaining_address_space(), call and call.free_bytes, *_remaining_of_cgroups()]
    return min((value for value in limits if value is not None), default=None)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 where the system does not tell."""
    try:
        if sys.platform == "linux":
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)  # noqa: S603, S607
        return int(found.stdout) * 1024
    except (OSError, ValueError, IndexError, subprocess.CalledProcessError):
        return 0


def _available_bytes() -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _remaining_address_space() -> int | None:
    import resource  # not on every system

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    with suppress(OSError, ValueError):
        return max(limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize(), 0)
    return None


def _remaining_of_cgroups() -> Iterator[int]:
    """Yield the remaining bytes of each control group of this process, and of all parent groups."""
    lines: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root, names = Path("/sys/fs/cgroup"), ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = Path("/sys/fs/cgroup/memory")
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        for folder in (root / path.strip("/"), *(root / path.strip("/")).parents):
            if folder.is_relative_to(root):
                with suppress(OSError, ValueError):  # without a limit ("max"), or not mounted
                    yield _remaining_of_cgroup(folder, *names)


def _remaining_of_cgroup(folder: Path, limit: str, usage: str, reclaimable: str) -> int:
    maximum, used = int((folder / limit).read_text()), int((folder / usage).read_text())
    for line in (folder / "memory.stat").read_text().splitlines():
        if line.startswith(f"{reclaimable} "):
            used -= int(line.split()[1])
    return max(maximum - used, 0)
