"""Files being received into the cache: written and hashed as bytes arrive, resumed after an interruption.

Each file in ``partial/`` is written by a single process under a unique name, so its bytes are those that were hashed,
even where locks do not work. An abandoned file is taken over by an atomic rename, which succeeds for one process only.
The file of a killed process is copied instead, since that process may still be running on another machine.
"""

import hashlib
import io
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from brainio.cache.files import make_read_only, new_partial, normalize_digest, translate_write_errors
from brainio.errors import CacheError, IntegrityError
from brainio.local_files import Fingerprint
from brainio.locks import LOCK, Heartbeat

_ABANDONED = ".part"  # suffix of an abandoned file
_TRIES = 9
Publish = Callable[[Path, Fingerprint, dict[str, str]], Path]
BLOCK = 1024 * 1024  # bytes: smaller blocks are hashed in the calling thread
_MAX_QUEUED = 8  # blocks that may wait for each digest; limits memory
SYNC_INTERVAL = 64 * 1024 * 1024  # bytes between syncs: at most twice as many are unsynced


@dataclass(frozen=True, slots=True)
class ExpectedContent:
    """The expected name, digests and size of a file, as far as they are known."""

    name: str
    sha1: str | None
    sha256: str | None
    size: int | None

    @classmethod
    def of(cls, name: str, sha1: str | None, sha256: str | None, size: int | None) -> "ExpectedContent":
        """Describe the expected content of a file; raise IntegrityError if a digest is malformed."""
        return cls(name, sha1 and normalize_digest(sha1), sha256 and normalize_digest(sha256, "sha256"), size)

    @property
    def digests(self) -> dict[str, str]:
        """The expected digests by kind."""
        return {kind: digest for kind, digest in (("sha1", self.sha1), ("sha256", self.sha256)) if digest}

    @property
    def key(self) -> str:
        """The lock key, shared by all processes that fetch the same bytes; empty without a digest."""
        return next((f"{kind}-{digest}" for kind, digest in self.digests.items()), "")

    def differences(self, found: dict[str, str], count: int) -> list[str]:
        """List the differences from the expected values; a wrong size is reported alone."""
        if self.size is not None and self.size != count:
            return [f"{self.size} bytes, found {'more' if count > self.size else count}"]
        return [f"{kind} {want}, found {found[kind]}" for kind, want in self.digests.items() if want != found[kind]]


class Hasher:
    """Compute several digests of the same bytes, each in its own thread.

    Parameters
    ----------
    kinds
        Names that hashlib knows.

    Examples
    --------
    >>> hasher = Hasher(["sha1"])
    >>> hasher.update(b"ab")
    >>> hasher.update(b"c")
    >>> hasher.hexdigests()
    {'sha1': 'a9993e364706816aba3e25717850c26c9cd0d89d'}
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._digests = {kind: hashlib.new(kind) for kind in kinds}
        self._threads: list[ThreadPoolExecutor] = []
        self._waiting: deque[Future[None]] = deque()

    def update(self, block: bytes) -> None:
        """Hash the next bytes, which must not change any more; wait if the threads fall behind."""
        if len(block) < BLOCK:
            self._wait(0)
            for digest in self._digests.values():
                digest.update(block)
            return
        if not self._threads:
            self._threads = [ThreadPoolExecutor(1, "brainio-hash") for _ in self._digests]
        for thread, digest in zip(self._threads, self._digests.values(), strict=True):
            self._waiting.append(thread.submit(digest.update, block))
        self._wait(_MAX_QUEUED * len(self._digests))

    def hexdigests(self) -> dict[str, str]:
        """Return the digests of all bytes so far; more may follow."""
        self._wait(0)
        return {kind: digest.hexdigest() for kind, digest in self._digests.items()}

    def close(self) -> None:
        """Stop the threads."""
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)
        self._threads = []

    def _wait(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()


class _Syncer:
    """Sync a growing file in a background thread, so that the last sync is short and overlaps with the transfer.

    Parameters
    ----------
    descriptor : int
        Descriptor of the open file; may be closed after `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self._written = 0

    def note_written(self, count: int) -> None:
        """Count written bytes; may wait for the previous sync.

        Raises
        ------
        OSError
            Earlier bytes could not be synced.
        """
        self._written += count
        if self._written < SYNC_INTERVAL:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "brainio-sync")
        if self._running is not None:
            self._running.result()
        self._running, self._written = self._thread.submit(os.fsync, self._descriptor), 0

    def finish(self) -> None:
        """Verify size and digests, then move the file to its final name atomically.

        Raises
        ------
        OSError
            The sync failed.
        """
        if self._running is not None:
            self._running.result()
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Stop the thread."""
        if self._thread is not None:
            self._thread.shutdown()


class IncomingFile:
    """A file being received; created by `brainio.cache.Cache.receive`.

    Attributes
    ----------
    found : Path or None
        The verified file, if the cache already has it: another process received it meanwhile, or a previous one
        stopped after the last byte. There is nothing to write then.
    """

    def __init__(self, root: Path, expected: ExpectedContent, key: str, publish: Publish) -> None:
        self.found: Path | None = None
        self._root, self._expected, self._key, self._publish = root, expected, key, publish
        self._path = Path()
        self._file: io.FileIO | None = None
        self._heartbeat = Heartbeat(self._path)
        self._hasher, self._syncer = Hasher(()), _Syncer(-1)
        self._count = self._buffered = 0
        self._blocks: list[bytes] = []

    @property
    def is_verifiable(self) -> bool:
        """Whether an expected digest can verify the bytes."""
        return bool(self._key)

    @property
    def offset(self) -> int:
        """The number of bytes received, including those of a previous attempt; the transfer resumes here."""
        return self._count + self._buffered

    def begin(self, *, alone: bool) -> None:
        """Open a file to write to and take over previous bytes; without ``alone``, only abandoned files."""
        with translate_write_errors(self._root, self._expected.name):
            self._open()
            if self._key:
                self._resume(leftovers(self._path.parent, self._key, dead=not alone, but=self._path))
        if self.found is None:
            self._require_space()

    def write(self, block: bytes) -> None:
        """Write the next bytes, which must not change any more: another thread hashes them.

        Raises
        ------
        IntegrityError
            There are more bytes than expected. All of them are deleted.
        CacheError
            The cache is not writable. All bytes are deleted, which frees space on a full disk.
        """
        self._require_open()
        self._blocks.append(block)
        self._buffered += len(block)
        if self._expected.size is not None and self.offset > self._expected.size:
            self._refuse(self._expected.differences({}, self.offset))
        if self._buffered >= BLOCK:
            self._flush()

    def signal_progress(self) -> None:
        """Signal progress to waiting processes, from any thread, before bytes can be written."""
        self._heartbeat.beat()

    def restart(self) -> None:
        """Discard all received bytes; also after an IntegrityError, to try another location."""
        with translate_write_errors(self._root, self._expected.name):
            self._discard()
            self._open()

    def finish(self, check: Callable[[Path], None] = lambda _: None) -> Path:
        """Check size and digests, and give the file its name in one step.

        Parameters
        ----------
        check : function, optional
            Called with the file before it gets its name, if no digest is expected; raises IntegrityError if the content
            is implausible.

        Raises
        ------
        IntegrityError
            The bytes differ from the expected ones; they are deleted. After resuming from an `offset` above 0, retry
            from the first byte.
        CacheError
            The cache is not writable.
        """
        file = self._require_open()
        self._flush()
        digests = self._hasher.hexdigests()
        if differences := self._expected.differences(digests, self._count):
            self._refuse(differences)
        try:
            if not self.is_verifiable:
                check(self._path)
            with translate_write_errors(self._root, self._expected.name):
                self._syncer.finish()
                path = self._publish_file(file, digests)
        except (CacheError, IntegrityError):
            self._discard()
            raise
        self._discard()
        return path

    def close(self) -> None:
        """Stop receiving; keep an unfinished file for the next attempt if its digest is known."""
        if self._file is not None and self._key and self.offset:
            with suppress(OSError):
                self._flush()
                self._syncer.close()
                self._require_open().close()
                self._path.replace(self._path.with_name(self._key + _ABANDONED))
        self._discard()

    def _open(self) -> None:
        self._path = new_partial(self._root, self._key)
        self._heartbeat = Heartbeat(self._path)
        self._use(io.FileIO(self._path, "x+"))

    def _use(self, file: io.FileIO) -> None:
        """Write to a new file from now on; nothing of it is hashed yet."""
        self._file, self._count = file, 0
        self._hasher, self._syncer = Hasher({"sha1", *self._expected.digests}), _Syncer(file.fileno())

    def _require_open(self) -> io.FileIO:
        if self._file is None:
            raise ValueError(f"{self._expected.name} is not being received; call restart first")
        return self._file

    def _resume(self, others: list[Path]) -> None:
        if not others:
            return
        try:
            self._take_over(others[0])
        except OSError:  # an unreadable leftover is useless
            self.restart()
        for other in others:
            other.unlink(missing_ok=True)
        if self._count == 0:
            return
        if not self._expected.differences(self._hasher.hexdigests(), self._count):
            self.found = self.finish()
        elif self._expected.size is not None and self._count >= self._expected.size:
            self.restart()

    def _take_over(self, other: Path) -> None:
        if other.name.endswith(_ABANDONED):
            other.replace(self._path)
            self._require_open().close()
            file = io.FileIO(self._path, "r+")
            self._use(file)
            for block in _blocks(file):
                self._count_and_hash(block)
                self.signal_progress()
        else:
            with io.FileIO(other) as source:
                for block in _blocks(source):
                    self._append(block)

    def _require_space(self) -> None:
        lacking = (self._expected.size or 0) - self._count
        space = shutil.disk_usage(self._path.parent)
        if space.total and space.free < lacking:  # some file systems report 0
            raise CacheError(
                f"{self._expected.name} needs {lacking:,} more bytes, and {self._root} has {space.free:,} bytes free. "
                f"Free space there, or set BRAINIO_HOME to a folder with more."
            )

    def _flush(self) -> None:
        block = self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)
        self._blocks, self._buffered = [], 0
        try:
            with translate_write_errors(self._root, self._expected.name):
                self._append(block)
        except CacheError:
            self._discard()
            raise

    def _append(self, block: bytes) -> None:
        file, rest = self._require_open(), memoryview(block)
        while rest:
            rest = rest[file.write(rest) :]
        self._syncer.note_written(len(block))
        self._count_and_hash(block)

    def _count_and_hash(self, block: bytes) -> None:
        self._hasher.update(block)
        self._count += len(block)

    def _publish_file(self, file: io.FileIO, digests: dict[str, str]) -> Path:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # removed as a leftover by another process
                make_read_only(self._path)
                path = self._publish(self._path, Fingerprint.of(self._path), digests)
                self._path.with_name(self._key + _ABANDONED).unlink(missing_ok=True)
                return path
            if not self._path.exists():
                self._rewrite(file)
        raise CacheError(f"Another process keeps removing {self._expected.name} from {self._root}. Try again.")

    def _rewrite(self, file: io.FileIO) -> None:
        """Write the bytes to a new file, since the open one has lost its name."""
        self._path = new_partial(self._root, self._key)
        file.seek(0)
        with self._path.open("xb") as sink:
            shutil.copyfileobj(file, sink, BLOCK)
            sink.flush()
            os.fsync(sink.fileno())

    def _refuse(self, differences: list[str]) -> NoReturn:
        self._discard()
        raise IntegrityError(
            f"{self._expected.name} has unexpected bytes: expected {'; '.join(differences)}. The bytes were deleted. "
            f"Try again; if the error persists, the location has other bytes than the catalog states."
        )

    def _discard(self) -> None:
        """Close the file, and delete it unless it has its final name."""
        self._hasher.close()
        self._syncer.close()
        self._blocks, self._buffered, self._count = [], 0, self.offset
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def leftovers(folder: Path, key: str, *, dead: bool = True, but: Path | None = None) -> list[Path]:
    """Return the partial files for a key, the longest first; with ``dead=False``, only abandoned ones."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name.startswith(f"{key}.") and not entry.name.endswith(LOCK) and entry.path != str(but)
            if ours and (dead or entry.name.endswith(_ABANDONED)):
                with suppress(FileNotFoundError):
                    found.append((entry.stat().st_size, Path(entry.path)))
    return [path for _, path in sorted(found, reverse=True)]


def _blocks(file: io.FileIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
