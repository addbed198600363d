"""Print the peak memory of operations on a netCDF file, in MB above that of the imports (for test_memory.py).

`python -m tests.reliability.memory_peaks FILE dask|no-dask OPERATION...` runs the functions of the worker process,
and packaging like in the user's process.
"""

import importlib
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from benchmarks.file_operations import MODULES, OPERATIONS, write_package


def peak_mb() -> float:
    """Return the peak memory of this program. The peak of `getrusage` would include its parent process."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) / 1000


def hide_dask() -> None:
    find = PathFinder.find_spec

    def find_spec(name: str, *arguments: Any) -> Any:
        return None if name.split(".")[0] in ("dask", "distributed") else find(name, *arguments)

    PathFinder.find_spec = find_spec  # type: ignore[method-assign, assignment]


def main() -> None:
    path, dask, *operations = sys.argv[1:]
    if dask == "no-dask":
        hide_dask()
    import h5py  # type: ignore[import-untyped, unused-ignore]  # noqa: F401
    import netCDF4  # noqa: F401
    import pandas as pd  # noqa: F401
    import xarray as xr  # noqa: F401

    if dask == "dask":
        importlib.import_module("dask.array")

    for module in MODULES:
        importlib.import_module(module)
    from brainio.assemblies import NeuroidAssembly
    from brainio.relations.file_checks import find_file_problems

    table = Path(path).with_suffix(".csv")
    table.write_text("stimulus_id\n" + "".join(f"s{number}\n" for number in range(100)))
    known = OPERATIONS | {
        "check": lambda path: find_file_problems(str(path), str(table), "NeuroidAssembly"),
        "package-lazy": lambda path: write_package(NeuroidAssembly.from_files(path, chunks="auto")),
    }
    before = peak_mb()
    for operation in operations:
        known[operation](Path(path))
        print(operation, round(peak_mb() - before), flush=True)


if __name__ == "__main__":
    main()
