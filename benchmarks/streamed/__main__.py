"""Requests and bytes of partial reads of a streamed assembly: `python -m benchmarks.streamed [--quick]`.

Writes the reference recording with `write_netcdf`, serves it from an S3 server on this machine, and opens it with
`get_assembly(stream=True)`. Prints the requests and bytes of several selections, and the ratio of these bytes to the
bytes of the selected values. The second table uses the layout of published files.
"""

import argparse
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tabulate import tabulate

import brainio
from benchmarks import data
from benchmarks.data_files import ASSEMBLY, SIZES, STIMULI, DataPaths
from brainio.assemblies import NeuronRecordingAssembly
from brainio.errors import StreamWarning
from brainio.packaging import write_netcdf
from tests.servers import S3Static

BUCKET = "benchmark"


class RequestCounter:
    """Counter of the requests for one file of a server."""

    def __init__(self, server: S3Static, key: str) -> None:
        self._server = server
        self._key = key

    def take(self) -> tuple[int, int]:
        """Return the number of requests since the last call, and the bytes of their ranges."""
        size = len(self._server.objects[BUCKET, self._key])
        spans = [r.headers["Range"].removeprefix("bytes=") for r in self._server.requests if r.key == self._key]
        self._server.requests.clear()
        bounds = [tuple(map(int, span.split("-"))) for span in spans]
        return len(spans), sum(min(last + 1, size) - first for first, last in bounds)


def selections(neuroids: int, presentations: int) -> dict[str, dict[str, slice | np.ndarray]]:
    """Return the selections to read."""
    rng = np.random.default_rng(0)
    start = presentations // 2 - 100
    return {
        "16 neuroids, all presentations": {"neuroid": slice(16, 32)},
        "16 neuroids across chunks": {"neuroid": slice(10, 26)},
        "16 scattered neuroids": {"neuroid": np.sort(rng.permutation(neuroids)[:16])},
        "600 consecutive presentations, all neuroids": {"presentation": slice(start, start + 600)},
        "600 scattered presentations": {"presentation": np.sort(rng.permutation(presentations)[:600])},
    }


@contextmanager
def serve_recording(paths: DataPaths, netcdf: Path) -> Iterator[RequestCounter]:
    """Serve the files of the recording, activate its catalog, and start with an empty cache."""
    files = {paths.csv.name: paths.csv, paths.zip.name: paths.zip, paths.netcdf.name: netcdf}
    with (
        S3Static({(BUCKET, name): path.read_bytes() for name, path in files.items()}) as server,
        tempfile.TemporaryDirectory() as home,
    ):
        os.environ |= {"AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true", "BRAINIO_HOME": home}
        os.environ["BRAINIO_CATALOGS"] = str(paths.catalog)
        yield RequestCounter(server, paths.netcdf.name)


def count_requests(paths: DataPaths, netcdf: Path) -> list[tuple[str, int, float, float | None, float | None]]:
    """Read each selection from a newly opened assembly.

    Returns
    -------
    list of tuple
        Title, requests, requested MB, MB of values and the ratio of the two.
    """
    rows: list[tuple[str, int, float, float | None, float | None]] = []
    with serve_recording(paths, netcdf) as counter:
        assembly = brainio.get_assembly(ASSEMBLY, stream=True)
        requests, requested = counter.take()
        rows.append(("open, with all coordinates", requests, requested / 1e6, None, None))
        for title, selection in selections(assembly.sizes["neuroid"], assembly.sizes["presentation"]).items():
            assembly = brainio.get_assembly(ASSEMBLY, stream=True)
            counter.take()
            values = assembly.isel(selection).values
            requests, requested = counter.take()
            rows.append((title, requests, requested / 1e6, values.nbytes / 1e6, requested / values.nbytes))
    return rows


def main() -> None:
    """Write the files, count the requests and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="use a small recording")
    mode = "quick" if parser.parse_args().quick else "full"
    warnings.simplefilter("ignore", StreamWarning)
    header = ("selection", "requests", "MB requested", "MB of values", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        data.generate(Path(folder), mode, 0)
        paths = DataPaths(Path(folder))
        written = paths.written_path("ours", ".nc")
        recording = NeuronRecordingAssembly.from_files(paths.netcdf, stimulus_set_identifier=STIMULI)
        write_netcdf(recording, written)
        sizes = SIZES[mode]
        print(f"{sizes.neuroids} neuroids x {recording.sizes['presentation']} presentations, float32\n")
        for title, path in (
            ("as written by write_netcdf", written),
            ("in the layout of published files", paths.netcdf),
        ):
            print(f"{title}: {path.stat().st_size / 1e6:.1f} MB")
            table = tabulate(count_requests(paths, path), header, floatfmt=".2f", tablefmt="github", missingval="-")
            print(table, "\n")


if __name__ == "__main__":
    main()
