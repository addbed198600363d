"""Bytes on their way into the cache: written and hashed as they come, continued where an earlier try stopped.

A file below ``partial/`` is written by the one process that has it under a name of its own, so what was hashed on its
way in is what is there, whatever locks are worth. A file that was given up is taken over by renaming it, which only
one of several can do; a file whose process died is copied, since that process may not be as dead as it looks from here.
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

LEFT = ".part"  # ends the name of a file that was given up
_TRIES = 9
Publish = Callable[[Path, Fingerprint, dict[str, str]], Path]
BLOCK = 1024 * 1024  # bytes: smaller blocks are not worth handing to another thread
_AHEAD = 8  # blocks that may wait for each digest: bounds the memory
EVERY = 64 * 1024 * 1024  # bytes: at most twice as many are not on the disk yet


@dataclass(frozen=True, slots=True)
class Expected:
    """A name, and as much of digests and size as somebody promised."""

    name: str
    sha1: str | None
    sha256: str | None
    size: int | None

    @classmethod
    def of(cls, name: str, sha1: str | None, sha256: str | None, size: int | None) -> "Expected":
        """Make one; a digest that is none is an IntegrityError."""
        return cls(name, sha1 and normalize_digest(sha1), sha256 and normalize_digest(sha256, "sha256"), size)

    @property
    def digests(self) -> dict[str, str]:
        """The promised digests by their kind."""
        return {kind: digest for kind, digest in (("sha1", self.sha1), ("sha256", self.sha256)) if digest}

    @property
    def key(self) -> str:
        """What others who want the same bytes call them; empty where no digest is promised."""
        return next((f"{kind}-{digest}" for kind, digest in self.digests.items()), "")

    def faults(self, found: dict[str, str], count: int) -> list[str]:
        """Say what is not as promised; a wrong size says enough."""
        if self.size is not None and self.size != count:
            return [f"{self.size} bytes, found {'more' if count > self.size else count}"]
        return [f"{kind} {want}, found {found[kind]}" for kind, want in self.digests.items() if want != found[kind]]


class Hasher:
    """Several digests of the same bytes, one thread each.

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
        """Take the next bytes, which must not change any more; may wait for the digests to come near."""
        if len(block) < BLOCK:
            self._wait(0)
            for digest in self._digests.values():
                digest.update(block)
            return
        if not self._threads:
            self._threads = [ThreadPoolExecutor(1, "brainio-hash") for _ in self._digests]
        for thread, digest in zip(self._threads, self._digests.values(), strict=True):
            self._waiting.append(thread.submit(digest.update, block))
        self._wait(_AHEAD * len(self._digests))

    def hexdigests(self) -> dict[str, str]:
        """Return the digests of all bytes so far; more may follow."""
        self._wait(0)
        return {kind: digest.hexdigest() for kind, digest in self._digests.items()}

    def close(self) -> None:
        """Let the threads go."""
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)
        self._threads = []

    def _wait(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()


class Syncer:
    """Syncs a file from a thread of its own.

    Parameters
    ----------
    descriptor : int
        Of the open file; it may be closed after `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self._written = 0

    def wrote(self, count: int) -> None:
        """Take note of more bytes; may wait for those before the last.

        Raises
        ------
        OSError
            Earlier bytes could not be brought to the disk.
        """
        self._written += count
        if self._written < EVERY:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "brainio-sync")
        if self._running is not None:
            self._running.result()
        self._running, self._written = self._thread.submit(os.fsync, self._descriptor), 0

    def finish(self) -> None:
        """Bring everything to the disk.

        Raises
        ------
        OSError
            That failed.
        """
        if self._running is not None:
            self._running.result()
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let the thread go."""
        if self._thread is not None:
            self._thread.shutdown()


class IncomingFile:
    """A file that is being received; made by `brainio.cache.Cache.receiving`.

    Attributes
    ----------
    found : Path or None
        The verified file, if it turned out to be here after all: another process brought it meanwhile, or an earlier
        one stopped after its last byte. Then nothing is left to do, and nothing can be written.
    """

    def __init__(self, root: Path, promise: Expected, key: str, publish: Publish) -> None:
        self.found: Path | None = None
        self._root, self._promise, self._key, self._publish = root, promise, key, publish
        self._path = Path()
        self._file: io.FileIO | None = None
        self._heartbeat = Heartbeat(self._path)
        self._hasher, self._syncer = Hasher(()), Syncer(-1)
        self._count = self._buffered = 0
        self._blocks: list[bytes] = []

    @property
    def is_promised(self) -> bool:
        """Whether a digest will tell if the bytes are the right ones."""
        return bool(self._key)

    @property
    def offset(self) -> int:
        """How many bytes came, from the first on: where to go on. Above 0 at the start: from an earlier try."""
        return self._count + self._buffered

    def begin(self, *, alone: bool) -> None:
        """Open a file to write to and take over what was received before; alone: only what was given up."""
        with translate_write_errors(self._root, self._promise.name):
            self._open()
            if self._key:
                self._resume(leftovers(self._path.parent, self._key, dead=not alone, but=self._path))
        if self.found is None:
            self._require_space()

    def write(self, block: bytes) -> None:
        """Take the next bytes. They must not change any more: another thread hashes them.

        Raises
        ------
        IntegrityError
            There are more than were promised. Nothing of them is left.
        CacheError
            They cannot be written. Nothing of them is left, so that a full disk is not full of them.
        """
        self._opened()
        self._blocks.append(block)
        self._buffered += len(block)
        if self._promise.size is not None and self.offset > self._promise.size:
            self._refuse(self._promise.faults({}, self.offset))
        if self._buffered >= BLOCK:
            self._flush()

    def show(self) -> None:
        """Show those who wait that bytes come, which may be long before they can be written; from any thread."""
        self._heartbeat.beat()

    def restart(self) -> None:
        """Forget what is here: the first byte comes next. Also after an IntegrityError, to try another place."""
        with translate_write_errors(self._root, self._promise.name):
            self._drop()
            self._open()

    def finish(self, judge: Callable[[Path], None] = lambda _: None) -> Path:
        """Check size and digests, and give the file its name in one step.

        Parameters
        ----------
        judge : function, optional
            Called with the file, where no digest is promised, before it gets its name; raises IntegrityError where the
            file cannot be the wanted one.

        Raises
        ------
        IntegrityError
            The bytes are not the promised ones. Nothing of them is left: whoever went on from an `offset` above 0 does
            well to try once more from the first byte.
        CacheError
            The cache cannot be written.
        """
        file = self._opened()
        self._flush()
        digests = self._hasher.hexdigests()
        if faults := self._promise.faults(digests, self._count):
            self._refuse(faults)
        try:
            if not self.is_promised:
                judge(self._path)
            with translate_write_errors(self._root, self._promise.name):
                self._syncer.finish()
                path = self._published(file, digests)
        except (CacheError, IntegrityError):
            self._drop()
            raise
        self._drop()
        return path

    def leave(self) -> None:
        """Stop; what was received is kept for the next try where a digest says what it is."""
        if self._file is not None and self._key and self.offset:
            with suppress(OSError):
                self._flush()
                self._syncer.close()
                self._opened().close()
                self._path.replace(self._path.with_name(self._key + LEFT))
        self._drop()

    def _open(self) -> None:
        self._path = new_partial(self._root, self._key)
        self._heartbeat = Heartbeat(self._path)
        self._use(io.FileIO(self._path, "x+"))

    def _use(self, file: io.FileIO) -> None:
        """Write to a file from now on, of which nothing is hashed yet."""
        self._file, self._count = file, 0
        self._hasher, self._syncer = Hasher({"sha1", *self._promise.digests}), Syncer(file.fileno())

    def _opened(self) -> io.FileIO:
        if self._file is None:
            raise ValueError(f"{self._promise.name} is not being received any more")
        return self._file

    def _resume(self, others: list[Path]) -> None:
        if not others:
            return
        try:
            self._take_over(others[0])
        except OSError:  # what cannot be read or copied is as good as nothing
            self.restart()
        for other in others:
            other.unlink(missing_ok=True)
        if self._count == 0:
            return
        if not self._promise.faults(self._hasher.hexdigests(), self._count):
            self.found = self.finish()
        elif self._promise.size is not None and self._count >= self._promise.size:
            self.restart()

    def _take_over(self, other: Path) -> None:
        if other.name.endswith(LEFT):
            other.replace(self._path)
            self._opened().close()
            file = io.FileIO(self._path, "r+")
            self._use(file)
            for block in _blocks(file):
                self._note(block)
                self.show()
        else:
            with io.FileIO(other) as source:
                for block in _blocks(source):
                    self._append(block)

    def _require_space(self) -> None:
        lacking = (self._promise.size or 0) - self._count
        space = shutil.disk_usage(self._path.parent)
        if space.total and space.free < lacking:  # some file systems do not say
            raise CacheError(
                f"{self._promise.name} needs {lacking:,} more bytes, and {self._root} has room for {space.free:,}. "
                f"Free space there, or set BRAINIO_HOME to a folder with more."
            )

    def _flush(self) -> None:
        block = self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)
        self._blocks, self._buffered = [], 0
        try:
            with translate_write_errors(self._root, self._promise.name):
                self._append(block)
        except CacheError:
            self._drop()
            raise

    def _append(self, block: bytes) -> None:
        file, rest = self._opened(), memoryview(block)
        while rest:
            rest = rest[file.write(rest) :]
        self._syncer.wrote(len(block))
        self._note(block)

    def _note(self, block: bytes) -> None:
        self._hasher.update(block)
        self._count += len(block)

    def _published(self, file: io.FileIO, digests: dict[str, str]) -> Path:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # somebody cleared up, or took this process for dead
                make_read_only(self._path)
                path = self._publish(self._path, Fingerprint.of(self._path), digests)
                self._path.with_name(self._key + LEFT).unlink(missing_ok=True)
                return path
            if not self._path.exists():
                self._save_again(file)
        raise CacheError(f"{self._promise.name} is removed from {self._root} whenever it is written. Try again.")

    def _save_again(self, file: io.FileIO) -> None:
        """Write the bytes to a new file: the old one has no name any more, but is still open."""
        self._path = new_partial(self._root, self._key)
        file.seek(0)
        with self._path.open("xb") as sink:
            shutil.copyfileobj(file, sink, BLOCK)
            sink.flush()
            os.fsync(sink.fileno())

    def _refuse(self, faults: list[str]) -> NoReturn:
        self._drop()
        raise IntegrityError(
            f"{self._promise.name} is not what was promised: expected {'; '.join(faults)}. Nothing of it was kept. Try "
            f"again; if it stays so, the location holds other bytes than the catalog says."
        )

    def _drop(self) -> None:
        """Let go of the file, and of its bytes where they have no other name."""
        self._hasher.close()
        self._syncer.close()
        self._blocks, self._buffered, self._count = [], 0, self.offset
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def leftovers(folder: Path, key: str, *, dead: bool = True, but: Path | None = None) -> list[Path]:
    """Return what is there of a wanted file, the longest first; without the dead: only what was given up."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name.startswith(f"{key}.") and not entry.name.endswith(LOCK) and entry.path != str(but)
            if ours and (dead or entry.name.endswith(LEFT)):
                with suppress(FileNotFoundError):
                    found.append((entry.stat().st_size, Path(entry.path)))
    return [path for _, path in sorted(found, reverse=True)]


def _blocks(file: io.FileIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
