"""A lab whose server misbehaves, and checks that its stimulus set loads correctly."""

import io
import random
import zipfile
from pathlib import Path

import brainio
from brainio.cache import hash_file
from brainio.stimuli import StimulusSet
from tests.lab import Lab, sha1
from tests.servers import FaultyServer

NAME = "lab.Doe2026"
CSV, ZIP = "stimulus_lab_Doe2026.csv", "stimulus_lab_Doe2026.zip"
TABLE = b"stimulus_id,filename,object_name\n1,one.png,car\n2,deep/two.png,face\n"
_noise = random.Random(4)
PICTURES = {"one.png": _noise.randbytes(700_000), "deep/two.png": _noise.randbytes(1_000_000)}


def _archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in PICTURES.items():
            archive.writestr(zipfile.ZipInfo(name), body)
    return file.getvalue()


ARCHIVE = _archive()


class FaultyLab(Lab):
    """A catalog `lab` of one stimulus set, whose archive has 1.7 MB, on a server that misbehaves.

    Parameters
    ----------
    folder
        Folder of the catalog.
    server
        Server of the files.
    kind
        Protocol of the files: `'S3'` or `'http'`.
    """

    def __init__(self, folder: Path, server: FaultyServer, kind: str) -> None:
        super().__init__(folder, server)
        self.server: FaultyServer = server
        self.kind = kind
        self.home = folder / "home"

    def publish(self, name: str, body: bytes, cls: str = "", identifier: str = NAME, **columns: str) -> None:
        """Store a file on the server, and add its row to the catalog."""
        where = {"location_type": "http", "location": f"{self.server.url}/lab-bucket/{name}"}
        super().publish(name, body, cls, identifier, **({} if self.kind == "S3" else where), **columns)

    def publish_stimuli(self, names: tuple[str, ...] = ()) -> None:
        """Publish the stimulus set."""
        assert not names
        self.publish(CSV, TABLE, "StimulusSet")
        self.publish(ZIP, ARCHIVE)

    def gets(self, name: str = ZIP) -> list[str]:
        """Return the `Range` header of every GET request of a file; '' if it has none."""
        gets = [request for request in self.server.requests if request.method == "GET" and request.key == name]
        return [request.headers.get("Range", "") for request in gets]

    def files(self, folder: str) -> list[str]:
        """Return the files in a folder of the cache."""
        found = (self.home / folder).rglob("*")
        return sorted(path.relative_to(self.home / folder).as_posix() for path in found if path.is_file())

    def is_absent(self, name: str = ZIP) -> bool:
        """Whether the cache has neither the file nor a part of it."""
        return not [path for path in self.files("content") if path.endswith(name)] and not self.files("partial")


def load() -> StimulusSet:
    """Load the stimulus set with the public function, and compare every byte."""
    stimulus_set = brainio.get_stimulus_set(NAME)
    assert list(stimulus_set["object_name"]) == ["car", "face"]
    assert [path.read_bytes() for path in stimulus_set.stimulus_paths.values()] == list(PICTURES.values())
    return stimulus_set


def cached_archive(home: Path) -> Path:
    """Return the path of the archive in a cache."""
    digest = sha1(ARCHIVE)
    return home / "content" / digest[:2] / digest / ZIP


def unpacked_folder(home: Path) -> Path:
    """Return the folder of the unpacked archive in a cache."""
    digest = sha1(ARCHIVE)
    return home / "unpacked" / digest[:2] / digest


def incomplete_files(home: Path) -> list[str]:
    """Return the cached files and folders that have final names but incomplete content."""
    wrong = []
    for path in [*home.glob("content/*/*/[!.]*")]:
        try:
            if hash_file(path) != path.parent.name:
                wrong.append(str(path))
        except FileNotFoundError:  # removed meanwhile
            continue
    folder = unpacked_folder(home)
    if folder.is_dir():
        missing = [name for name, body in PICTURES.items() if not _has_size(folder / name, len(body))]
        if missing and folder.is_dir():
            wrong.append(f"{folder} lacks {missing}")
    return wrong


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
