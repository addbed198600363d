"""Fuzz netCDF files: damaged bytes never hang or crash the parent of their reader process.

Counts how often they crash or hang the reader process. The HDF5 library does not survive every kind of damage, and a
hash protects it only if the catalog has one. Worker processes with limits on time and memory read the inputs. Each
input derives from a valid file and its own number, so that every failure is reproducible.
"""

import argparse
import contextlib
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_MEMORY = 4 * 2**30  # bytes of address space
LONGEST_INPUT = 20.0  # seconds
START = 20.0  # seconds for imports before the first input
READERS = ("path", "stream")


def damaged(sound: bytes, number: int) -> bytes:
    """Return the bytes of a damaged file: truncated, overwritten, or with changed bits in its metadata."""
    chance = random.Random(number)
    body = bytearray(sound)
    kind = number % 4
    if kind == 0:
        del body[chance.randrange(len(body)) :]
    for _ in range(chance.choice((1, 2, 4, 16, 64)) if kind else 0):
        place = chance.randrange(min(len(body), 2048) if kind == 1 else len(body))
        if kind == 3:
            body[place : place + 8] = chance.choice((bytes(8), b"\xff" * 8, chance.randbytes(8)))
        else:
            body[place] ^= 1 << chance.randrange(8)
    return bytes(body)


def read(path: Path, reader: str) -> str:
    """Read a file as an assembly, and return the outcome."""
    from brainio.assemblies import NeuroidAssembly
    from brainio.errors import BrainioError

    try:
        with contextlib.ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file: Any = path if reader == "path" else stack.enter_context(path.open("rb"))
            assembly = NeuroidAssembly.from_files(file, stimulus_set_identifier=None, stimulus_set=None)
            assembly.values  # noqa: B018 - streamed values are read when they are used
    except BrainioError:
        return "refused"
    except MemoryError:
        return "MemoryError"
    except Exception as error:
        return f"{type(error).__module__}.{type(error).__name__}"
    return "read"


def run_worker(sound: Path, reader: str, first: int, last: int) -> None:
    """Read some inputs, and print the outcome of each."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    body = sound.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, last):
            path = Path(folder, f"{number}.nc")
            path.write_bytes(damaged(body, number))
            print("result:", read(path, reader), flush=True)
            path.unlink()


def fuzz_in_workers(sound: Path, reader: str, first: int, last: int, until: float = float("inf")) -> dict[int, str]:
    """Read some inputs in worker processes, and return the outcome of each, including crashes and hangs."""
    results: dict[int, str] = {}
    while first + len(results) < last and time.monotonic() < until:
        began = first + len(results)
        command = [sys.executable, "-m", "tests.security.fuzz_netcdf", "--worker", str(sound), reader]
        worker = subprocess.Popen(
            [*command, str(began), str(last)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        try:
            for result in _results_of(worker, last - began):
                results[first + len(results)] = result
                if time.monotonic() > until:
                    break
        finally:
            worker.kill()
            worker.communicate()
    return results


def _results_of(worker: "subprocess.Popen[bytes]", count: int) -> Iterator[str]:
    """Yield the outcome of each input until the worker process crashes or hangs."""
    assert worker.stdout is not None
    patience = LONGEST_INPUT + START
    while count:
        if not select.select([worker.stdout], [], [], patience)[0]:
            yield "hung"
            return
        line = worker.stdout.readline().decode(errors="replace")
        if not line:
            yield f"crash {worker.wait()}"
            return
        if line.startswith("result: "):  # other lines come from libraries
            yield line.removeprefix("result: ").strip()
            count -= 1
            patience = LONGEST_INPUT


def sound_file(folder: Path) -> Path:
    """Write a small assembly with text, numbers and an extra group."""
    import numpy as np

    from brainio.assemblies import NeuroidAssembly
    from brainio.packaging import write_netcdf

    assembly = NeuroidAssembly(
        np.arange(240.0).reshape(20, 12),
        coords={
            "stimulus_id": ("presentation", [f"stimulus {number % 5}" for number in range(20)]),
            "repetition": ("presentation", list(range(20))),
            "neuroid_id": ("neuroid", [f"n{number}" for number in range(12)]),
            "region": ("neuroid", ["IT", "V4"] * 6),
        },
        dims=["presentation", "neuroid"],
        attrs={"identifier": "lab.Fuzzed"},
    )
    path = folder / "sound.nc"
    write_netcdf(assembly, path)
    return path


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        name, reader, first, last = sys.argv[2:]
        return run_worker(Path(name), reader, int(first), int(last))
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=None, help="time limit for each reader")
    parser.add_argument("--inputs", type=int, default=2000, help="inputs for each reader")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sound = sound_file(Path(folder))
        for reader in READERS:
            until = float("inf") if given.seconds is None else time.monotonic() + given.seconds
            results = fuzz_in_workers(sound, reader, 0, given.inputs, until)
            print(f"{reader}: {len(results)} inputs: {dict(Counter(results.values()).most_common())}")
            for number, result in results.items():
                if result not in {"read", "refused"}:
                    print(f"  input {number}: {result}")
    return None


if __name__ == "__main__":
    main()
