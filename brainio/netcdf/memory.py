"""Free memory of this process, compared with the memory that reading a netCDF file takes.

Sizes come from the structure of the file: a file of a few kB that expands to many GB is refused before any value is
read.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.errors import InsufficientMemoryError
from brainio.progress import readable_size
from brainio.worker_process import memory_left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainio.netcdf.structure import FileStructure

# HDF5 takes up to three times the size of a chunk to decompress it, and statistics take about as much.
_MAX_CHUNK_BYTES = 64 << 20


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
    worker = memory_left()
    limits = [_available_bytes(), _remaining_address_space(), worker and worker.free_bytes, *_remaining_of_cgroups()]
    return min((value for value in limits if value is not None), default=None)


def require_memory(structure: FileStructure, where: str, group: str | None = None, *, eager: bool) -> None:
    """Raise unless a file, or one group of it, fits into free memory.

    Parameters
    ----------
    structure : FileStructure
        Structure of the file.
    where : str
        Name of the file, or of its group, in messages.
    group : str, optional
        The group to read; default: the root.
    eager : bool
        Whether all values are read at once, rather than by chunks. Coordinates are always read at once.

    Raises
    ------
    InsufficientMemoryError
        The decoded values, or one decoded chunk and the coordinates, exceed free memory.
    """
    need = structure.memory_needs.get((group or "").strip("/"))
    if need is None:
        return
    free = free_memory()
    if free is None or (need.values if eager else 0) + need.coordinates + need.largest_chunk <= free:
        return
    parts = [
        f"{readable_size(need.values)} for the values of {need.data_path}" if eager else "",
        f"{readable_size(need.coordinates)} for coordinates",
        f"{readable_size(need.largest_chunk)} for the largest chunk" if need.largest_chunk else "",
    ]
    if need.coordinates + need.largest_chunk > free:
        remedy = "Use a machine with more memory, or ask the author for a file with fewer coordinates or smaller chunks"
    else:
        remedy = "Read it by chunks (chunks='auto', or BRAINIO_CHUNKS=auto), or with stream=True, and select a part"
    raise InsufficientMemoryError(
        f"{where} does not fit into memory: it has {readable_size(structure.file_bytes)}, and decoded it needs "
        f"{', '.join(part for part in parts if part)}; {readable_size(free)} are free. {remedy}."
    )


def require_block_memory(structure: FileStructure, where: str, group: str | None = None) -> None:
    """Raise unless each chunk and all coordinates of a file, or of one group of it, fit into memory.

    Parameters
    ----------
    structure : FileStructure
        Structure of the file.
    where : str
        Name of the file, or of its group, in messages.
    group : str, optional
        The group to read; default: the root.

    Raises
    ------
    InsufficientMemoryError
        A decoded chunk has more than 64 MiB, or the coordinates exceed free memory, which in a worker process is the
        remainder of its limit.
    """
    variables = structure.variables_of(group)
    for variable in variables:
        if variable.chunk_bytes > _MAX_CHUNK_BYTES:
            raise InsufficientMemoryError(
                f"{where}: one chunk of {variable.path} has {readable_size(variable.chunk_bytes)} "
                f"({variable.chunk_bytes:,} bytes) when it is decompressed; to read a file block by block, chunks may "
                f"have at most {readable_size(_MAX_CHUNK_BYTES)}. Load the file on a machine with enough memory and "
                f"write it again with brainio.packaging.write_netcdf, whose chunks have 1 MiB."
            )
    need = structure.memory_needs.get((group or "").strip("/"))
    coordinates = 0 if need is None else need.coordinates
    free, worker = free_memory(), memory_left()
    if free is None or coordinates <= free:
        return
    remedy = f"Set {worker.setting} to more MB" if worker is not None else "Use a machine with more memory"
    raise InsufficientMemoryError(
        f"{where}: its coordinates need about {readable_size(coordinates)} of memory; {readable_size(free)} are free. "
        f"{remedy}, or ask the author for a file with fewer coordinates."
    )


def _available_bytes() -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _remaining_address_space() -> int | None:
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
