"""A server that changes a stream after its inspection cannot make a reader open other files."""

import io
from pathlib import Path

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest

from brainio.assemblies import DataAssembly
from brainio.errors import UnsafeFileError
from brainio.netcdf.file_objects import PAGE_BYTES, PinnedFile
from brainio.netcdf.inspection import inspect
from tests.security import hostile_hdf5
from tests.security.hostile_hdf5 import SECRET
from tests.security.test_hostile_hdf5 import NO_STIMULI, watchdog

__all__ = ["watchdog"]  # a fixture
_EXTERNAL_FILES = b"\x07\x00"  # message type in an object header


class Server(io.BytesIO):
    """A stream whose bytes can be replaced."""

    def replace(self, body: bytes) -> None:
        self.seek(0)
        self.write(body)


def external_and_harmless(folder: Path) -> tuple[bytes, bytes]:
    """Return a file with external storage, and the same file without it."""
    hostile_hdf5.write_secrets(folder)
    path = folder / "external.nc"
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file, data=False)
        hostile_hdf5.external(file, "data", (4, 3), (hostile_hdf5.secret(folder), 0, 96))
        hostile_hdf5.attach(file, file["data"])
        header = h5py.h5o.get_info(file["data"].id).addr
    hostile = path.read_bytes()
    message = hostile.index(_EXTERNAL_FILES, header + 16)
    return hostile, hostile[:message] + bytes(2) + hostile[message + 2 :]


def test_a_stream_is_opened_with_the_inspected_bytes(tmp_path: Path) -> None:
    hostile, harmless = external_and_harmless(tmp_path)
    with pytest.raises(UnsafeFileError, match="external storage"):
        inspect(Server(hostile))
    server = Server(harmless)
    inspect(server)
    server.replace(hostile)
    values = DataAssembly.from_files(server, **NO_STIMULI).values
    assert SECRET[:8] not in values.tobytes()
    np.testing.assert_array_equal(values, np.zeros((4, 3)))


def test_pages_that_are_not_pinned_are_read_from_the_file() -> None:
    body = bytes(range(256)) * 64
    server = Server(body)
    first = PinnedFile(server, len(body))
    first.seek(PAGE_BYTES + 10)
    assert first.read(20) == body[PAGE_BYTES + 10 : PAGE_BYTES + 30]
    server.replace(bytes(len(body)))
    later = PinnedFile(server, len(body), first.pages)
    assert later.read() == bytes(PAGE_BYTES) + body[PAGE_BYTES : 2 * PAGE_BYTES] + bytes(len(body) - 2 * PAGE_BYTES)
    for start, stop in [
        (PAGE_BYTES - 3, PAGE_BYTES + 5),
        (PAGE_BYTES + 7, PAGE_BYTES + 9),
        (2 * PAGE_BYTES - 4, 2 * PAGE_BYTES + 4),
        (0, 5),
    ]:
        later.seek(start)
        expected = [body[place] if PAGE_BYTES <= place < 2 * PAGE_BYTES else 0 for place in range(start, stop)]
        assert later.read(stop - start) == bytes(expected)


def test_metadata_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, harmless = external_and_harmless(tmp_path)
    monkeypatch.setattr("brainio.netcdf.file_objects.MAX_PAGES", 1)
    with pytest.raises(UnsafeFileError, match="metadata takes more than"):
        inspect(Server(harmless))
