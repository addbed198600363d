"""A catalog on a web server, and a second server that it must not be able to reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import HttpFolder

COLUMNS = (
    "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier,sha256,size,mirrors,status,card"
)


class RemoteCatalog:
    """A catalog on a web server with one assembly, `x.Doe2026`."""

    def __init__(self, server: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self._monkeypatch = monkeypatch
        self._written = 0

    def put(self, name: str, body: bytes) -> None:
        path = self.server.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def name(self, location: str, location_type: str = "", base: str = "", **columns: str) -> str:
        """Activate a catalog with one file at a location, and return the identifier of the catalog."""
        self._written += 1
        row = {
            "identifier": "x.Doe2026",
            "lookup_type": "assembly",
            "class": "NeuroidAssembly",
            "location_type": location_type,
            "location": location,
        } | columns
        cells = ",".join(row.get(column, "") for column in COLUMNS.split(","))
        self.put(f"lab/catalog{self._written}.csv", f"{COLUMNS}\n{cells}\n".encode())
        url = f"{base or self.server.url}/lab/catalog{self._written}.csv"
        self._monkeypatch.setenv("BRAINIO_CATALOGS", url)
        return f"catalog{self._written}"


@pytest.fixture
def remote(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> RemoteCatalog:
    return RemoteCatalog(http_folder, monkeypatch)


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[HttpFolder]:
    """A second web server, with the files `secret.nc` and `secret.json`."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "secret.nc").write_bytes(b"CDF\x01SECRET")
    (folder / "secret.json").write_bytes(b'{"status_reason": "SECRET"}')
    with HttpFolder(folder) as server:
        yield server


def at(server: HttpFolder, host: str) -> str:
    """Return the URL of a server with another name of its host."""
    return server.url.replace("127.0.0.1", host)
