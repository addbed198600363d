"""Counts what a streamed assembly asks for: `python -m benchmarks.streamed [--quick]`.

Writes the reference recording with `write_netcdf`, serves it from an S3 server on this machine, opens it with
`get_assembly(stream=True)`, and prints for each selection the requests, the bytes, and their ratio to the bytes of the
selected values. The second table is the same for the recording as a published file lays it out.
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
from benchmarks.data_files import ASSEMBLY, SIZES, STIMULI, Places
from brainio.assemblies import NeuronRecordingAssembly
from brainio.errors import StreamWarning
from brainio.packaging import write_netcdf
from tests.servers import S3Static

BUCKET = "benchmark"


class Counter:
    """What was asked of a server since the last look."""

    def __init__(self, server: S3Static, key: str) -> None:
        self._server = server
        self._key = key

    def look(self) -> tuple[int, int]:
        """Return the number of requests for the file, and the bytes that they were for."""
        size = len(self._server.objects[BUCKET, self._key])
        spans = [r.headers["Range"].removeprefix("bytes=") for r in self._server.requests if r.key == self._key]
        self._server.requests.clear()
        borders = [tuple(map(int, span.split("-"))) for span in spans]
        return len(spans), sum(min(last + 1, size) - first for first, last in borders)


def selections(neuroids: int, presentations: int) -> dict[str, dict[str, slice | np.ndarray]]:
    """Give the selections that are counted."""
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
def served(places: Places, netcdf: Path) -> Iterator[Counter]:
    """Serve the files of the recording, from an empty cache on."""
    files = {places.csv.name: places.csv, places.zip.name: places.zip, places.netcdf.name: netcdf}
    with (
        S3Static({(BUCKET, name): path.read_bytes() for name, path in files.items()}) as server,
        tempfile.TemporaryDirectory() as home,
    ):
        os.environ |= {"AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true", "BRAINIO_HOME": home}
        os.environ["BRAINIO_CATALOGS"] = str(places.catalog)
        yield Counter(server, places.netcdf.name)


def count(places: Places, netcdf: Path) -> list[tuple[str, int, float, float | None, float | None]]:
    """Open and select, each time anew; one row each: what, requests, MB asked for, MB of values, ratio."""
    rows = []
    with served(places, netcdf) as counter:
        assembly = brainio.get_assembly(ASSEMBLY, stream=True)
        requests, asked = counter.look()
        rows.append(("open, with all coordinates", requests, asked / 1e6, None, None))
        for title, selection in selections(assembly.sizes["neuroid"], assembly.sizes["presentation"]).items():
            assembly = brainio.get_assembly(ASSEMBLY, stream=True)
            counter.look()
            values = assembly.isel(selection).values
            requests, asked = counter.look()
            rows.append((title, requests, asked / 1e6, values.nbytes / 1e6, asked / values.nbytes))
    return rows


def main() -> None:
    """Make the files, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="on the small recording")
    mode = "quick" if parser.parse_args().quick else "full"
    warnings.simplefilter("ignore", StreamWarning)
    header = ("selection", "requests", "MB asked for", "MB of values", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        data.make(Path(folder), mode, 0)
        places = Places(Path(folder))
        written = places.written("ours", ".nc")
        recording = NeuronRecordingAssembly.from_files(places.netcdf, stimulus_set_identifier=STIMULI)
        write_netcdf(recording, written)
        sizes = SIZES[mode]
        print(f"{sizes.neuroids} neuroids x {recording.sizes['presentation']} presentations, float32\n")
        for title, path in (
            ("as written by write_netcdf", written),
            ("as published files are laid out", places.netcdf),
        ):
            print(f"{title}: {path.stat().st_size / 1e6:.1f} MB")
            print(tabulate(count(places, path), header, floatfmt=".2f", tablefmt="github", missingval="-"), "\n")


if __name__ == "__main__":
    main()
