"""The cache below one folder: files addressed by what they hold, archives unpacked from them, what locations gave.

A file gets its name here when its hash was checked and its bytes were synced, in one rename; so whoever finds a name
finds the whole file. Readers take no locks, and writers need none: any number of processes may add the same content.
"""

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from brainio.cache import archive
from brainio.cache.archive import Unpacked
from brainio.cache.earlier import earlier_file
from brainio.cache.files import checked_digest, hash_file, new_partial, safe_name, write_in_one_step, writing
from brainio.errors import ArchiveError, CacheError, IntegrityError

_log = logging.getLogger("brainio.cache")
_BLOCK = 1024 * 1024
_RECORD = ".verified.json"


class _Fingerprint(TypedDict):
    """What the disk says of a file that stays as it is while its bytes do."""

    device: int
    inode: int
    size: int
    mtime_ns: int


class Cache:
    """Verified local files below one folder.

    Parameters
    ----------
    root
        The folder; made when something is first written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> cache = Cache(pathlib.Path(tempfile.mkdtemp()))
    >>> path = cache.add([b"ab", b"c"], name="a.txt", sha1="a9993e364706816aba3e25717850c26c9cd0d89d")
    >>> path.read_bytes(), cache.find("a9993e364706816aba3e25717850c26c9cd0d89d", "a.txt") == path
    (b'abc', True)
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def find(self, sha1: str, name: str, sha256: str | None = None) -> Path | None:
        """Return the verified file with that content, None where there is none.

        A file whose fingerprint is the one it was verified under is trusted; another is hashed again, and moved to
        ``quarantine/`` if its bytes are no longer the promised ones. Content that is here under another name gets this
        one too (a hard link; where links cannot be, the existing path is returned).

        Parameters
        ----------
        sha1
            Hex digest that the catalog promises.
        name
            The name the file should have; made safe if it is none.
        sha256
            A second promised digest; checked once and recorded.

        Raises
        ------
        IntegrityError
            A promised digest is not one.
        CacheError
            What lies there cannot be read.
        """
        sha1, sha256 = checked_digest(sha1), sha256 and checked_digest(sha256, "sha256")
        found = self._find_in_content(sha1, name, sha256)
        if found is None:
            found = self.adopt(name, sha1)
            if found is not None and sha256 is not None and hash_file(found, "sha256") != sha256:
                return None
        return found

    def add(
        self,
        chunks: Iterable[bytes],
        *,
        name: str,
        sha1: str | None = None,
        sha256: str | None = None,
        size: int | None = None,
    ) -> Path:
        """Write bytes to the cache, hashing them as they arrive, and return the file.

        Parameters
        ----------
        chunks
            The bytes in order. What this raises is passed on.
        name
            The name the file should have; made safe if it is none.
        sha1, sha256, size
            What was promised, as far as it was.

        Raises
        ------
        IntegrityError
            The bytes are not the promised ones. Nothing is left of them.
        CacheError
            The cache cannot be written.
        """
        promised = {"sha1": sha1 and checked_digest(sha1), "sha256": sha256 and checked_digest(sha256, "sha256")}
        with writing(self.root, name):
            partial = new_partial(self.root)
        try:
            found = self._write(chunks, partial, name, promised, size)
            with writing(self.root, name):
                return self._publish(partial, name, found["sha1"], found.get("sha256"))
        finally:
            partial.unlink(missing_ok=True)

    def adopt(self, name: str, sha1: str) -> Path | None:
        """Take over a file that `brainscore-brainio` left below the root, if it has that name and content.

        The file stays where it is; the cache gets a hard link to it (a copy where links cannot be). On a root that
        cannot be written the file itself is returned.
        """
        sha1 = checked_digest(sha1)
        earlier = earlier_file(self.root, safe_name(name))
        if earlier is None:
            return None
        earlier = earlier.resolve()  # a link to a link would not hold the bytes
        fingerprint = _fingerprint(earlier)
        if hash_file(earlier) != sha1:
            return None
        folder = self._folder(sha1)
        target = folder / safe_name(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.link(earlier, target)
        except FileExistsError:
            return self._find_in_content(sha1, name, None)
        except OSError:
            return self._copied(earlier, name, sha1)
        _write_record(self.root, folder, fingerprint, None)
        return target

    def remember(self, url: str, version_id: str | None, sha1: str, name: str) -> None:
        """Note which content a location gave for which no hash was promised.

        Raises
        ------
        CacheError
            The cache cannot be written.
        """
        # Not the URL itself, which may hold a password: the reference is found by its hash.
        reference = {"version_id": version_id, "sha1": checked_digest(sha1), "name": name}
        with writing(self.root, f"The reference of {url}"):
            write_in_one_step(self.root, self._reference(url, version_id), json.dumps(reference))

    def recall(self, url: str, version_id: str | None, sha256: str | None = None) -> Path | None:
        """Return the verified file that a location gave before, None where it gave none or the file is gone.

        Where a sha256 is promised, a file with another one is none.
        """
        reference = _read_json(self._reference(url, version_id))
        sha1, name = reference.get("sha1"), reference.get("name")
        return self.find(sha1, name, sha256) if isinstance(sha1, str) and isinstance(name, str) else None

    def unpack(self, zip_path: Path, sha1: str | None = None) -> Unpacked:
        """Unpack a ZIP archive, or return what was unpacked of the same content before.

        Parameters
        ----------
        zip_path
            The archive.
        sha1
            Its verified digest; None: the file is hashed.

        Raises
        ------
        ArchiveError
            The archive is damaged, or a member may not be unpacked. Nothing of it is left.
        CacheError
            The cache cannot be written.
        """
        try:
            digest = checked_digest(sha1) if sha1 else hash_file(zip_path)
        except OSError as error:
            if isinstance(error, IntegrityError):
                raise
            raise ArchiveError(f"The archive {zip_path} cannot be read: {error}. Fetch it first.") from error
        return archive.unpack(Path(zip_path), digest, self.root)

    def _folder(self, sha1: str) -> Path:
        return self.root / "content" / sha1[:2] / sha1

    def _reference(self, url: str, version_id: str | None) -> Path:
        key = hashlib.sha256(json.dumps([url, version_id or None]).encode()).hexdigest()
        return self.root / "refs" / key[:2] / f"{key}.json"

    def _find_in_content(self, sha1: str, name: str, sha256: str | None) -> Path | None:
        folder = self._folder(sha1)
        target = folder / safe_name(name)
        try:
            source = target if target.is_file() else next(_names(folder), None)
            if source is None or not self._is_sound(source, sha1, sha256):
                return None
        except FileNotFoundError:  # another process took it away meanwhile
            return None
        except OSError as error:
            raise CacheError(f"{folder} cannot be read: {error}. Make it readable, or set BRAINIO_HOME.") from error
        return target if source == target else _link(source, target)

    def _is_sound(self, path: Path, sha1: str, sha256: str | None) -> bool:
        """Whether a file holds what its name promises; asks the record first, the bytes only if that is not enough."""
        fingerprint, record = _fingerprint(path), _read_json(path.parent / _RECORD)
        trusted = all(record.get(field) == value for field, value in fingerprint.items())
        known = record.get("sha256") if trusted else None
        if not trusted and hash_file(path) != sha1:
            self._quarantine(path, sha1, fingerprint)
            return False
        if sha256 is not None and known is None:
            known = hash_file(path, "sha256")
        if not trusted or known != record.get("sha256"):
            with suppress(OSError):  # a cache that cannot be written still serves what is in it
                _write_record(self.root, path.parent, fingerprint, known)
        if sha256 is not None and known != sha256:
            _log.warning("%s has the promised sha1, but the sha256 %s instead of %s", path, known, sha256)
            return False
        return True

    def _quarantine(self, path: Path, sha1: str, fingerprint: _Fingerprint) -> None:
        """Take a bad file, under all of its names, out of the readers' way."""
        if _fingerprint(path) != fingerprint:  # replaced by a good one while this one was hashed
            return
        place = self.root / "quarantine" / f"{sha1}-{secrets.token_hex(4)}"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            for other in list(_names(path.parent)):
                if os.path.samestat(other.stat(), place.stat()):
                    other.unlink()
        except FileNotFoundError:
            return  # another process was first, and said so
        except OSError as error:
            _log.warning("%s no longer holds the bytes with sha1 %s, and cannot be moved away: %s", path, sha1, error)
            return
        _log.warning("%s no longer holds the bytes with sha1 %s; it was moved to %s", path, sha1, place)

    def _write(
        self, chunks: Iterable[bytes], partial: Path, name: str, promised: dict[str, str | None], size: int | None
    ) -> dict[str, str]:
        hashes = {kind: hashlib.new(kind) for kind, digest in promised.items() if digest or kind == "sha1"}
        count = 0
        with writing(self.root, name):
            sink = partial.open("xb")
        with sink:
            for chunk in chunks:
                count += len(chunk)
                if size is not None and count > size:
                    break
                for digest in hashes.values():
                    digest.update(chunk)
                with writing(self.root, name):
                    sink.write(chunk)
            found = {kind: digest.hexdigest() for kind, digest in hashes.items()}
            _require_promised(name, promised, size, found, count)
            with writing(self.root, name):
                sink.flush()
                os.fsync(sink.fileno())
        return found

    def _publish(self, partial: Path, name: str, sha1: str, sha256: str | None) -> Path:
        known = self._find_in_content(sha1, name, sha256)
        if known is not None:
            return known
        folder = self._folder(sha1)
        target = folder / safe_name(name)
        folder.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        fingerprint = None
        while fingerprint != _fingerprint(target):  # another process may have put the same bytes there in between
            fingerprint = _fingerprint(target)
            _write_record(self.root, folder, fingerprint, sha256)
        return target

    def _copied(self, earlier: Path, name: str, sha1: str) -> Path:
        try:
            with earlier.open("rb") as file:
                return self.add(iter(lambda: file.read(_BLOCK), b""), name=name, sha1=sha1)
        except CacheError:
            return earlier


def _require_promised(
    name: str, promised: dict[str, str | None], size: int | None, found: dict[str, str], count: int
) -> None:
    wrong = [] if size is None or size == count else [f"{size} bytes, found {'more' if count > size else count}"]
    if not wrong:
        wrong = [
            f"{kind} {want}, found {found[kind]}" for kind, want in promised.items() if want and want != found[kind]
        ]
    if wrong:
        raise IntegrityError(
            f"{name} is not what was promised: expected {'; '.join(wrong)}. Nothing of it was kept. Try again; if it "
            f"stays so, the location holds other bytes than the catalog says."
        )


def _names(folder: Path) -> Iterator[Path]:
    """Yield the files of a content folder in a fixed order."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name != _RECORD and path.is_file())


def _fingerprint(path: Path) -> _Fingerprint:
    status = path.stat()
    return {"device": status.st_dev, "inode": status.st_ino, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _write_record(root: Path, folder: Path, fingerprint: _Fingerprint, sha256: object) -> None:
    write_in_one_step(root, folder / _RECORD, json.dumps({**fingerprint, "sha256": sha256}))


def _read_json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _link(source: Path, target: Path) -> Path:
    try:
        os.link(source, target)
    except FileExistsError:
        return target
    except OSError:
        return source
    return target
