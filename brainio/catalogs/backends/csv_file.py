"""Catalogs that are CSV files on this machine, written atomically under a lock."""

import os
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Self

from brainio.catalogs.backends.base import ChangeText, check_writable_file
from brainio.catalogs.backends.csv_base import PUBLICATIONS_FILE, CsvBackend, FolderSidecars
from brainio.catalogs.csv_format import EMPTY
from brainio.errors import CatalogError
from brainio.local_files import Fingerprint, absolute_path, read_regular, write_file
from brainio.locks import Lock, acquire_exclusive

_ATTEMPTS = 5  # at a file that others write without its lock


class CsvFile(CsvBackend):
    """A catalog that is a CSV file on this machine."""

    def __init__(self, path: str) -> None:
        self.location = path
        self.identifier = Path(path).stem
        self.folder: Path = Path(path).parent
        self.base = str(self.folder)

    @classmethod
    def from_location(cls, location: str) -> Self:
        """Return the backend of a path or a `file://` URL."""
        return cls(str(absolute_path(location.removeprefix("file://"))))

    @classmethod
    def sidecars_at(cls, base: str) -> FolderSidecars:
        """Return the sidecars in a folder."""
        folder = absolute_path(base)
        return FolderSidecars(str(folder), cls(str(folder / PUBLICATIONS_FILE)), folder)

    def version_token(self) -> Hashable:
        """Return the fingerprint of the file."""
        return Fingerprint.find(self.location)

    def persistent_token(self) -> str:
        """Return the part of the fingerprint that survives a restart of the machine."""
        fingerprint = Fingerprint.find(self.location)
        return repr(fingerprint and fingerprint.portable)

    def read(self) -> str:
        """Return the text of the file."""
        try:
            return _decode(read_regular(self.location), self.location)
        except OSError as error:
            raise CatalogError(
                f"the catalog {self.location} cannot be read: {error}. Correct the path in BRAINIO_CATALOGS or in the "
                f"call"
            ) from error

    def read_current(self) -> str | None:
        """Return the text of the file; None if there is no file."""
        try:
            return _read_if_exists(Path(self.location))
        except OSError as error:
            raise CatalogError(
                f"the catalog {self.location} cannot be read: {error}; nothing was changed. Pass the path of a CSV file"
            ) from error

    def check_writable(self) -> None:
        """Create the folder of the file, and check the permissions."""
        check_writable_file(Path(self.location))

    def rewrite(self, change: ChangeText, empty: str = EMPTY) -> None:
        """Replace the text of the file while holding its lock."""
        path = Path(self.location).resolve()
        if path.exists() and not os.access(path, os.W_OK):
            raise CatalogError(f"{path} is not writable; nothing was changed. Make it writable, or change a copy")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            is_done = any(_rewrite_once(path, change, empty) for _ in range(_ATTEMPTS))
        except CatalogError:
            raise
        except OSError as error:
            raise CatalogError(
                f"{path} could not be written ({error}) and is unchanged. Remove the cause and repeat the call: files "
                f"that are stored already are not sent again"
            ) from error
        if not is_done:
            raise CatalogError(
                f"{path} was changed by others at each of {_ATTEMPTS} attempts although this process held its lock; "
                f"this call changed nothing. Stop the program that writes the file without the lock, and repeat the "
                f"call"
            )


def _rewrite_once(path: Path, change: ChangeText, empty: str) -> bool:
    """Change a file under its lock; return False, with nothing changed, if another program wrote it meanwhile."""
    with acquire_exclusive(path.parent, f".{path.name}", str(path)) as lock:
        before = _read_if_exists(path)
        after = change(empty if before is None else before)
        return after == before or write_file(path, after, check=partial(_is_unchanged, path, before, lock))


def _is_unchanged(path: Path, before: str | None, lock: Lock) -> bool:
    """Whether the file still has the text that was read: if this process was stopped, its lock may have been broken."""
    return lock.is_held() and _read_if_exists(path) == before


def _read_if_exists(path: Path) -> str | None:
    try:
        return _decode(read_regular(path), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(f"the catalog {path} is not UTF-8: {error}. Convert the file") from error
