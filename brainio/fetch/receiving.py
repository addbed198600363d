"""One file from one location into the cache: transferred, verified, and judged where no hash is promised."""

from pathlib import Path

from brainio.cache import Incoming
from brainio.errors import IntegrityError, TransferError, UnexpectedContentError
from brainio.fetch.download import Download
from brainio.fetch.signatures import HEAD, KINDS, Mismatch, mismatch_of, substitute_of
from brainio.progress import FileProgress
from brainio.stores import Location


class Reception:
    """Receives a file from one location.

    Parameters
    ----------
    incoming : Incoming
        Where the bytes go. What an earlier attempt left there is continued.
    location, version_id
        As `brainio.stores.open_read` takes them.
    progress : FileProgress
        Counts the bytes.
    part : str
        `'csv'`, `'zip'` or `'nc'`: what the file has to be, if no hash is promised. Empty: anything.
    is_size_known : bool
        Whether a size is promised, which tells a whole body from one that was cut short.
    """

    def __init__(
        self,
        incoming: Incoming,
        location: Location,
        version_id: str,
        progress: FileProgress,
        part: str,
        *,
        is_size_known: bool,
    ) -> None:
        self._incoming, self._progress = incoming, progress
        self._location, self._version_id = location, version_id
        self._part, self._is_size_known = part, is_size_known
        self._head = bytearray()
        self._media_type = ""

    def receive(self) -> Path:
        """Receive the file and return where it is in the cache.

        A hash that fails may be that of two states of the file, put together; then the file is transferred once more,
        from its first byte, and continued with a strong validator only.

        Raises
        ------
        UnexpectedContentError
            The location holds something else than the file, such as a sign-in page. Nothing was stored.
        IntegrityError
            The bytes are not the promised ones. Nothing was stored.
        TransferError
            The location did not give the bytes.
        """
        download = self._download(verified=self._incoming.is_promised)
        try:
            return self._take(download)
        except IntegrityError as error:
            if isinstance(error, UnexpectedContentError) or not download.was_continued:
                raise
        return self._take(self._download(verified=False))

    def _download(self, *, verified: bool) -> Download:
        place, began = (self._location, self._version_id), self._incoming.offset
        return Download(*place, began, self._progress, self._incoming.show, self._restart, verified=verified)

    def _restart(self) -> None:
        self._head.clear()
        self._progress.reach(0)
        self._incoming.restart()

    def _take(self, download: Download) -> Path:
        incoming = self._incoming
        self._progress.reach(incoming.offset)
        try:
            for block in download:
                if incoming.offset == len(self._head) < HEAD:
                    self._head += block[:HEAD]
                incoming.write(block)
                self._progress.reach(incoming.offset)
            self._media_type = download.facts.media_type if download.facts else ""
            self._require_end(download)
            return incoming.finish(self._judge)
        except IntegrityError as error:
            self._media_type = download.facts.media_type if download.facts else ""
            substitute, size = substitute_of(bytes(self._head), incoming.offset), incoming.offset
            self._restart()
            if isinstance(error, UnexpectedContentError):
                raise
            if substitute is not None and not download.was_continued:
                raise self._refusal(Mismatch(substitute, KINDS.get(self._part, ""), size)) from error
            raise IntegrityError(f"{self._location}: {error}") from error

    def _judge(self, path: Path) -> None:
        with path.open("rb") as file:
            mismatch = mismatch_of(file, self._part)
        if mismatch is not None:
            raise self._refusal(mismatch)

    def _refusal(self, mismatch: Mismatch) -> UnexpectedContentError:
        message = mismatch.message(str(self._location), self._media_type)
        return UnexpectedContentError(f"{message}. Nothing was stored: the next call fetches the file again.")

    def _require_end(self, download: Download) -> None:
        """Refuse a body of which nobody can tell whether it came to its end."""
        is_delimited = download.facts is None or download.facts.is_delimited
        if not is_delimited and not self._is_size_known and not self._incoming.is_promised:
            raise TransferError(
                f"{self._location} was sent without its length, so that a broken connection looks like the end of the "
                f"file, and no hash is promised. State the sha1 or the size of the file in its catalog, or use another "
                f"location."
            )
