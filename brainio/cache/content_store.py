"""The verified files of one root, by content: found, hashed where that is needed, taken away when bad, published.

A shelf is the own one, or a read-only one of somebody else; nothing is ever written to the latter, and what was found
out about its files is noted below the own root. Which shelf is asked when is the business of `brainio.cache.content`.
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
from brainio.logs import get_logger

_log = get_logger("brainio.cache")
_said: set[tuple[Path, Fingerprint]] = set()  # what this process said, and tried, of files of read-only shelves

_SETTLING = 0.01  # seconds that another process may need to record a link or rename; hashing takes longer
_RENEWALS = 9  # times that a record is renewed while other processes link the same file


@dataclass(frozen=True, slots=True)
class ContentStore:
    """The files below ``root/content``.

    Attributes
    ----------
    root
        Whose files these are.
    home
        The own root: where notes are written, and everything else if it is ``root``.
    """

    root: Path
    home: Path

    @property
    def is_own(self) -> bool:
        """Whether it may be written."""
        return self.root == self.home

    def folder(self, sha1: str) -> Path:
        """Return where the files of one content lie."""
        return self.root / "content" / sha1[:2] / sha1

    def trusted(self, sha1: str, name: str, sha256: str | None) -> Path | None:
        """Return a file that was verified and has not changed since; reads none of its bytes."""
        with self._reading(sha1):
            target, known = self.folder(sha1) / safe_name(name), None
            for source in self._candidates(target):
                known = self._known(sha1) if known is None else known
                print_ = Fingerprint.of(source)
                if print_ in known and (sha256 is None or known[print_] == sha256):
                    return self._serve(source, target, print_)
        return None

    def checked(self, sha1: str, name: str, sha256: str | None) -> Path | None:
        """Return a file that holds the promised bytes, hashing what is not trusted and taking away what is bad."""
        with self._reading(sha1):
            target = self.folder(sha1) / safe_name(name)
            for source in self._candidates(target):
                with suppress(FileNotFoundError):  # another process took it away meanwhile
                    if (print_ := self._verified_as(source, sha1, sha256)) is not None:
                        return self._serve(source, target, print_)
        return None

    def verified(self, path: Path, sha1: str) -> bool:
        """Hash a file whatever is known of it; note that it is good, or take it away."""
        self._protect(path, sha1)
        print_ = Fingerprint.of(path)
        if hash_file(path) != sha1:
            self._condemn(path, sha1, print_)
            return False
        known = self._known(sha1)
        if print_ not in known:
            self._note(sha1, print_, None)
        return True

    def names(self, sha1: str) -> list[Path]:
        """Return the files of one content in a fixed order."""
        folder = self.folder(sha1)
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if path.name != RECORD and path.is_file())

    def has(self, sha1: str) -> bool:
        """Whether there is a file of that content, whatever its bytes are now; what cannot be read is not there."""
        try:
            return bool(self.names(sha1))
        except OSError:
            return False

    def publish(self, partial: Path, verified_as: Fingerprint, name: str, sha1: str, sha256: str | None) -> Path:
        """Give a file its name; its bytes were hashed and synced when it had that fingerprint.

        Raises
        ------
        FileNotFoundError
            Somebody took the file away before it had its name.
        """
        known = self.trusted(sha1, name, sha256) or self.checked(sha1, name, sha256)
        if known is not None:
            partial.unlink(missing_ok=True)
            return known
        folder = self.folder(sha1)
        target = folder / safe_name(name)
        folder.mkdir(parents=True, exist_ok=True)
        self._note(sha1, verified_as, sha256)
        partial.replace(target)
        self._renew(target, verified_as)
        sync_folder(folder)
        return target

    def link(self, source: Path, verified_as: Fingerprint, name: str, sha1: str) -> Path | None:
        """Give a file outside the cache a name in it; its bytes were hashed when it had that fingerprint.

        Its mode stays, since the file belongs to somebody else as well. None: it was replaced meanwhile.

        Raises
        ------
        OSError
            The file system supports no links here, or the cache cannot be written.
        """
        target = self.folder(sha1) / safe_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:  # another process was first
            return self.trusted(sha1, name, None) or self.checked(sha1, name, None)
        self._note(sha1, verified_as, None)
        if not self._renew(target, verified_as):
            target.unlink(missing_ok=True)
            return None
        sync_folder(target.parent)
        return target

    @contextmanager
    def _reading(self, sha1: str) -> Iterator[None]:
        """Pass over what another process took away; say what cannot be read, of a read-only shelf only once."""
        try:
            yield
        except FileNotFoundError:
            return
        except OSError as error:
            if self.is_own:
                folder = self.folder(sha1)
                raise CacheError(f"{folder} cannot be read: {error}. Make it readable, or set BRAINIO_HOME.") from error
            log_once(self.root, "cannot be read as a whole", f" ({error})")

    def _candidates(self, target: Path) -> Iterator[Path]:
        """Yield the file of that name, then others with the same content."""
        if target.is_file():
            yield target
        yield from (path for path in self.names(target.parent.name) if path != target)

    def _verified_as(self, path: Path, sha1: str, sha256: str | None) -> Fingerprint | None:
        """Return the fingerprint under which a file has the promised bytes, hashed if needed; None: it has others."""
        print_, known = self._settled(path, sha1)
        if (path, print_) in _said:
            return None
        if print_ not in known:
            self._protect(path, sha1)
            print_ = Fingerprint.of(path)
            if hash_file(path) != sha1:
                self._condemn(path, sha1, print_)
                return None
        found = known.get(print_)
        if sha256 is not None and found is None:
            found = hash_file(path, "sha256")
        if print_ not in known or found != known[print_]:
            self._note(sha1, print_, found)
        if sha256 is not None and found != sha256:
            _log.warning("%s has the promised sha1, but the sha256 %s instead of %s", path, found, sha256)
            return None
        return print_

    def _settled(self, path: Path, sha1: str) -> tuple[Fingerprint, dict[Fingerprint, str | None]]:
        """Return a file's fingerprint and its record, when no other process is about to record a link or rename."""
        before, now = None, (Fingerprint.of(path), self._known(sha1))
        for _ in range(_RENEWALS):
            print_, known = now
            if print_ in known or now == before or not any(map(print_.differs_in_ctime_only, known)):
                break
            time.sleep(_SETTLING)
            before, now = now, (Fingerprint.of(path), self._known(sha1))
        return now

    def _protect(self, path: Path, sha1: str) -> None:
        """Make a file of ours read-only that an earlier version of this package, or somebody, left writable.

        A file with a name outside the cache keeps its mode: it belongs to somebody else as well.
        """
        status = path.stat()
        if self.is_own and status.st_mode & WRITE_BITS:
            names = sum(os.path.samestat(other.stat(), status) for other in self.names(sha1))
            if status.st_nlink <= names:
                make_read_only(path)

    def _serve(self, source: Path, target: Path, verified_as: Fingerprint) -> Path:
        """Return a good file under the name that is wanted, as far as it can have that."""
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
        self._renew(target, verified_as)
        return target

    def _known(self, sha1: str) -> dict[Fingerprint, str | None]:
        known = read_record(self.folder(sha1) / RECORD)
        return known if self.is_own else known | read_record(self._notes(sha1))

    def _notes(self, sha1: str) -> Path:
        return self.home / "notes" / sha1[:2] / f"{sha1}.json"

    def _note(self, sha1: str, print_: Fingerprint, sha256: str | None) -> None:
        """Remember what was verified, where that can be written; what is not remembered is hashed again."""
        path = self.folder(sha1) / RECORD if self.is_own else self._notes(sha1)
        # The same file on a machine that gives its disk another number is still verified there.
        known = {
            other: digest
            for other, digest in read_record(path).items()
            if other != print_ and not other.differs_in_ctime_only(print_)
        }
        with suppress(OSError):
            if not self.is_own:
                path.parent.mkdir(parents=True, exist_ok=True)
            write_record(self.home, path, {**known, print_: sha256})

    def _renew(self, path: Path, verified_as: Fingerprint) -> bool:
        """Record the ctime that a file has after this process renamed or linked it; False: it is another file now.

        Processes that link the same file at the same time may overwrite each other's record, hence the loop.
        """
        sha1 = path.parent.name
        with suppress(FileNotFoundError):  # pruned, or never recorded because the cache cannot be written
            for _ in range(_RENEWALS):
                print_, known = Fingerprint.of(path), self._known(sha1)
                if print_._replace(ctime_ns=verified_as.ctime_ns) != verified_as:
                    return False
                if print_ in known:
                    break
                sha256 = next((known[other] for other in known if other.differs_in_ctime_only(print_)), None)
                self._note(sha1, print_, sha256)
        return True

    def _condemn(self, path: Path, sha1: str, print_: Fingerprint) -> None:
        """Take a bad file, under all of its names, out of the readers' way."""
        if Fingerprint.of(path) != print_:  # replaced by a good one while this one was hashed
            return
        if not self.is_own:
            _log.warning("%s no longer holds the bytes with sha1 %s; they are had from elsewhere", path, sha1)
            _said.add((path, print_))
            return
        place = self.root / "quarantine" / f"{sha1}-{secrets.token_hex(4)}"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            for other in self.names(sha1):
                if os.path.samestat(other.stat(), place.stat()):
                    other.unlink()
        except FileNotFoundError:
            return  # another process was first, and said so
        except OSError as error:
            _log.warning("%s no longer holds the bytes with sha1 %s, and cannot be moved away: %s", path, sha1, error)
            return
        _log.warning("%s no longer holds the bytes with sha1 %s; it was moved to %s", path, sha1, place)


RECORD = ".verified.json"
_MOST = 16  # fingerprints in one record


def read_record(path: Path) -> dict[Fingerprint, str | None]:
    """Read which fingerprints were verified, each with its sha256 if that was ever computed.

    Entries without a ctime, which earlier versions wrote, are skipped: their files are hashed once more.
    """
    files = read_json(path).get("files")
    known = {}
    for file in files if isinstance(files, list) else ():
        with suppress(TypeError, KeyError, AttributeError):
            known[Fingerprint(*(file[field] for field in Fingerprint._fields))] = file.get("sha256")
    return known


def write_record(root: Path, path: Path, known: Mapping[Fingerprint, str | None]) -> None:
    """Write which fingerprints were verified, the newest last.

    There are several where one file has another device number on every machine that mounts it, and where one content
    was brought twice at the same time under two names.
    """
    files = [{**print_._asdict(), "sha256": sha256} for print_, sha256 in known.items()]
    write_atomically(root, path, json.dumps({"files": files[-_MOST:]}))
