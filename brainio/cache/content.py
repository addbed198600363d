"""The cache: verified local files, found by the digest of their bytes.

A file gets its final name by one atomic rename, after its digest was checked and its bytes were synced. A file with a
final name is therefore complete. Readers take no locks. Writers take locks only to avoid duplicate work; correctness
does not depend on them.
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
from brainio.cache.incoming_files import ExpectedContent, IncomingFile
from brainio.cache.unpacked_archives import UnpackedArchive, unpack
from brainio.errors import ArchiveError, BrainioError, CacheError
from brainio.local_files import Fingerprint
from brainio.locks import acquire

_BLOCK = 1024 * 1024


class Cache:
    """Verified local files in one folder, preceded by read-only shared caches.

    Parameters
    ----------
    root : Path
        The folder for new files; created at the first write.
    shared : sequence of Path
        Read-only caches of the same layout, such as a lab's, in order of lookup. They may be damaged or missing.

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
        self.shared = tuple(Path(folder) for folder in shared if Path(folder) != self.root)
        self._own = ContentStore(self.root, self.root)
        self._stores = (*(ContentStore(folder, self.root) for folder in self.shared), self._own)

    def find(self, sha1: str, name: str, sha256: str | None = None) -> Path | None:
        """Return the verified file with a given digest; None if no cache has these bytes.

        A file whose fingerprint matches its record is trusted. Other files are hashed again, but only if no cache has a
        trusted one. A file in the own cache whose bytes are wrong is moved to ``quarantine/``.

        A file with the right bytes and another name gets this name too, as a hard link. In a shared cache, and where
        links are unsupported, the existing path is returned. Another process may remove the returned file (`prune`); if
        opening it fails, call this again.

        Parameters
        ----------
        sha1 : str
            Expected hex digest, from the catalog.
        name : str
            The name of the file; unsafe characters are replaced.
        sha256 : str, optional
            A second expected digest; checked once and recorded.

        Raises
        ------
        IntegrityError
            An expected digest is malformed.
        CacheError
            The cache is not readable.
        """
        sha1, sha256 = normalize_digest(sha1), sha256 and normalize_digest(sha256, "sha256")
        for find in (ContentStore.find_trusted, ContentStore.find_verified):
            for store in self._stores:
                if (path := find(store, sha1, name, sha256)) is not None:
                    return path
        adopted = self.adopt(name, sha1)
        with translate_read_errors(f"{name} in {self.root}"), suppress(FileNotFoundError):  # removed by another process
            return None if adopted is None or (sha256 and hash_file(adopted, "sha256") != sha256) else adopted
        return None

    def has(self, sha1: str) -> bool:
        """Return whether the cache has a file for a digest, without verifying its bytes.

        Raises
        ------
        IntegrityError
            The digest is malformed.
        """
        digest = normalize_digest(sha1)
        return any(store.has(digest) for store in self._stores)

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
        """Receive bytes, hash them as they arrive, and resume an interrupted attempt for the same digest.

        If the block ends without `IncomingFile.finish`, by an error or because the process was killed, the received
        bytes stay for the next attempt, provided that a digest is expected. One process receives a file; others wait
        for it and get the path in `IncomingFile.found`. They stop waiting if locks are unsupported or if the first
        process makes no progress (`brainio.locks.STALLED`).

        Parameters
        ----------
        name : str
            The name of the file; unsafe characters are replaced.
        sha1, sha256, size
            Expected values, as far as they are known; size in bytes.
        check : function
            Called repeatedly while this waits for another process; an exception that it raises ends the wait.

        Raises
        ------
        IntegrityError
            An expected digest is malformed.
        CacheError
            The cache is not writable, or lacks the space for that size.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> cache, sha1 = Cache(pathlib.Path(tempfile.mkdtemp())), "a9993e364706816aba3e25717850c26c9cd0d89d"
        >>> with cache.receive(name="a.txt", sha1=sha1) as incoming:
        ...     incoming.write(b"ab")  # then the connection breaks
        >>> with cache.receive(name="a.txt", sha1=sha1) as incoming:
        ...     resumed_at = incoming.offset
        ...     incoming.write(b"c")
        ...     path = incoming.finish()
        >>> resumed_at, path.read_bytes()
        (2, b'abc')
        """
        expected = ExpectedContent.of(name, sha1, sha256, size)
        with translate_write_errors(self.root, name):
            folder = partial_folder(self.root)
        lock = acquire(folder, expected.key, check) if expected.key else None
        try:
            with self._incoming(expected, expected.key) as incoming:
                incoming.found = self._find_expected(expected)
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
        """Write bytes to the cache, hash them as they arrive, and return the file; never waits for a lock.

        Parameters
        ----------
        chunks : iterable of bytes
            The bytes in order. If this raises an exception, the bytes are deleted and the exception propagates.
        name : str
            The name of the file; unsafe characters are replaced.
        sha1, sha256, size
            Expected values, as far as they are known; size in bytes.

        Raises
        ------
        IntegrityError
            The bytes differ from the expected ones; they are deleted.
        CacheError
            The cache is not writable.
        """
        with self._incoming(ExpectedContent.of(name, sha1, sha256, size), "") as incoming:
            incoming.begin(alone=True)
            for chunk in chunks:
                incoming.write(chunk)
            return incoming.finish()

    def adopt(self, name: str, sha1: str) -> Path | None:
        """Adopt a file that `brainscore-brainio` left below the root, if it has that name and digest.

        The file keeps its place and mode. The cache gets a hard link to it, or a copy where links are unsupported. If
        the root is read-only, the original path is returned.
        """
        sha1 = normalize_digest(sha1)
        match = _find_legacy_file(self.root, safe_name(name), sha1)
        if match is None:
            return None
        legacy_file, verified_as = match
        try:
            return self._own.link(legacy_file, verified_as, name, sha1)
        except OSError:
            return self._add_copy(legacy_file, name, sha1)

    def record_location(self, url: str, version_id: str | None, sha1: str, name: str) -> None:
        """Record the digest of the content that a location returned, for locations without an expected digest.

        Raises
        ------
        CacheError
            The cache is not writable.
        """
        # The URL may contain a password, so only its hash is stored.
        reference = {"version_id": version_id, "sha1": normalize_digest(sha1), "name": name}
        path = self.root / _reference_path(url, version_id)
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
        """Return the verified file that a location returned before; None if no cache has a suitable one.

        A file is skipped if it has another sha256 than expected, or if `accepts` returns False.
        """
        for root in (self.root, *self.shared):  # the own cache first: it has refreshed files
            reference = read_json(root / _reference_path(url, version_id))
            sha1, name = reference.get("sha1"), reference.get("name")
            if isinstance(sha1, str) and isinstance(name, str):
                path = self.find(sha1, name, sha256)
                if path is not None and accepts(path):
                    return path
        return None

    def find_sha1(self, url: str, version_id: str | None) -> str | None:
        """Return the recorded sha1 of a location if the cache has such a file, without verifying its bytes."""
        references = (read_json(root / _reference_path(url, version_id)) for root in (self.root, *self.shared))
        digests = (reference.get("sha1") for reference in references)
        return next((sha1 for sha1 in digests if isinstance(sha1, str) and self.has(sha1)), None)

    def unpack(self, zip_path: Path, sha1: str | None = None) -> UnpackedArchive:
        """Unpack a ZIP archive, or return its existing unpacked copy from this or a shared cache.

        One process unpacks an archive while others wait for it, where locks work. Members are not synced one by one:
        `UnpackedArchive.path` detects a member that is missing or was cut, for example by a power failure.

        Parameters
        ----------
        zip_path : Path
            The archive.
        sha1 : str, optional
            Its verified digest; by default, the file is hashed.

        Raises
        ------
        ArchiveError
            The archive is damaged or too large, or has an unsafe member. Nothing is unpacked.
        CacheError
            The cache is not writable.
        """
        try:
            with translate_read_errors(f"The archive {zip_path}"):
                digest = normalize_digest(sha1) if sha1 else hash_file(zip_path)
        except BrainioError:
            raise
        except OSError as error:  # missing, or not a file
            raise ArchiveError(f"The archive {zip_path} is not readable: {error}. Fetch it first.") from error
        return unpack(Path(zip_path), digest, self.root, self.shared)

    @contextmanager
    def _incoming(self, expected: ExpectedContent, key: str) -> Iterator[IncomingFile]:
        def move_into_place(partial: Path, verified_as: Fingerprint, digests: dict[str, str]) -> Path:
            path = self._own.publish(partial, verified_as, expected.name, digests["sha1"], digests.get("sha256"))
            if not expected.sha1 and expected.sha256:
                self.record_location(expected.key, None, digests["sha1"], expected.name)
            return path

        incoming = IncomingFile(self.root, expected, key, move_into_place)
        try:
            yield incoming
        finally:
            incoming.close()

    def _find_expected(self, expected: ExpectedContent) -> Path | None:
        """Return the file if the cache has it; a file known by sha256 alone is found through its recorded location."""
        if expected.sha1:
            path = self.find(expected.sha1, expected.name, expected.sha256)
        else:
            path = self.find_by_location(expected.key, None, expected.sha256) if expected.key else None
        with suppress(FileNotFoundError):  # removed by another process
            if path is not None and expected.size in (None, path.stat().st_size):
                return path
        return None

    def _add_copy(self, path: Path, name: str, sha1: str) -> Path | None:
        try:
            with path.open("rb") as file:
                return self.add(iter(lambda: file.read(_BLOCK), b""), name=name, sha1=sha1)
        except CacheError:
            return path
        except OSError:  # removed or changed since it was hashed
            return None


def _find_legacy_file(root: Path, name: str, sha1: str) -> tuple[Path, Fingerprint] | None:
    """Return the file that the previous implementation stored under a name, and the fingerprint it was hashed under.

    `brainscore-brainio` 1.1.0 stored the file NAME in a folder named like the file without its last extension:
    ``assy_lab_A/assy_lab_A.nc``. Return None if there is no such file, if it has other bytes, or if it is unreadable or
    removed meanwhile.
    """
    stem = Path(name).stem
    if not stem:
        return None
    try:
        path = root / stem / name
        if not path.is_file():
            return None
        path = path.resolve()  # a hard link to a symbolic link would not refer to the bytes
        hashed_as = Fingerprint.of(path)
        return (path, hashed_as) if hash_file(path) == sha1 else None
    except OSError:
        return None


def _reference_path(url: str, version_id: str | None) -> Path:
    key = hashlib.sha256(json.dumps([url, version_id or None]).encode()).hexdigest()
    return Path("refs", key[:2], f"{key}.json")
