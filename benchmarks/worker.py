"""Worker process of one implementation: `python -m benchmarks.worker IMPLEMENTATION FOLDER MODE [WORKLOAD]`.

Reads commands as JSON lines and answers with JSON lines. With WORKLOAD, it runs this workload once, prints the peak
memory above the imports, and exits. It uses the `brainio` of its interpreter.
"""

import gc
import importlib
import json
import os
import platform
import resource
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks import fetch_workloads
from benchmarks.contexts import Context, RawContext
from benchmarks.file_operations import MODULES
from benchmarks.floor_workloads import FLOORS
from benchmarks.scaling import SCALING
from benchmarks.workloads import WORKLOADS, TimedCall

_LIBRARIES = ("brainio-data", "brainscore-brainio", "numpy", "pandas", "xarray", "netCDF4", "dask")
_SAMPLE = 100_000  # values of a result that the summary uses


class Worker:
    """The state of a worker process: the loaded data, and the prepared calls."""

    def __init__(self, implementation: str, folder: Path, mode: str) -> None:
        self._calls: dict[str, TimedCall] = {}
        os.environ["BRAINIO_HOME"] = str(folder / "home")
        context_class = RawContext if implementation == "floor" else Context
        self.context = context_class(folder, mode, implementation)

    def versions(self) -> dict[str, Any]:
        """Return the versions of Python and of the libraries."""
        versions = {}
        for name in _LIBRARIES:
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return {"python": platform.python_version(), **versions}

    def prepare(self, name: str) -> dict[str, Any]:
        """Load the data of a workload and store its call."""
        if isinstance(self.context, Context):
            self.context.activate_catalog(self.context.paths.catalog)
            self._calls[name] = ({**WORKLOADS, **fetch_workloads.WORKLOADS, **SCALING}[name])(self.context)
        else:
            self._calls[name] = {**FLOORS, **fetch_workloads.FLOORS}[name](self.context)
        return {}

    def run(self, name: str) -> dict[str, Any]:
        """Time a prepared call, without garbage or unwritten data of earlier calls."""
        call, number, clear = self._calls[name]
        clear()
        gc.collect()
        os.sync()
        result = None
        begin = time.perf_counter()
        for _ in range(number):
            result = call()
        seconds = (time.perf_counter() - begin) / number
        return {"seconds": seconds, "answer": summarize_answer(result)}

    def clear(self) -> dict[str, Any]:
        """Delete the prepared calls and their data."""
        self._calls.clear()
        return {}

    def peak(self, name: str) -> dict[str, Any]:
        """Run a workload once and return its peak memory above the imports, in bytes."""
        xr.backends.plugins.list_engines()
        for module in ("netCDF4", "brainio.fetch", "brainio.assemblies", *(MODULES if name.endswith("_peak") else ())):
            importlib.import_module(module)
        xr.Variable(("x",), np.zeros(1))  # xarray imports dask when it first wraps an array
        before = _peak_bytes()
        self.prepare(name)
        self._calls[name].clear()
        self._calls[name].call()
        return {"bytes": _peak_bytes() - before}


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def summarize_answer(result: object) -> list[Any] | None:
    """Summarize a result for comparison: its shape, and a weighted sum of a sample of its values."""
    if isinstance(result, pd.DataFrame):
        return [*result.shape]
    values = result.values if isinstance(result, xr.DataArray) else result
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        return None
    sample = values.reshape(-1)[:: max(1, values.size // _SAMPLE)].astype(np.float64)
    return [*values.shape, float(np.nansum(sample * (np.arange(sample.size) % 97)))]


def main(arguments: list[str]) -> None:
    """Answer commands until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keep the output of libraries out of the answers
    worker = Worker(arguments[0], Path(arguments[1]), arguments[2])
    if arguments[3:]:
        print(json.dumps(worker.peak(arguments[3])), file=answers, flush=True)
        return
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("command"))(**command)
        except Exception as error:  # the other implementations continue after any error
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
