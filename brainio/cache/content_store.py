"""The content store of one root: verified files, stored by their sha1.

A store belongs either to the own cache or to a shared, read-only one. Nothing is written to a shared cache: records
about its files go to ``notes/`` below the own root. `brainio.cache.content` decides the order in which stores are
searched.

Each content has a record: the fingerprints under which its files were verified, and the time of its last use. A record
may be lost, damaged or overwritten by another process at any time: the cost is one more hash, never a wrong answer.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from brainio.cache.files import (
    WRITE_BITS,
    hash_file,
    log_once,
    make_read_only,
    read_json,
    record_use,
    safe_name,
    write_atomically,
)
from brainio.errors import CacheError
from brainio.local_files import Fingerprint, sync_folder
from brainio.text import get_logger

_log = get_logger("brainio.cache")
_known_bad: set[tuple[Path, Fingerprint]] = set()  # damaged files of shared caches, already reported

_SETTLING = 0.01  # seconds: another process records its link or rename within this time; hashing takes longer
_ATTEMPTS = 9  # attempts to update a record while other processes link the same file


@dataclass(frozen=True, slots=True)
class ContentStore:
    """The files in ``root/content``.

    Attributes
    ----------
    root
        The cache of these files.
    home
        The own root, for notes on files of shared caches; the same as ``root`` if the store is writable.
    """

    root: Path
    home: Path

    @property
    def is_own(self) -> bool:
        """Whether this store is writable."""
        return self.root == self.home

    def folder(self, sha1: str) -> Path:
        """Return the folder of a content."""
        return self.root / "content" / sha1[:2] / sha1

    def find_trusted(self, sha1: str, name: str, sha256: str | None) -> Path | None:
        """Return a file whose fingerprint matches its record; reads none of its bytes."""
        with self._handling_errors(sha1):
            target, known = self.folder(sha1) / safe_name(name), None
            for source in self._candidates(target):
                known = self._read_records(sha1) if known is None else known
                fingerprint = Fingerprint.of(source)
                if fingerprint in known and (sha256 is None or known[fingerprint] == sha256):
                    return self._under_name(source, target, fingerprint)
        return None

    def find_verified(self, sha1: str, name: str, sha256: str | None) -> Path | None:
        """Return a file with the expected bytes; hash the untrusted ones and quarantine the wrong ones."""
        with self._handling_errors(sha1):
            target = self.folder(sha1) / safe_name(name)
            for source in self._candidates(target):
                with suppress(FileNotFoundError):  # removed by another process
                    if (fingerprint := self._verify_if_untrusted(source, sha1, sha256)) is not None:
                        return self._under_name(source, target, fingerprint)
        return None

    def verify(self, path: Path, sha1: str) -> bool:
        """Hash a file regardless of its record; record a match, quarantine a mismatch."""
        fingerprint = self._hash(path, sha1)
        if fingerprint is None:
            return False
        if fingerprint not in self._read_records(sha1):
            self._record(sha1, fingerprint, None)
        return True

    def names(self, sha1: str) -> list[Path]:
        """Return the files of a content in a fixed order."""
        folder = self.folder(sha1)
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if path.name != RECORD and path.is_file())

    def has(self, sha1: str) -> bool:
        """Return whether a content has a file, without verifying its bytes; an unreadable folder counts as empty."""
        try:
            return bool(self.names(sha1))
        except OSError:
            return False

    def publish(self, partial: Path, verified_as: Fingerprint, name: str, sha1: str, sha256: str | None) -> Path:
        """Move a file to its final name; its bytes were hashed and synced under the given fingerprint.

        Raises
        ------
        FileNotFoundError
            Another process removed the file before it got its name.
        """
        known = self.find_trusted(sha1, name, sha256) or self.find_verified(sha1, name, sha256)
        if known is not None:
            partial.unlink(missing_ok=True)
            return known
        folder = self.folder(sha1)
        target = folder / safe_name(name)
        folder.mkdir(parents=True, exist_ok=True)
        self._record(sha1, verified_as, sha256)
        partial.replace(target)
        self._record_new_ctime(target, verified_as)
        sync_folder(folder)
        return target

    def link(self, source: Path, verified_as: Fingerprint, name: str, sha1: str) -> Path | None:
        """Link a file from outside the cache into it; its bytes were hashed under the given fingerprint.

        The mode stays, since the file also belongs to its owner outside. Return None if the file was replaced
        meanwhile.

        Raises
        ------
        OSError
            The file system does not support links, or the cache is not writable.
        """
        target = self.folder(sha1) / safe_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:  # another process was first
            return self.find_trusted(sha1, name, None) or self.find_verified(sha1, name, None)
        self._record(sha1, verified_as, None)
        if not self._record_new_ctime(target, verified_as):
            target.unlink(missing_ok=True)
            return None
        sync_folder(target.parent)
        return target

    @contextmanager
    def _handling_errors(self, sha1: str) -> Iterator[None]:
        """Ignore missing files; raise CacheError if the own store is unreadable, log it once for a shared one."""
        try:
            yield
        except FileNotFoundError:
            return
        except OSError as error:
            if self.is_own:
                folder = self.folder(sha1)
                raise CacheError(
                    f"{folder} is not readable: {error}. Make it readable, or set BRAINIO_HOME to another folder."
                ) from error
            log_once(self.root, "is not completely readable", f" ({error})")

    def _candidates(self, target: Path) -> Iterator[Path]:
        """Yield the file of that name, then the other files of the same content."""
        if target.is_file():
            yield target
        yield from (path for path in self.names(target.parent.name) if path != target)

    def _verify_if_untrusted(self, path: Path, sha1: str, sha256: str | None) -> Fingerprint | None:
        """Return the fingerprint under which a file has the expected bytes, hash it if needed; None if it differs."""
        fingerprint, known = self._read_settled(path, sha1)
        if (path, fingerprint) in _known_bad:
            return None
        if fingerprint not in known:
            hashed = self._hash(path, sha1)
            if hashed is None:
                return None
            fingerprint = hashed
        found = known.get(fingerprint)
        if sha256 is not None and found is None:
            found = hash_file(path, "sha256")
        if fingerprint not in known or found != known[fingerprint]:
            self._record(sha1, fingerprint, found)
        if sha256 is not None and found != sha256:
            _log.warning("%s has the expected sha1, but the sha256 %s instead of %s", path, found, sha256)
            return None
        return fingerprint

    def _hash(self, path: Path, sha1: str) -> Fingerprint | None:
        """Hash a file; return the fingerprint under which it has the expected bytes, or quarantine it."""
        self._protect(path, sha1)
        fingerprint = Fingerprint.of(path)
        if hash_file(path) == sha1:
            return fingerprint
        self._quarantine(path, sha1, fingerprint)
        return None

    def _read_settled(self, path: Path, sha1: str) -> tuple[Fingerprint, dict[Fingerprint, str | None]]:
        """Return the fingerprint and record of a file once no other process is about to record a link or rename."""
        before, now = None, (Fingerprint.of(path), self._read_records(sha1))
        for _ in range(_ATTEMPTS):
            fingerprint, known = now
            if fingerprint in known or now == before or not any(map(fingerprint.differs_in_ctime_only, known)):
                break
            time.sleep(_SETTLING)
            before, now = now, (Fingerprint.of(path), self._read_records(sha1))
        return now

    def _protect(self, path: Path, sha1: str) -> None:
        """Remove the write permission of a file of the own cache.

        A file with a name outside the cache keeps its mode, since it also belongs to its owner there.
        """
        status = path.stat()
        if self.is_own and status.st_mode & WRITE_BITS:
            names = sum(os.path.samestat(other.stat(), status) for other in self.names(sha1))
            if status.st_nlink <= names:
                make_read_only(path)

    def _under_name(self, source: Path, target: Path, verified_as: Fingerprint) -> Path:
        """Return a verified file, under the requested name if possible."""
        if not self.is_own:
            return source
        record_use(target.parent / RECORD)
        if source == target:
            return source
        try:
            os.link(source, target)
        except FileExistsError:
            return target
        except OSError:
            return source
        self._record_new_ctime(target, verified_as)
        return target

    def _read_records(self, sha1: str) -> dict[Fingerprint, str | None]:
        known = read_record(self.folder(sha1) / RECORD)
        return known if self.is_own else known | read_record(self._notes_path(sha1))

    def _notes_path(self, sha1: str) -> Path:
        """Return the path of the own record about a file of a shared cache."""
        return self.home / "notes" / sha1[:2] / f"{sha1}.json"

    def _record(self, sha1: str, fingerprint: Fingerprint, sha256: str | None) -> None:
        """Record a verified fingerprint if the record is writable; otherwise the file is hashed again next time."""
        path = self.folder(sha1) / RECORD if self.is_own else self._notes_path(sha1)
        # Keep fingerprints from machines that use another device number for the same disk.
        known = {
            other: digest
            for other, digest in read_record(path).items()
            if other != fingerprint and not other.differs_in_ctime_only(fingerprint)
        }
        with suppress(OSError):
            if not self.is_own:
                path.parent.mkdir(parents=True, exist_ok=True)
            write_record(self.home, path, {**known, fingerprint: sha256})

    def _record_new_ctime(self, path: Path, verified_as: Fingerprint) -> bool:
        """Record the ctime of a file after this process renamed or linked it; return False if the file was replaced.

        Processes that link the same file at the same time may overwrite each other's record, hence the loop.
        """
        sha1 = path.parent.name
        with suppress(FileNotFoundError):  # pruned, or never recorded because the cache is not writable
            for _ in range(_ATTEMPTS):
                fingerprint, known = Fingerprint.of(path), self._read_records(sha1)
                if fingerprint._replace(ctime_ns=verified_as.ctime_ns) != verified_as:
                    return False
                if fingerprint in known:
                    break
                sha256 = next((known[other] for other in known if other.differs_in_ctime_only(fingerprint)), None)
                self._record(sha1, fingerprint, sha256)
        return True

    def _quarantine(self, path: Path, sha1: str, fingerprint: Fingerprint) -> None:
        """Move a damaged file to quarantine, and remove all its names."""
        if Fingerprint.of(path) != fingerprint:  # replaced by a good one while this was hashed
            return
        if not self.is_own:
            _log.warning("%s no longer has the sha1 %s; the bytes are taken from another cache or fetched", path, sha1)
            _known_bad.add((path, fingerprint))
            return
        place = self.root / "quarantine" / f"{sha1}-{secrets.token_hex(4)}"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            for other in self.names(sha1):
                if os.path.samestat(other.stat(), place.stat()):
                    other.unlink()
        except FileNotFoundError:
            return  # another process was first, and logged it
        except OSError as error:
            _log.warning("%s no longer has the sha1 %s, and could not be moved to quarantine: %s", path, sha1, error)
            return
        _log.warning("%s no longer has the sha1 %s; it was moved to %s", path, sha1, place)


RECORD = ".verified.json"
_MAX_FINGERPRINTS = 16  # fingerprints in one record


def read_record(path: Path) -> dict[Fingerprint, str | None]:
    """Read the verified fingerprints, each with its sha256 if that was computed.

    Records of previous versions lack the ctime. They are skipped, so their files are hashed once more.
    """
    files = read_json(path).get("files")
    known = {}
    for file in files if isinstance(files, list) else ():
        with suppress(TypeError, KeyError, AttributeError):
            known[Fingerprint(*(file[field] for field in Fingerprint._fields))] = file.get("sha256")
    return known


def write_record(root: Path, path: Path, known: Mapping[Fingerprint, str | None]) -> None:
    """Write the verified fingerprints, the newest last.

    A record has several if machines mount the disk under different device numbers, or if two processes stored the same
    content under two names at the same time.
    """
    files = [{**fingerprint._asdict(), "sha256": sha256} for fingerprint, sha256 in known.items()]
    write_atomically(root, path, json.dumps({"files": files[-_MAX_FINGERPRINTS:]}))
