"""Unpacking ZIP archives so that a folder of the cache is complete or not there at all.

An archive is judged as a whole before its first byte is written: one member that could land outside, over another or as
something other than a file refuses all of it. Nothing here knows what the members mean.
"""

import json
import logging
import lzma
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from brainio.cache.files import new_partial, write_in_one_step, writing
from brainio.errors import ArchiveError

_log = logging.getLogger("brainio.cache")
_BLOCK = 1024 * 1024
_ENCRYPTED = 0x1
# What zipfile and the decoders below it raise on damaged or unsupported members.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A complete unpacked archive.

    Attributes
    ----------
    folder
        Holds the files under the names that they have in the archive.
    members
        The names of all files, relative to ``folder``, with '/' between folders.
    """

    folder: Path
    members: frozenset[str]


def unpack(zip_path: Path, sha1: str, root: Path) -> Unpacked:
    """Unpack below ``root/unpacked``, or read back what was unpacked there; see `brainio.cache.Cache.unpack`."""
    folder = root / "unpacked" / sha1[:2] / sha1
    manifest = folder.with_name(f"{sha1}.json")
    members = _read_manifest(folder, manifest)
    if members is not None:
        return Unpacked(folder, members)
    with _opened(zip_path) as archive:
        files = _judged(zip_path, archive)
        with writing(root, f"The unpacked {zip_path.name}"):
            partial = new_partial(root)
            try:
                _extract(zip_path, archive, files, partial)
                sizes = {name: info.file_size for name, info in files.items()}
                write_in_one_step(root, manifest, json.dumps({"members": sizes}))
                _publish(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    _log.debug("unpacked %s to %s", zip_path, folder)
    return Unpacked(folder, frozenset(files))


def _read_manifest(folder: Path, manifest: Path) -> frozenset[str] | None:
    if not folder.is_dir():
        return None
    try:
        return frozenset(json.loads(manifest.read_text(encoding="utf-8"))["members"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _opened(zip_path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(zip_path)
    except FileNotFoundError as error:
        raise ArchiveError(f"There is no archive {zip_path}. Fetch it first.") from error
    except (*_DAMAGE, OSError) as error:
        raise ArchiveError(
            f"{zip_path} is no sound ZIP archive: {error}. Fetch it again, or ask its publisher."
        ) from error


def _judged(zip_path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by the name under which they may be written."""
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


def _refuse_both(zip_path: Path, files: Iterable[str], folders: set[str]) -> None:
    for name in files:
        if name in folders:
            raise ArchiveError(f"{zip_path} is refused: {name!r} is a file and a folder in it. Ask its publisher.")


def _fault(info: zipfile.ZipInfo) -> str | None:
    """Say why a member may not be unpacked; None where it may."""
    # zipfile cuts a name at NUL and may take another from an extra field, so both names are judged.
    return _fault_of_name(info.orig_filename) or _fault_of_name(info.filename) or _fault_of_kind(info)


def _fault_of_kind(info: zipfile.ZipInfo) -> str | None:
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "it is a link or a device, not a file"
    return "it is encrypted" if info.flag_bits & _ENCRYPTED else None


def _fault_of_name(name: str) -> str | None:
    faults = (
        ("\0" in name, "its name holds a NUL character"),
        ("\\" in name, "its name holds a backslash"),
        (name.startswith("/") or re.match(r"[A-Za-z]:", name), "its name is absolute"),
        (".." in name.split("/"), "its name holds '..'"),
        (not PurePosixPath(name).parts and not name.endswith("/"), "its name is empty"),
        (any(len(os.fsencode(part)) > 255 for part in name.split("/")), "its name is longer than 255 bytes"),
    )
    return next((fault for found, fault in faults if found), None)


def _extract(zip_path: Path, archive: zipfile.ZipFile, files: dict[str, zipfile.ZipInfo], folder: Path) -> None:
    folder.mkdir()
    made = {folder}
    for name, info in files.items():
        target = folder / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        _extract_one(zip_path, archive, info, target)


def _extract_one(zip_path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    try:
        with archive.open(info) as source, target.open("xb") as sink:
            while block := source.read(_BLOCK):  # raises at the end where the CRC is wrong
                sink.write(block)
    except FileExistsError as error:
        raise ArchiveError(
            f"{zip_path} is refused: the member {info.filename!r} has the name of another on this file system, "
            f"which does not tell upper from lower case. Set BRAINIO_HOME to one that does."
        ) from error
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk; the bz2 decoder gives no number
            raise
        raise ArchiveError(
            f"{zip_path} is damaged at the member {info.filename!r}: {error}. Fetch it again, or ask its publisher."
        ) from error


def _publish(partial: Path, folder: Path) -> None:
    """Give the finished folder its name; that another process was first is as good."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
