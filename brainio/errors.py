"""The exception hierarchy: every error and warning of this package, in one tree.

::

    BrainioError
    ├── CatalogError                a catalog cannot be read, written or distinguished from another
    │   ├── UnknownCatalogError       no active catalog has this identifier            (also KeyError)
    │   ├── ReadOnlyCatalogError      its storage can only be read
    │   ├── CatalogRowError           one row is malformed                             (also ValueError)
    │   ├── MissingDriverError        its database needs an extra of this package      (also MissingExtraError)
    │   ├── OfflineCatalogError       it is remote, and there is no fallback copy      (also OfflineError)
    │   └── LockHeldError             another process holds its lock and makes no progress (also TimeoutError)
    ├── EntryLookupError            an identifier does not resolve to one entry        (also KeyError)
    │   ├── AssemblyLookupError
    │   ├── StimulusSetLookupError
    │   ├── AmbiguousEntryError       two catalogs list different bytes under one key
    │   └── OfflineLookupError        a catalog that may list it cannot be read        (also OfflineError)
    ├── EntryUnavailableError       the entry is known, but its files are not available
    ├── LocationError               a location that is malformed, unknown or forbidden (also ValueError)
    ├── TransferError               a store did not return or accept a file            (also OSError)
    │   ├── InterruptedTransferError  a transfer broke off and can be continued
    │   ├── AccessRefusedError        the store refuses the credentials, or requires some
    │   ├── MissingFileError          the store has no file at the location
    │   ├── ChangedFileError          the file at a location changed, or exists unexpectedly
    │   ├── ShorterFileError          the file ends before the requested bytes
    │   ├── RangeResponseError        the response to a range request is not the requested range
    │   ├── OfflineError              the network is needed, but BRAINIO_OFFLINE is set
    │   └── FetchManyError            some of many entries could not be fetched
    ├── CacheError                  the local cache cannot be read or written          (also OSError)
    ├── IntegrityError              bytes that differ from the expected hash or size   (also OSError)
    │   └── UnexpectedContentError    a location has a web page or a pointer instead of the file
    ├── FormatError                 a file or object that breaks the published format  (also ValueError)
    │   ├── StimulusSetFormatError
    │   ├── StimulusFileError         the file of a stimulus cannot be decoded
    │   ├── AssemblyFormatError
    │   │   ├── UnsafeFileError         a netCDF file that refers to other files, or exceeds a limit
    │   │   └── InsufficientMemoryError values that do not fit into free memory      (also MemoryError)
    │   ├── ArchiveError
    │   └── UnknownClassError         an unknown assembly class
    ├── ValidationError             validated data have errors                         (also ValueError)
    ├── PackagingError              a package that cannot be published                 (also ValueError, AssertionError)
    ├── GroupbyError                levels by which values cannot be grouped           (also ValueError)
    ├── SearchError                 an invalid query, or a filter without entries      (also ValueError)
    │   └── CursorError               an invalid cursor, or one of another query
    ├── IndexUnavailableError       the database of the search index does not respond
    ├── SubsetError                 an assembly lacks the requested coordinates        (also AssertionError)
    ├── ForkError                   a forked process lacks resources of its parent     (also RuntimeError)
    ├── ExchangeError               an entry that a format cannot express              (also ValueError)
    ├── ServiceError                an invalid setting or argument of the service      (also ValueError)
    ├── DatabaseAwayError           the database of the service does not respond       (also OSError)
    ├── LockfileError               a lock file that cannot be read or written
    │   ├── NotLockedError            the lock file in use lacks a loaded entry
    │   └── LockDriftError            catalogs no longer list a recorded entry
    ├── MissingExtraError           a feature needs an extra of this package           (also ImportError)
    └── WorkerError                 a worker process crashed, or could not be used
        └── ResourceLimitError        an operation needs more time or memory than its limit

    BrainioWarning
    ├── CatalogWarning              a part of a catalog is left out, or has no hash
    ├── FormatWarning               a loaded file does not fit its class or stimulus set
    ├── PackagingWarning            packaged data have a probable mistake
    ├── EntryStatusWarning          a loaded entry is superseded or deprecated
    ├── InstallationWarning         another distribution overwrites files of this package
    ├── LockfileWarning             a lock file does not match the software, or an entry changed
    └── StreamWarning               values are streamed without verification by a hash

Messages name the identifier, file, row or coordinate, the expected and actual values, and the next step. The second
parent supports code that catches built-in exceptions. Messages may quote catalogs and servers: control characters are
escaped, so that they control no terminal and forge no log (`brainio.text`).
"""

from brainio.text import printable


class BrainioError(Exception):
    """Parent of all errors of this package."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would turn every line break of a message into "\n".
        return printable(str(self.args[0]) if len(self.args) == 1 else super().__str__())


class CatalogError(BrainioError):
    """A catalog cannot be read, written or distinguished from another."""


class UnknownCatalogError(CatalogError, KeyError):
    """No active catalog has this identifier."""


class ReadOnlyCatalogError(CatalogError):
    """The storage of a catalog can only be read; the message says how to change a copy."""


class CatalogRowError(CatalogError, ValueError):
    """One row of a catalog is malformed; the message names file and line."""


class LockHeldError(CatalogError, TimeoutError):
    """Another process holds the lock of a catalog, makes no progress, and may write later."""


class EntryLookupError(BrainioError, KeyError):
    """An identifier does not resolve to one entry."""


class AssemblyLookupError(EntryLookupError):
    """No active catalog lists an assembly under this identifier or alias."""


class StimulusSetLookupError(EntryLookupError):
    """No active catalog lists a stimulus set under this identifier or alias."""


class AmbiguousEntryError(EntryLookupError):
    """Two active catalogs list different bytes under the same key."""


class EntryUnavailableError(BrainioError):
    """The entry is known, but its files are not available."""


class LocationError(BrainioError, ValueError):
    """A location is malformed, of an unknown kind, or of a kind its catalog may not use."""


class TransferError(BrainioError, OSError):
    """A store did not return or accept a file."""


class InterruptedTransferError(TransferError):
    """A transfer broke off; the rest can be requested."""


class AccessRefusedError(TransferError):
    """A store refuses to read or write with these credentials, or without any."""


class MissingFileError(TransferError):
    """A store has no file at a location."""


class ChangedFileError(TransferError):
    """The file at a location changed since it was read, or a file exists where none was expected."""


class ShorterFileError(TransferError):
    """The file at a location ends before the requested bytes."""


class RangeResponseError(TransferError):
    """A server's response to a range request does not prove that it is the requested range."""


class OfflineError(TransferError):
    """The network is needed, but `BRAINIO_OFFLINE` forbids its use."""


class OfflineCatalogError(CatalogError, OfflineError):
    """A remote catalog has no fallback copy, and `BRAINIO_OFFLINE` forbids reading it."""


class OfflineLookupError(AssemblyLookupError, StimulusSetLookupError, OfflineError):
    """An identifier is unknown, and `BRAINIO_OFFLINE` forbids reading a catalog that may list it."""


class FetchManyError(TransferError):
    """Some of many entries could not be fetched.

    Parameters
    ----------
    message : str
        All failures.
    fetched : dict
        Entry -> part -> path.
    failures : dict
        Description of an entry that could not be fetched -> its error.
    """

    def __init__(self, message: str, fetched: object = None, failures: "dict[str, BrainioError] | None" = None) -> None:
        super().__init__(message)
        self.fetched = fetched
        self.failures = failures or {}


class CacheError(BrainioError, OSError):
    """The local cache cannot be read or written: no space, no permission, no folder."""


class IntegrityError(BrainioError, OSError):
    """Bytes differ from the expected hash or size, or are truncated."""


class UnexpectedContentError(IntegrityError):
    """A location has content that cannot be the file, such as a sign-in page or a Git LFS pointer."""


class FormatError(BrainioError, ValueError):
    """A file or object breaks the published format."""


class StimulusSetFormatError(FormatError):
    """The table or the files of a stimulus set break the format."""


class StimulusFileError(FormatError):
    """The file of a stimulus cannot be decoded, or would exceed a size limit."""


class AssemblyFormatError(FormatError):
    """A netCDF file or an array breaks the format of its assembly class."""


class UnsafeFileError(AssemblyFormatError):
    """A netCDF file has external or circular references or unsupported types or filters, or exceeds a limit."""


class InsufficientMemoryError(AssemblyFormatError, MemoryError):
    """Values of a netCDF file do not fit into free memory; the message states both and how to read less at once."""


class ArchiveError(FormatError):
    """An archive is damaged or has a member that must not be unpacked."""


class UnknownClassError(FormatError):
    """A catalog or caller names an unknown assembly class."""


class ValidationError(BrainioError, ValueError):
    """Validated data have errors; the report lists them."""


class PackagingError(BrainioError, ValueError, AssertionError):
    """A package cannot be published; the message lists every problem.

    Also an AssertionError, because the checks were assertions in earlier libraries.
    """


class GroupbyError(BrainioError, ValueError):
    """Values cannot be grouped by these levels."""


class SearchError(BrainioError, ValueError):
    """A query is invalid, or no entry has a filter value; the message lists the existing values."""


class CursorError(SearchError):
    """A cursor is invalid, or belongs to another query."""


class IndexUnavailableError(BrainioError):
    """The search index cannot be queried now: its database does not respond, or it is being built."""


class SubsetError(BrainioError, AssertionError):
    """An assembly lacks the coordinates of the requested subset."""


class ForkError(BrainioError, RuntimeError):
    """A forked process would need threads or connections that only its parent has."""


class ExchangeError(BrainioError, ValueError):
    """An entry cannot be expressed in the requested format."""


class ServiceError(BrainioError, ValueError):
    """A setting, scope or token of the service is invalid."""


class DatabaseAwayError(BrainioError, OSError):
    """The database of the service cannot be read or changed now."""


class LockfileError(BrainioError):
    """A lock file cannot be read or written, or its entries cannot be loaded as recorded."""


class NotLockedError(LockfileError):
    """A loaded entry is not in the lock file in use."""


class LockDriftError(LockfileError):
    """The active catalogs no longer list an entry as the lock file recorded it."""


class MissingExtraError(BrainioError, ImportError):
    """A feature needs packages of an extra; the message states the command that installs it."""


class WorkerError(BrainioError):
    """A worker process crashed, was killed, or could not be used; the message names the file that it processed."""


class ResourceLimitError(WorkerError):
    """An operation needs more time or memory than its limit; the message names the file, the limit and its setting."""


class MissingDriverError(CatalogError, MissingExtraError):
    """The packages that connect to the database of a catalog, or create its tables, are not installed."""


class BrainioWarning(UserWarning):
    """Parent of all warnings of this package."""

    def __str__(self) -> str:
        return printable(super().__str__())


class CatalogWarning(BrainioWarning):
    """A part of a catalog is left out, or its files cannot be verified for lack of a hash."""


class FormatWarning(BrainioWarning):
    """A loaded file does not fit the class in its catalog, or its stimulus set."""


class PackagingWarning(BrainioWarning):
    """Packaged data have probable mistakes; the message lists them."""


class EntryStatusWarning(BrainioWarning):
    """A loaded entry is superseded or deprecated."""


class InstallationWarning(BrainioWarning):
    """Another distribution that installs a package `brainio` is installed in the same folder."""


class LockfileWarning(BrainioWarning):
    """A lock file was recorded with other software, or while an entry changed."""


class StreamWarning(BrainioWarning):
    """Values are streamed from a version or ETag of a file, and not verified by a hash."""
