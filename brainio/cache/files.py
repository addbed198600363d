"""File operations of the cache: digests, safe names, atomic writes, and errors that name the remedy."""

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
from brainio.processes import this_process
from brainio.text import get_logger

WRITE_BITS = 0o222  # of the mode of a file: owner, group, others
_LONGEST_NAME = 255  # bytes, on every supported file system
_LONGEST_SUFFIX = 32
LAST_USE_EVERY = 3600.0  # seconds: precision and minimum interval of recorded uses
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_DIGEST_LENGTHS = {"sha1": 40, "sha256": 64}


def hash_file(path: str | os.PathLike[str], algorithm: str = "sha1") -> str:
    """Return the hex digest of a file's bytes.

    Parameters
    ----------
    path
        The file.
    algorithm
        'sha1' (used by the catalog format), 'sha256', or another name known to hashlib.

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
    """Return a digest in lower case; raise IntegrityError if it is malformed, since digests become paths."""
    lowered = digest.strip().lower()
    if re.fullmatch(rf"[0-9a-f]{{{_DIGEST_LENGTHS[algorithm]}}}", lowered) is None:
        raise IntegrityError(
            f"{digest!r} is not a {algorithm}: expected {_DIGEST_LENGTHS[algorithm]} hexadecimal digits. "
            f"Correct the catalog."
        )
    return lowered


def safe_name(name: str) -> str:
    """Return a name that is valid for a file in one folder, as similar to the given one as possible.

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
def translate_write_errors(root: Path, subject: str) -> Iterator[None]:
    """Raise CacheError for an OSError while writing below ``root``; errors of this package pass unchanged."""
    try:
        yield
    except BrainioError:
        raise
    except OSError as error:
        raise CacheError(
            f"{subject} could not be written below {root}: {error}. Free space there, make it writable, or set "
            f"BRAINIO_HOME to a writable folder."
        ) from error


@contextmanager
def translate_read_errors(subject: str) -> Iterator[None]:
    """Raise CacheError for an OSError while reading; FileNotFoundError passes unchanged."""
    try:
        yield
    except (BrainioError, FileNotFoundError):
        raise
    except OSError as error:
        if error.errno is None or error.errno < 0:  # a library's error about the bytes, not one of the system
            raise
        place = f" ({error.filename})" if error.filename else ""
        raise CacheError(
            f"{subject} cannot be read: {error.strerror or error}{place}. Check its permissions and its disk; brainio "
            f"cache verify lists all unreadable files."
        ) from error


def partial_folder(root: Path) -> Path:
    """Return ``partial/`` below a root; create it if it is missing."""
    folder = root / "partial"
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        tag = root / "CACHEDIR.TAG"  # tells backup programs to skip this folder
        if not tag.exists():
            tag.write_text(
                "Signature: 8a477f597d28d172789f06886806bc55\n# Made by brainio. See https://bford.info/cachedir/\n"
            )
    return folder


def new_partial(root: Path, key: str = "") -> Path:
    """Return an unused path in ``partial/``; creates nothing there.

    With a key, the name is ``KEY.RANDOM``, which shows other processes which file is in progress. Without one, it is
    ``TAG-RANDOM``, which shows whether the process that created it is still running.
    """
    return partial_folder(root) / f"{key or this_process().tag}{'.' if key else '-'}{secrets.token_hex(8)}"


def write_atomically(root: Path, path: Path, content: str | bytes) -> None:
    """Write a small file of the cache atomically; it is rebuilt if a power failure damages it."""
    write_file(path, content, temporary=new_partial(root), durable=False)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a small file; return an empty one if the file is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def make_read_only(path: Path) -> None:
    """Remove all write permissions of a file, if the file system supports that."""
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~WRITE_BITS)


def record_use(path: Path) -> None:
    """Record in the mtime of a record or manifest that its content is in use, if that is writable."""
    with suppress(OSError):
        # If the clock was set back, nothing may look older than it is: times only move forward.
        if time.time() - path.stat().st_mtime > LAST_USE_EVERY:
            os.utime(path)


_log = get_logger("brainio.cache")
_logged: set[tuple[Path, str]] = set()


def log_once(folder: Path, problem: str, detail: object = "") -> None:
    """Warn that part of a shared cache is unusable, once per folder and problem in each process.

    The user cannot repair a shared cache, and every file in it would repeat the warning.

    Parameters
    ----------
    folder : Path
        The shared cache, or its damaged folder.
    problem : str
        The problem, phrased to follow the name of the folder.
    detail : str
        Details that vary, such as the text of an error.
    """
    if (folder, problem) in _logged:
        return
    _logged.add((folder, problem))
    _log.warning(
        "%s %s%s; brainio skips it and takes the files from another cache or fetches them", folder, problem, detail
    )
