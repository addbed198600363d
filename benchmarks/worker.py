"""One side of the comparison, in a process of its own: `python -m benchmarks.worker SIDE FOLDER MODE [WORKLOAD]`.

Reads commands as JSON lines and answers with JSON lines. With a workload it runs that once and says how much memory it
took at most above the imports, then ends. Runs on any `brainio` that the interpreter imports.
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
from benchmarks.workloads import WORKLOADS, Timed

_LIBRARIES = ("brainio-data", "brainscore-brainio", "numpy", "pandas", "xarray", "netCDF4", "dask")
_SAMPLE = 100_000  # values of a result that are compared


class Worker:
    """The state of one side: what is loaded, and the calls that are timed at the moment."""

    def __init__(self, side: str, folder: Path, mode: str) -> None:
        self.side = side
        self._place = folder, mode, side
        self._timed: dict[str, Timed] = {}
        os.environ["BRAINIO_HOME"] = str(folder / "home")
        self.context = RawContext(*self._place) if side == "floor" else Context(*self._place)

    def about(self) -> dict[str, Any]:
        """Name the versions of Python and of the libraries."""
        found = {}
        for name in _LIBRARIES:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return {"python": platform.python_version(), **found}

    def prepare(self, name: str) -> dict[str, Any]:
        """Load what a workload needs and keep the call."""
        if isinstance(self.context, Context):
            self.context.put_in_force(self.context.places.catalog)
            self._timed[name] = ({**WORKLOADS, **fetch_workloads.WORKLOADS, **SCALING}[name])(self.context)
        else:
            self._timed[name] = {**FLOORS, **fetch_workloads.FLOORS}[name](self.context)
        return {}

    def run(self, name: str) -> dict[str, Any]:
        """Time the call, begun with nothing to be collected, and nothing that earlier calls left to be written."""
        call, number, clear = self._timed[name]
        clear()
        gc.collect()
        os.sync()
        result = None
        begin = time.perf_counter()
        for _ in range(number):
            result = call()
        seconds = (time.perf_counter() - begin) / number
        return {"seconds": seconds, "answer": described(result)}

    def clear(self) -> dict[str, Any]:
        """Let the calls go, and what only they need."""
        self._timed.clear()
        return {}

    def peak(self, name: str) -> dict[str, Any]:
        """Run a workload once and tell its peak memory above the imports, in bytes."""
        xr.backends.plugins.list_engines()
        for module in ("netCDF4", "brainio.fetch", "brainio.assemblies", *(MODULES if name.endswith("_peak") else ())):
            importlib.import_module(module)
        xr.Variable(("x",), np.zeros(1))  # xarray imports dask, where there is one, when it first wraps an array
        before = _peak_bytes()
        self.prepare(name)
        self._timed[name].clear()
        self._timed[name].call()
        return {"bytes": _peak_bytes() - before}


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def described(result: object) -> list[Any] | None:
    """Describe a result so that those of two sides can be compared: shape, and a weighted sum of a sample of values."""
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
    os.dup2(2, 1)  # what a library prints may not come between the answers
    worker = Worker(arguments[0], Path(arguments[1]), arguments[2])
    if arguments[3:]:
        print(json.dumps(worker.peak(arguments[3])), file=answers, flush=True)
        return
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except Exception as error:  # whatever one side raises, the others go on
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
