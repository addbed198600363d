"""The cache: what was fetched before is found by what it holds, what comes in is verified before it has a name.

A file gets its name when its hash was checked and its bytes were synced, in one rename; so whoever finds a name finds
the whole file. Readers take no locks, and writers need none to be right: they only save them work.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from brainio.cache.content_store import ContentStore
from brainio.cache.files import (
    hash_file,
    normalize_digest,
    partial_folder,
    read_json,
    safe_name,
    translate_read_errors,
    translate_write_errors,
    write_atomically,
)
from brainio.cache.incoming_files import Expected, IncomingFile
from brainio.cache.legacy import find_legacy_file
from brainio.cache.unpacked_archives import UnpackedArchive, unpack
from brainio.errors import ArchiveError, BrainioError, CacheError
from brainio.local_files import Fingerprint
from brainio.locks import acquire

_BLOCK = 1024 * 1024


class Cache:
    """Verified local files below one folder, with others' folders in front of it.

    Parameters
    ----------
    root : Path
        The folder that is written; made when something is first written.
    shared : sequence of Path
        Caches of the same layout that are only read, in the order to ask them: a lab's. They may be damaged or gone.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> cache = Cache(pathlib.Path(tempfile.mkdtemp()))
    >>> path = cache.add([b"ab", b"c"], name="a.txt", sha1="a9993e364706816aba3e25717850c26c9cd0d89d")
    >>> path.read_bytes(), cache.find("a9993e364706816aba3e25717850c26c9cd0d89d", "a.txt") == path
    (b'abc', True)
    >>> Cache(pathlib.Path(tempfile.mkdtemp()), [cache.root]).find("a9993e364706816aba3e25717850c26c9cd0d89d", "b.txt")
    PosixPath('...a.txt')
    """

    def __init__(self, root: Path, shared: Sequence[Path] = ()) -> None:
        self.root = Path(root)
        self.shared = tuple(Path(other) for other in shared if Path(other) != self.root)
        self._own = ContentStore(self.root, self.root)
        self._shelves = (*(ContentStore(other, self.root) for other in self.shared), self._own)

    def find(self, sha1: str, name: str, sha256: str | None = None) -> Path | None:
        """Return the verified file with that content, None where there is none.

        A file whose fingerprint is the one it was verified under is trusted. Only if no cache has a trusted one are
        others hashed again; the own ones are moved to ``quarantine/`` if their bytes are no longer the promised ones.
        Content that is here under another name gets this one too (a hard link; where links cannot be, and in a shared
        cache, the existing path is returned). Another process may remove a file that was found (`prune`): whoever
        cannot open it any more asks again.

        Parameters
        ----------
        sha1 : str
            Hex digest that the catalog promises.
        name : str
            The name the file should have; made safe if it is none.
        sha256 : str, optional
            A second promised digest; checked once and recorded.

        Raises
        ------
        IntegrityError
            A promised digest is not one.
        CacheError
            What lies there cannot be read.
        """
        sha1, sha256 = normalize_digest(sha1), sha256 and normalize_digest(sha256, "sha256")
        for ask in (ContentStore.trusted, ContentStore.checked):
            for shelf in self._shelves:
                if (path := ask(shelf, sha1, name, sha256)) is not None:
                    return path
        found = self.adopt(name, sha1)
        with translate_read_errors(f"{name} below {self.root}"), suppress(FileNotFoundError):  # taken away again
            return None if found is None or (sha256 and hash_file(found, "sha256") != sha256) else found
        return None

    def has(self, sha1: str) -> bool:
        """Whether there is a file that once had that content; whether it still has is not looked at.

        Raises
        ------
        IntegrityError
            The digest is none.
        """
        digest = normalize_digest(sha1)
        return any(shelf.has(digest) for shelf in self._shelves)

    @contextmanager
    def receive(
        self,
        *,
        name: str,
        sha1: str | None = None,
        sha256: str | None = None,
        size: int | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> Iterator[IncomingFile]:
        """Receive bytes, verified as they come; go on where an earlier try for the same digest stopped.

        Whoever leaves the block without `Incoming.finish`, by an error or by being killed, leaves what was received
        to the next try if a digest was promised. One process receives while the others wait for it and have what it
        brought in `Incoming.found`, as far as locks work here and the one makes progress
        (`brainio.locks.STALLED`).

        Parameters
        ----------
        name : str
            The name the file should have; made safe if it is none.
        sha1, sha256, size
            What was promised, as far as it was; size in bytes.
        check : function
            Called again and again while another process is waited for; what it raises ends the waiting.

        Raises
        ------
        IntegrityError
            A promised digest is not one.
        CacheError
            The cache cannot be written, or has no room for that size.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> cache, sha1 = Cache(pathlib.Path(tempfile.mkdtemp())), "a9993e364706816aba3e25717850c26c9cd0d89d"
        >>> with cache.receive(name="a.txt", sha1=sha1) as incoming:
        ...     incoming.write(b"ab")  # and then the connection breaks
        >>> with cache.receive(name="a.txt", sha1=sha1) as incoming:
        ...     resumed_at = incoming.offset
        ...     incoming.write(b"c")
        ...     path = incoming.finish()
        >>> resumed_at, path.read_bytes()
        (2, b'abc')
        """
        promise = Expected.of(name, sha1, sha256, size)
        with translate_write_errors(self.root, name):
            folder = partial_folder(self.root)
        lock = acquire(folder, promise.key, check) if promise.key else None
        try:
            with self._incoming(promise, promise.key) as incoming:
                incoming.found = self._promised(promise)
                if incoming.found is None:
                    incoming.begin(alone=lock is None)
                yield incoming
        finally:
            if lock is not None:
                lock.release()

    def add(
        self,
        chunks: Iterable[bytes],
        *,
        name: str,
        sha1: str | None = None,
        sha256: str | None = None,
        size: int | None = None,
    ) -> Path:
        """Write bytes to the cache, hashing them as they come, and return the file; waits for nobody.

        Parameters
        ----------
        chunks : iterable of bytes
            The bytes in order. What this raises is passed on, and nothing is left then.
        name : str
            The name the file should have; made safe if it is none.
        sha1, sha256, size
            What was promised, as far as it was; size in bytes.

        Raises
        ------
        IntegrityError
            The bytes are not the promised ones. Nothing is left of them.
        CacheError
            The cache cannot be written.
        """
        with self._incoming(Expected.of(name, sha1, sha256, size), "") as incoming:
            incoming.begin(alone=True)
            for chunk in chunks:
                incoming.write(chunk)
            return incoming.finish()

    def adopt(self, name: str, sha1: str) -> Path | None:
        """Take over a file that `brainscore-brainio` left below the root, if it has that name and content.

        The file stays where it is and keeps its mode; the cache gets a hard link to it (a copy where links cannot be).
        On a root that cannot be written the file itself is returned.
        """
        sha1 = normalize_digest(sha1)
        found = find_legacy_file(self.root, safe_name(name), sha1)
        if found is None:
            return None
        earlier, verified_as = found
        try:
            return self._own.link(earlier, verified_as, name, sha1)
        except OSError:
            return self._copied(earlier, name, sha1)

    def record_location(self, url: str, version_id: str | None, sha1: str, name: str) -> None:
        """Note which content a location gave for which no hash was promised.

        Raises
        ------
        CacheError
            The cache cannot be written.
        """
        # Not the URL itself, which may hold a password: the reference is found by its hash.
        reference = {"version_id": version_id, "sha1": normalize_digest(sha1), "name": name}
        path = self.root / _reference(url, version_id)
        with translate_write_errors(self.root, f"The reference of {name}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.root, path, json.dumps(reference))

    def find_by_location(
        self,
        url: str,
        version_id: str | None,
        sha256: str | None = None,
        accepts: Callable[[Path], bool] = lambda _: True,
    ) -> Path | None:
        """Return the verified file that a location gave before, None where it gave none or the file is gone.

        Where a sha256 is promised, a file with another one is none; neither is one that `accepts` refuses.
        """
        for root in (self.root, *self.shared):  # a file that was fetched again is here
            reference = read_json(root / _reference(url, version_id))
            sha1, name = reference.get("sha1"), reference.get("name")
            if isinstance(sha1, str) and isinstance(name, str):
                path = self.find(sha1, name, sha256)
                if path is not None and accepts(path):
                    return path
        return None

    def find_sha1(self, url: str, version_id: str | None) -> str | None:
        """Return the sha1 of what a location gave before, if that is here; whether its bytes are good is not asked."""
        references = (read_json(root / _reference(url, version_id)) for root in (self.root, *self.shared))
        found = (reference.get("sha1") for reference in references)
        return next((sha1 for sha1 in found if isinstance(sha1, str) and self.has(sha1)), None)

    def unpack(self, zip_path: Path, sha1: str | None = None) -> UnpackedArchive:
        """Unpack a ZIP archive, or return what was unpacked of the same content before, here or in a shared cache.

        One process unpacks while the others wait for it, as far as locks work here. What is unpacked is not synced
        file by file: `Unpacked.path` notices a member that a loss of power, or somebody, took away or cut.

        Parameters
        ----------
        zip_path : Path
            The archive.
        sha1 : str, optional
            Its verified digest; None: the file is hashed.

        Raises
        ------
        ArchiveError
            The archive is damaged, or a member may not be unpacked, or it would grow beyond all reason. Nothing of it
            is left.
        CacheError
            The cache cannot be written.
        """
        try:
            with translate_read_errors(f"The archive {zip_path}"):
                digest = normalize_digest(sha1) if sha1 else hash_file(zip_path)
        except BrainioError:
            raise
        except OSError as error:  # not there, or not a file
            raise ArchiveError(f"The archive {zip_path} cannot be read: {error}. Fetch it first.") from error
        return unpack(Path(zip_path), digest, self.root, self.shared)

    @contextmanager
    def _incoming(self, promise: Expected, key: str) -> Iterator[IncomingFile]:
        def publish(partial: Path, verified_as: Fingerprint, digests: dict[str, str]) -> Path:
            path = self._own.publish(partial, verified_as, promise.name, digests["sha1"], digests.get("sha256"))
            if not promise.sha1 and promise.sha256:
                self.record_location(promise.key, None, digests["sha1"], promise.name)
            return path

        incoming = IncomingFile(self.root, promise, key, publish)
        try:
            yield incoming
        finally:
            incoming.leave()

    def _promised(self, promise: Expected) -> Path | None:
        """Return the file if it is here; content is found by sha1, and by sha256 alone where that was received so."""
        if promise.sha1:
            path = self.find(promise.sha1, promise.name, promise.sha256)
        else:
            path = self.find_by_location(promise.key, None, promise.sha256) if promise.key else None
        with suppress(FileNotFoundError):  # taken away again
            if path is not None and promise.size in (None, path.stat().st_size):
                return path
        return None

    def _copied(self, earlier: Path, name: str, sha1: str) -> Path | None:
        try:
            with earlier.open("rb") as file:
                return self.add(iter(lambda: file.read(_BLOCK), b""), name=name, sha1=sha1)
        except CacheError:
            return earlier
        except OSError:  # it was taken away or changed since it was hashed
            return None


def _reference(url: str, version_id: str | None) -> Path:
    key = hashlib.sha256(json.dumps([url, version_id or None]).encode()).hexdigest()
    return Path("refs", key[:2], f"{key}.json")
