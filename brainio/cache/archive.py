"""Safe reading of ZIP archives, which may be damaged or malicious.

An archive is checked as a whole before any member is read. It is refused if a member could be written outside the
target folder, replace another member or be anything but a file, or if it would grow excessively.
`brainio.cache.unpacked_archives` writes the members.
"""

import copy
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO

from brainio.cache.files import translate_read_errors
from brainio.errors import ArchiveError, BrainioError
from brainio.local_files import open_regular
from brainio.member_names import fault_of_name

MOST_MEMBERS = 1_000_000
# Maximum ratio of unpacked size to archive size. Observed ratios: 1 for pictures, films and sounds, up to 30 for
# drawings in PNG, 5 to 20 for tables and logs, 150 for bitmaps of gratings, and 1,000 for empty bitmaps, the limit of
# deflate. Archives with such ratios are small, so any ratio is accepted up to HARMLESS bytes.
MOST_GROWTH = 200
HARMLESS = 2**30  # bytes
_BLOCK = 1024 * 1024
_MAX_DIRECTORY_SIZE = 128 * _BLOCK  # the central directory, which zipfile reads at once
_ENTRY_SIGNATURE, _MIN_ENTRY_SIZE, _MIN_HEADER_SIZE = b"PK\x01\x02", 46, 30
_ENCRYPTED = 0x1
# Raised by zipfile and zlib for damaged or unsupported members.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


class _File(io.BufferedReader):
    """An archive file that limits the size of its central directory, regardless of its declared size.

    `failure` stores an error of the disk, which `zipfile` would report as a bad archive.
    """

    failure: OSError | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_DIRECTORY_SIZE:
            raise zipfile.BadZipFile(f"its list of members has {size:,} bytes, more than {_MAX_DIRECTORY_SIZE:,}")
        try:
            data = super().read(size)
        except OSError as error:
            self.failure = error
            raise
        if len(data) > MOST_MEMBERS * _MIN_ENTRY_SIZE and data.count(_ENTRY_SIGNATURE) > MOST_MEMBERS:
            raise zipfile.BadZipFile(f"it has more than {MOST_MEMBERS:,} members")
        return data


@contextmanager
def open_archive(zip_path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises
    ------
    ArchiveError
        It is missing, or not a ZIP archive.
    CacheError
        The operating system failed to read it.
    """
    with ExitStack() as stack:
        try:
            with translate_read_errors(f"The archive {zip_path}"):
                file = stack.enter_context(_File(open_regular(zip_path)))
                archive = stack.enter_context(_read_directory(file))
        except FileNotFoundError as error:
            raise ArchiveError(f"The archive {zip_path} does not exist. Fetch it first.") from error
        except BrainioError:
            raise
        except (*_DAMAGE, OSError) as error:
            raise ArchiveError(
                f"{zip_path} is not a valid ZIP archive: {error}. Fetch it again, or report it to its publisher."
            ) from error
        yield archive


def _read_directory(file: _File) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        if file.failure is None:
            raise
        raise file.failure from error


def safe_members(zip_path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by the name under which they may be written.

    Raises
    ------
    ArchiveError
        A member is unsafe, or their total size is too large.
    """
    _refuse_growth(zip_path, archive)
    files: dict[str, zipfile.ZipInfo] = {}
    folders: set[str] = set()
    for info in archive.infolist():
        reason = _unsafe_reason(info)
        name = PurePosixPath(info.filename).as_posix()
        if reason is None and not info.is_dir() and name in files:
            reason = "its name occurs twice"
        if reason is not None:
            raise ArchiveError(
                f"{zip_path} is refused: the member {info.orig_filename!r} is unsafe: {reason}. "
                f"Nothing was unpacked; ask the publisher for a corrected archive."
            )
        if info.is_dir():
            folders.add(name)
        else:
            files[name] = info
        folders.update(parent.as_posix() for parent in PurePosixPath(name).parents)
    _refuse_files_as_folders(zip_path, files, folders)
    return files


def _refuse_growth(zip_path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse archives that would fill the disk: members that are too large in total or that share bytes."""
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    size, unpacked_size = zip_path.stat().st_size, sum(info.file_size for info in members)
    if unpacked_size > max(HARMLESS, MOST_GROWTH * size):
        raise ArchiveError(
            f"{zip_path} is refused: its {size:,} bytes would become {unpacked_size:,}, more than {MOST_GROWTH} times "
            f"as many. If that is intended, the publisher should split it into several archives."
        )
    for member, following in pairwise(members):
        if member.header_offset + _MIN_HEADER_SIZE + member.compress_size > following.header_offset:
            raise ArchiveError(
                f"{zip_path} is refused: the members {member.filename!r} and {following.filename!r} share bytes. "
                f"Ask the publisher for a corrected archive."
            )


def _refuse_files_as_folders(zip_path: Path, files: Iterable[str], folders: set[str]) -> None:
    for name in files:
        if name in folders:
            raise ArchiveError(
                f"{zip_path} is refused: {name!r} is both a file and a folder. Ask the publisher for a "
                f"corrected archive."
            )


def _unsafe_reason(info: zipfile.ZipInfo) -> str | None:
    """Return the reason why a member must not be unpacked, None if it may be."""
    # zipfile cuts a name at NUL, and may read another name from an extra field, so both are checked.
    return fault_of_name(info.orig_filename) or fault_of_name(info.filename) or _unsupported_kind(info)


def _unsupported_kind(info: zipfile.ZipInfo) -> str | None:
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "it is a link or a device, not a file"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # other methods need unlimited memory
        return f"it is compressed by method {info.compress_type}, neither stored nor deflated"
    return "it starts before the archive" if info.header_offset < 0 else None


def iter_member_blocks(zip_path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the bytes of a member, and verify its size and checksum at the end.

    Raises
    ------
    ArchiveError
        The size or checksum is wrong, or the member is damaged.
    """
    longer = copy.copy(info)
    longer.file_size += 1  # zipfile stops at the declared size, and would miss further bytes
    count = 0
    try:
        with archive.open(longer) as source:
            while block := _read_block(zip_path, source):
                count += len(block)
                if count > info.file_size:
                    break
                yield block
        if count != info.file_size:
            raise zipfile.BadZipFile(f"its size differs from the declared {info.file_size:,} bytes")
    except BrainioError:
        raise
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk to which the caller writes the blocks
            raise
        raise ArchiveError(
            f"{zip_path} is damaged at the member {info.filename!r}: {error}. Fetch it again, or report it to "
            f"its publisher."
        ) from error


def _read_block(zip_path: Path, source: IO[bytes]) -> bytes:
    with translate_read_errors(f"The archive {zip_path}"):
        return source.read(_BLOCK)
