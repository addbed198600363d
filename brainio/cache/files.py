"""The small pieces of the cache that touch files: hashing, safe names, writing a file in one step."""

import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brainio.errors import BrainioError, CacheError, IntegrityError
from brainio.local_files import open_regular, write_file
from brainio.logs import get_logger
from brainio.processes import this_process

WRITE_BITS = 0o222  # of the mode of a file: owner, group, others
_LONGEST_NAME = 255  # bytes, on every file system that is promised
_LONGEST_SUFFIX = 32
LAST_USE_EVERY = 3600.0  # seconds: the last use of a file is noted this exactly, and as seldom
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_DIGEST_LENGTHS = {"sha1": 40, "sha256": 64}


def hash_file(path: str | os.PathLike[str], algorithm: str = "sha1") -> str:
    """Return the hex digest of a file's bytes.

    Parameters
    ----------
    path
        The file.
    algorithm
        'sha1' (the published format's), 'sha256', or another name that hashlib knows.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a"
    >>> _ = path.write_bytes(b"abc")
    >>> hash_file(path)
    'a9993e364706816aba3e25717850c26c9cd0d89d'
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def normalize_digest(digest: str, algorithm: str = "sha1") -> str:
    """Return a promised digest in lower case; digests become paths, so nothing else may pass."""
    lowered = digest.strip().lower()
    if re.fullmatch(rf"[0-9a-f]{{{_DIGEST_LENGTHS[algorithm]}}}", lowered) is None:
        raise IntegrityError(
            f"{digest!r} is no {algorithm}: expected {_DIGEST_LENGTHS[algorithm]} hexadecimal digits. "
            f"Correct the catalog."
        )
    return lowered


def safe_name(name: str) -> str:
    """Return a name that can be a file's in one folder, as like the given one as can be.

    Examples
    --------
    >>> safe_name("assy_a.nc"), safe_name("../../etc/passwd"), safe_name("")
    ('assy_a.nc', '.._.._etc_passwd', '_')
    """
    safe = _UNSAFE.sub("_", name.encode("utf-8", "replace").decode("utf-8"))
    if safe in {"", ".", "..", ".verified.json"}:
        safe = f"_{safe.lstrip('.')}"
    if len(safe.encode()) <= _LONGEST_NAME:
        return safe
    suffix = Path(safe).suffix if len(Path(safe).suffix.encode()) <= _LONGEST_SUFFIX else ""
    tail = f"-{hashlib.sha1(safe.encode()).hexdigest()[:10]}{suffix}"
    return safe.encode()[: _LONGEST_NAME - len(tail.encode())].decode("utf-8", "ignore") + tail


@contextmanager
def translate_write_errors(root: Path, what: str) -> Iterator[None]:
    """Turn a failure to write below ``root`` into a CacheError; other errors of this package pass."""
    try:
        yield
    except BrainioError:
        raise
    except OSError as error:
        raise CacheError(
            f"{what} could not be written below {root}: {error}. Free space there, make it writable, or set "
            f"BRAINIO_HOME to a folder that is."
        ) from error


@contextmanager
def translate_read_errors(what: str) -> Iterator[None]:
    """Turn a failure of the operating system to read a file into a CacheError; a file that is missing passes."""
    try:
        yield
    except (BrainioError, FileNotFoundError):
        raise
    except OSError as error:
        if error.errno is None or error.errno < 0:  # of a library, about the bytes
            raise
        place = f" ({error.filename})" if error.filename else ""
        raise CacheError(
            f"{what} cannot be read: {error.strerror or error}{place}. Check its permissions and its disk; brainio "
            f"cache verify lists everything that cannot be read."
        ) from error


def partial_folder(root: Path) -> Path:
    """Return ``partial/`` below a root, made where it is missing."""
    folder = root / "partial"
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        tag = root / "CACHEDIR.TAG"  # tells back-up programs that everything here can be had again
        if not tag.exists():
            tag.write_text(
                "Signature: 8a477f597d28d172789f06886806bc55\n# Made by brainio. See https://bford.info/cachedir/\n"
            )
    return folder


def new_partial(root: Path, key: str = "") -> Path:
    """Return a path below ``partial/`` that nobody else uses; nothing is made there yet.

    With a key the name is ``KEY.RANDOM``, by which others see who works on what; else it is ``TAG-RANDOM``, by which
    they see whether the process is gone.
    """
    return partial_folder(root) / f"{key or this_process().tag}{'.' if key else '-'}{secrets.token_hex(8)}"


def write_atomically(root: Path, path: Path, content: str | bytes) -> None:
    """Write a small file of the cache atomically; if a loss of power damages it, it is built again."""
    write_file(path, content, temporary=new_partial(root), durable=False)


def read_json(path: Path) -> dict[str, Any]:
    """Read an object from a small file; what is missing or damaged is an empty one, and costs work but no data."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def make_read_only(path: Path) -> None:
    """Remove the write permission of a file for everybody, where the file system supports that."""
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~WRITE_BITS)


def record_use(path: Path) -> None:
    """Note in the times of a record or manifest that its content is used now, where that can be written."""
    with suppress(OSError):
        # A clock that was set back must not make anything look older than it is: the time only ever goes forward.
        if time.time() - path.stat().st_mtime > LAST_USE_EVERY:
            os.utime(path)


_log = get_logger("brainio.cache")
_said: set[tuple[Path, str]] = set()


def log_once(folder: Path, problem: str, detail: object = "") -> None:
    """Warn that something below a folder is had from elsewhere, unless the same problem of it was told before.

    Parameters
    ----------
    folder : Path
        The shared cache, or what is damaged in it.
    problem : str
        What is wrong, as it follows the name of the folder.
    detail : str
        What may differ from time to time, such as the text of an error.
    """
    if (folder, problem) in _said:
        return
    _said.add((folder, problem))
    _log.warning("%s %s%s; it is passed over, and files are had from elsewhere", folder, problem, detail)
