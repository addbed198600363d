"""The files of an entry as Croissant describes them: where they lie, their kind, size and hash."""

import glob
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainio.cache import hash_file
from brainio.catalogs import Entry, EntryFile
from brainio.catalogs.entries import file_name
from brainio.errors import CatalogWarning
from brainio.fetch.entry_files import ExpectedFile

FORMATS = {"csv": "text/csv", "zip": "application/zip", "nc": "application/x-netcdf"}
STIMULUS_FORMATS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "txt": "text/plain",
}

Node = dict[str, Any]


@dataclass(frozen=True)
class Described:
    """A file of an entry, what Croissant says of it, and the copy of it that is on this machine, if any."""

    entry: Entry
    file: EntryFile
    path: Path | None
    sha256: str

    @property
    def id(self) -> str:
        """By which other nodes refer to it: the name that the format gives such a file, whatever its location says."""
        return node_id(file_name(self.entry.identifier, self.file.part))

    @property
    def expected(self) -> ExpectedFile:
        """The file as its catalog promises it."""
        return ExpectedFile.from_entry(self.entry, self.file)

    def node(self, content_url: str) -> Node:
        """Describe the file at a URL, or at a path."""
        sha1 = f", SHA-1 {self.file.sha1}" if self.file.sha1 and not self.sha256 else ""
        node = {
            "@type": "cr:FileObject",
            "@id": self.id,
            "name": self.id,
            "description": f"The {self.file.part} file of {self.entry.kind} {self.entry.identifier}{sha1}.",
            "contentUrl": content_url,
            "encodingFormat": FORMATS[self.file.part],
            "sha256": self.sha256,
        }
        if (size := self._size()) is not None:
            node["contentSize"] = f"{size} B"
        if not self.sha256:
            del node["sha256"]
        return node

    def _size(self) -> int | None:
        return self.file.size if self.file.size is not None or self.path is None else self.path.stat().st_size


def node_id(name: str) -> str:
    """Return a name without what mlcroissant refuses in an `@id`, such as blanks.

    Examples
    --------
    >>> node_id("mean rate")
    'mean_rate'
    """
    return re.sub(r"[^\w.()+-]", "_", name)


def described(entry: Entry) -> list[Described]:
    """Describe the files of an entry; a SHA-256 that no catalog states is taken of the copy on this machine.

    Nothing is fetched. If there is no such copy, a `CatalogWarning` says that the hash is unknown.
    """
    found = []
    for file in entry.files:
        path = _here(ExpectedFile.from_entry(entry, file))
        sha256 = file.sha256 or ("" if path is None else hash_file(path, "sha256"))
        found.append(Described(entry, file, path, sha256))
        if not sha256:
            warnings.warn(
                f"catalog {entry.catalog!r} states no sha256 of the {file.part} file of {entry.kind} "
                f"{entry.identifier!r}, which is not in the cache either, so that readers of Croissant cannot verify "
                f"it. Fetch the file first: brainio get {entry.identifier}",
                CatalogWarning,
                stacklevel=4,
            )
    return found


def listed(entry: Entry) -> list[Described]:
    """Describe the files of an entry by what its catalog says alone."""
    return [Described(entry, file, None, file.sha256) for file in entry.files]


def file_set(archive: str, endings: Sequence[str], names: Collection[str] = ()) -> Node | None:
    """Describe the stimulus files in an archive; None where all are of unknown kinds.

    Parameters
    ----------
    archive : str
        The `@id` of the ZIP file.
    endings : sequence of str
        Of the names of stimulus files.
    names : collection of str, optional
        The names themselves, where the archive holds others with these endings.

    Examples
    --------
    >>> file_set("stimuli.zip", ["PNG", "png", "xyz"])["includes"]
    ['*.PNG', '*.png']
    """
    known = [ending for ending in endings if ending.lower() in STIMULUS_FORMATS]
    if not known:
        return None
    named = [glob.escape(name) for name in sorted(names) if name.rpartition(".")[2] in known]
    return {
        "@type": "cr:FileSet",
        "@id": f"{archive}/files",
        "name": "stimulus files",
        "containedIn": {"@id": archive},
        "encodingFormat": sorted({STIMULUS_FORMATS[ending.lower()] for ending in known}),
        "includes": named or [f"*.{ending}" for ending in known],
    }


def _here(wanted: ExpectedFile) -> Path | None:
    """Return a copy of a file on this machine, None where there is none."""
    local = next((place.path for place, _ in wanted.locations if place.is_local and place.path.is_file()), None)
    return wanted.find_cached() or local
