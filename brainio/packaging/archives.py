"""Archives: the ZIP files with the stimuli of a stimulus set, hashed while they are written.

The same stimulus set gives the same bytes, independent of the clock, the umask and the order of Python sets (deflated
members also depend on the version of zlib). Does not check stimulus sets.
"""

from __future__ import annotations

import os
import zipfile
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from brainio.cache.incoming_files import Hasher
from brainio.errors import PackagingError
from brainio.local_files import open_regular
from brainio.packaging.output_files import write_atomically
from brainio.progress import show_progress
from brainio.validation import member_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainio.stimuli import StimulusSet

_EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_0644 = 0o100644 << 16
_BLOCK = 1 << 20
_COMPRESSED_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_COMPRESSED_MOVIES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
_COMPRESSED_OTHERS = (".mp3", ".m4a", ".ogg", ".flac", ".zip", ".gz", ".bz2", ".xz", ".npz")
_COMPRESSED_ALREADY = (*_COMPRESSED_IMAGES, *_COMPRESSED_MOVIES, *_COMPRESSED_OTHERS)
_MIN_WRITE = 1 << 20  # bytes for which a system call is worthwhile
_MAX_PENDING = 1 << 26  # bytes that are buffered before their member is complete


def create_stimulus_zip(
    proto_stimulus_set: StimulusSet, target_zip_path: str | os.PathLike[str]
) -> tuple[str, list[str]]:
    """Write the files of a stimulus set into a ZIP archive.

    Members have the order of the table, the date 1980-01-01 and the mode 0644. Files in a compressed format (PNG, JPEG,
    MP4, ...) are stored, others are deflated. A file that several rows share is written once.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        Its `stimulus_paths` maps each `stimulus_id` to a local file.
    target_zip_path : path
        Replaced atomically after everything is written.

    Returns
    -------
    str
        The SHA-1 of the archive.
    list of str
        The name of each row's file in the archive.

    Raises
    ------
    PackagingError
        A stimulus has no path, or its file cannot be read: the message names it. Nothing was written.
    """
    paths = proto_stimulus_set.stimulus_paths
    ids = proto_stimulus_set["stimulus_id"].tolist()
    missing = next((stimulus_id for stimulus_id in ids if stimulus_id not in paths), None)
    if missing is not None:
        raise PackagingError(f"stimulus_paths has no path for the stimulus {missing!r}; add it")
    names = member_names(proto_stimulus_set, paths)
    with (
        write_atomically(Path(target_zip_path)) as temporary,
        temporary.open("w+b") as file,
        closing(HashedWriter(file)) as hashed,
    ):
        with zipfile.ZipFile(cast("IO[bytes]", hashed), "w") as archive:
            members = dict(zip(names, ids, strict=True))
            for name, stimulus_id in show_progress(members.items(), "packing files", len(members)):
                _add_member(archive, name, Path(paths[stimulus_id]), stimulus_id)
                hashed.settle()
        return hashed.hexdigest(), names


def _add_member(archive: zipfile.ZipFile, name: str, source: Path, stimulus_id: object) -> None:
    member = zipfile.ZipInfo(name, _EARLIEST_DATE)
    member.create_system = 3  # Unix, so that archives are the same on all systems
    member.external_attr = _REGULAR_FILE_0644
    is_compressed = name.lower().endswith(_COMPRESSED_ALREADY)
    member.compress_type = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
    try:
        data = open_regular(source)
    except OSError as error:
        raise _unreadable(stimulus_id, error) from error
    with data:
        # zipfile writes the ZIP64 header only if it knows the size before the first byte.
        member.file_size = os.fstat(data.fileno()).st_size
        with archive.open(member, "w") as out:
            for block in _blocks(data, min(member.file_size + 1, _BLOCK), stimulus_id):
                out.write(block)


def _blocks(data: IO[bytes], size: int, stimulus_id: object) -> Iterator[bytes]:
    try:
        while block := data.read(size):
            yield block
    except OSError as error:
        raise _unreadable(stimulus_id, error) from error


def _unreadable(stimulus_id: object, error: OSError) -> PackagingError:
    return PackagingError(
        f"the file of the stimulus {stimulus_id!r} cannot be read: {error}; correct its entry in stimulus_paths"
    )


class HashedWriter:
    """A file that is hashed while it is written, although its writer seeks back.

    `zipfile` rewrites the header of a member after it knows the size of the member. The writer therefore buffers a
    member until `settle`, then hashes and writes it. A member that is too large for the buffer, or is changed in
    another way, is written immediately, and read again to be hashed.

    Parameters
    ----------
    file : binary file
        Empty, open for writing and reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hasher = Hasher(["sha1"])
        self._pieces: dict[int, bytes] = {}  # buffered bytes by position
        self._hashed = self._end = self._position = 0
        self._is_direct = False

    def write(self, data: bytes) -> int:
        """Write at the current position."""
        is_new = self._position == self._end or len(self._pieces.get(self._position, b"")) == len(data)
        if not self._is_direct and (not is_new or self._end - self._hashed > _MAX_PENDING):
            self._file.write(b"".join(self._pieces.values()))
            self._pieces, self._is_direct = {}, True
        if self._is_direct:
            self._file.seek(self._position)
            self._file.write(data)
        else:
            self._pieces[self._position] = data
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def tell(self) -> int:
        """Return the position: bytes from the start."""
        return self._position

    def seek(self, position: int) -> None:
        """Set the position; it may not be before the settled bytes."""
        self._position = position

    def flush(self) -> None:
        """Do nothing: buffered bytes may still change."""

    def settle(self) -> None:
        """Declare that the bytes written so far will not change."""
        if self._end - self._hashed >= _MIN_WRITE:
            self._hash_rest()

    def hexdigest(self) -> str:
        """Settle everything and return the SHA-1 of the file."""
        self._hash_rest()
        self._file.flush()
        return self._hasher.hexdigests()["sha1"]

    def close(self) -> None:
        """Stop the hashing thread; the file stays open."""
        self._hasher.close()

    def _hash_rest(self) -> None:
        if self._is_direct:
            self._file.seek(self._hashed)
            while chunk := self._file.read(_MIN_WRITE):
                self._hasher.update(chunk)
        else:
            joined = b"".join(self._pieces.values())
            self._hasher.update(joined)
            self._file.write(joined)
        self._pieces, self._hashed, self._is_direct = {}, self._end, False
