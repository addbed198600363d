"""Reading ZIP archives that may be damaged, or made to do harm: judged as a whole, then read member by member.

One member that could land outside, over another or as something other than a file refuses all of it, and so does an
archive that would grow beyond all reason. `brainio.cache.unpacked_archives` writes the
members; nothing here knows what they mean.
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
# How many times its own size an archive may unpack to. Pictures, films and sounds were seen at 1, drawings in PNG up to
# 30, tables and logs at 5 to 20, bitmaps of gratings at 150 and of empty fields at 1,000, where deflate ends. Those are
# small: up to HARMLESS bytes no archive is too large, whatever it came from.
MOST_GROWTH = 200
HARMLESS = 2**30  # bytes
_BLOCK = 1024 * 1024
_LONGEST_READ = 128 * _BLOCK  # the list of members, which zipfile reads at once
_LISTED, _SHORTEST_LISTED, _SHORTEST_HEADER = b"PK\x01\x02", 46, 30
_ENCRYPTED = 0x1
# What zipfile and the decoder below it raise on damaged or unsupported members.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


class _File(io.BufferedReader):
    """An archive whose list of members cannot be longer than is promised, whatever it says of itself.

    `failure` holds an error of the disk, which `zipfile` would report as an archive that is none.
    """

    failure: OSError | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LONGEST_READ:
            raise zipfile.BadZipFile(f"its list of members has {size:,} bytes, more than {_LONGEST_READ:,}")
        try:
            data = super().read(size)
        except OSError as error:
            self.failure = error
            raise
        if len(data) > MOST_MEMBERS * _SHORTEST_LISTED and data.count(_LISTED) > MOST_MEMBERS:
            raise zipfile.BadZipFile(f"it has more than {MOST_MEMBERS:,} members")
        return data


@contextmanager
def open_archive(zip_path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises
    ------
    ArchiveError
        It is none, or not there.
    CacheError
        The operating system cannot read it.
    """
    with ExitStack() as stack:
        try:
            with translate_read_errors(f"The archive {zip_path}"):
                file = stack.enter_context(_File(open_regular(zip_path)))
                archive = stack.enter_context(_listed(file))
        except FileNotFoundError as error:
            raise ArchiveError(f"There is no archive {zip_path}. Fetch it first.") from error
        except BrainioError:
            raise
        except (*_DAMAGE, OSError) as error:
            raise ArchiveError(
                f"{zip_path} is no sound ZIP archive: {error}. Fetch it again, or ask its publisher."
            ) from error
        yield archive


def _listed(file: _File) -> zipfile.ZipFile:
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
        One of them may not be written, or all together are too large.
    """
    _refuse_growth(zip_path, archive)
    files: dict[str, zipfile.ZipInfo] = {}
    folders: set[str] = set()
    for info in archive.infolist():
        fault = _fault(info)
        name = PurePosixPath(info.filename).as_posix()
        if fault is None and not info.is_dir() and name in files:
            fault = "its name occurs twice"
        if fault is not None:
            raise ArchiveError(
                f"{zip_path} is refused: the member {info.orig_filename!r} may not be unpacked: {fault}. "
                f"Nothing was unpacked; ask the publisher for a clean archive."
            )
        if info.is_dir():
            folders.add(name)
        else:
            files[name] = info
        folders.update(parent.as_posix() for parent in PurePosixPath(name).parents)
    _refuse_both(zip_path, files, folders)
    return files


def _refuse_growth(zip_path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what would fill the disk: members that grow too much together, or that share their bytes."""
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    size, grown = zip_path.stat().st_size, sum(info.file_size for info in members)
    if grown > max(HARMLESS, MOST_GROWTH * size):
        raise ArchiveError(
            f"{zip_path} is refused: its {size:,} bytes would become {grown:,}, more than {MOST_GROWTH} times as many. "
            f"If they are meant so, its publisher should make several archives of it."
        )
    for one, other in pairwise(members):
        if one.header_offset + _SHORTEST_HEADER + one.compress_size > other.header_offset:
            raise ArchiveError(
                f"{zip_path} is refused: the members {one.filename!r} and {other.filename!r} lie over one another in "
                f"it. Ask its publisher for a clean archive."
            )


def _refuse_both(zip_path: Path, files: Iterable[str], folders: set[str]) -> None:
    for name in files:
        if name in folders:
            raise ArchiveError(f"{zip_path} is refused: {name!r} is a file and a folder in it. Ask its publisher.")


def _fault(info: zipfile.ZipInfo) -> str | None:
    """Say why a member may not be unpacked; None where it may."""
    # zipfile cuts a name at NUL and may take another from an extra field, so both names are judged.
    return fault_of_name(info.orig_filename) or fault_of_name(info.filename) or _fault_of_kind(info)


def _fault_of_kind(info: zipfile.ZipInfo) -> str | None:
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "it is a link or a device, not a file"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # the memory of others has no bound
        return f"it is compressed by method {info.compress_type}, neither stored nor deflated"
    return "it begins before the archive does" if info.header_offset < 0 else None


def iter_member_blocks(zip_path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the bytes of a member, which are as many as it says and have its checksum when the last one is out.

    Raises
    ------
    ArchiveError
        They are not.
    """
    longer = copy.copy(info)
    longer.file_size += 1  # zipfile stops where the size says, and would not see that there is more
    count = 0
    try:
        with archive.open(longer) as source:
            while block := _block(zip_path, source):
                count += len(block)
                if count > info.file_size:
                    break
                yield block
        if count != info.file_size:
            raise zipfile.BadZipFile(f"it says it has {info.file_size:,} bytes, and has other")
    except BrainioError:
        raise
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk that the blocks are written to
            raise
        raise ArchiveError(
            f"{zip_path} is damaged at the member {info.filename!r}: {error}. Fetch it again, or ask its publisher."
        ) from error


def _block(zip_path: Path, source: IO[bytes]) -> bytes:
    with translate_read_errors(f"The archive {zip_path}"):
        return source.read(_BLOCK)
