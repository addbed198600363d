"""Every error that brainio raises, in one tree.

::

    BrainioError
    ├── CatalogError                a catalog cannot be read, written or told from another
    │   ├── UnknownCatalogError       no catalog in force has that identifier          (also KeyError)
    │   ├── ReadOnlyCatalogError      its backend cannot write it; change a copy of it
    │   ├── CatalogRowError           one row is malformed: file and line are named    (also ValueError)
    │   ├── MissingDriverError        its database needs an extra of this package      (also MissingExtraError)
    │   ├── OfflineCatalogError       it lies elsewhere, and there is no copy of it    (also OfflineError)
    │   └── LockHeldError             another process holds its lock and makes no progress (also TimeoutError)
    ├── EntryLookupError            an identifier does not lead to one entry           (also KeyError)
    │   ├── AssemblyLookupError
    │   ├── StimulusSetLookupError
    │   ├── AmbiguousEntryError       two catalogs list different bytes under one key
    │   └── OfflineLookupError        a catalog that may list it cannot be read        (also OfflineError)
    ├── EntryUnavailableError       the entry is known, its bytes cannot be had
    ├── LocationError               a location that is malformed, unknown or forbidden (also ValueError)
    ├── TransferError               a store did not give or take the bytes             (also OSError)
    │   ├── InterruptedTransferError  a transfer broke in the middle and can be continued
    │   ├── AccessRefusedError        the store wants other credentials, or some
    │   ├── MissingFileError          the store has no file at the location
    │   ├── ChangedFileError          what lies there is not what was read there, or was expected
    │   ├── ShorterFileError          what lies there ends before the bytes that were asked for
    │   ├── RangeResponseError        the response to a range request is not the requested range
    │   ├── OfflineError              the network would be needed, and may not be used
    │   └── FetchManyError            some of many could not be fetched, all else was
    ├── CacheError                  the local cache cannot be read or written          (also OSError)
    ├── IntegrityError              bytes that are not the bytes that were promised    (also OSError)
    │   └── UnexpectedContentError    a location holds a page or a pointer in place of the file
    ├── FormatError                 a file or object that breaks the published format  (also ValueError)
    │   ├── StimulusSetFormatError
    │   ├── StimulusFileError         the file of a stimulus cannot be decoded
    │   ├── AssemblyFormatError
    │   │   ├── UnsafeFileError         a netCDF file that leads out of itself, or exceeds a limit
    │   │   └── InsufficientMemoryError values that do not fit into free memory      (also MemoryError)
    │   ├── ArchiveError
    │   └── UnknownClassError         a class name that is no assembly class
    ├── ValidationError             data that were validated have errors               (also ValueError)
    ├── PackagingError              a package that may not be published as it is       (also ValueError, AssertionError)
    ├── GroupbyError                levels that cannot be grouped by                   (also ValueError)
    ├── SearchError                 a search for what cannot be, or nothing has       (also ValueError)
    │   └── CursorError               where a list goes on, as no list of that question says
    ├── IndexUnavailableError       the database of the search index does not answer
    ├── SubsetError                 an assembly does not hold what it is to be cut to  (also AssertionError)
    ├── ForkError                   a forked process lacks what its parent had         (also RuntimeError)
    ├── ExchangeError               what cannot be written in the format asked for     (also ValueError)
    ├── ServiceError                what a service cannot be started with, or told      (also ValueError)
    ├── DatabaseAwayError           what a service keeps cannot be read or changed     (also OSError)
    ├── LockfileError               a lock file that cannot be read or written
    │   ├── NotLockedError            what is loaded does not stand in the lock file in force
    │   └── LockDriftError            what was recorded is not what catalogs list now
    ├── MissingExtraError           what was asked for needs an extra of this package  (also ImportError)
    └── WorkerError                 a worker process crashed, or could not be used
        └── ResourceLimitError        an operation needs more time or memory than its limit

    BrainioWarning
    ├── CatalogWarning              a part of a catalog was left out, or promises too little
    ├── FormatWarning               a file that does not fit its class or stimulus set was loaded
    ├── PackagingWarning            what is packaged all the same is probably not meant so
    ├── EntryStatusWarning          an entry that is superseded or deprecated was loaded
    ├── InstallationWarning         another distribution overwrites files of this package
    ├── LockfileWarning             what a lock file says does not tell all of what is or was loaded
    └── StreamWarning               bytes are read where they lie, unverified

Messages name the identifier, file, row or coordinate at fault, what was expected and found, and the next step.
The second parent keeps code working that was written against the built-in exceptions.
Messages may quote catalogs and servers: shown as text, they control no terminal and forge no log (`brainio.text`).
Every room may import this module.
"""

from brainio.text import printable


class BrainioError(Exception):
    """Parent of all errors of this package."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would turn every line break of a message into "\n".
        return printable(str(self.args[0]) if len(self.args) == 1 else super().__str__())


class CatalogError(BrainioError):
    """A catalog cannot be read, written or told from another."""


class UnknownCatalogError(CatalogError, KeyError):
    """No catalog in force has that identifier."""


class ReadOnlyCatalogError(CatalogError):
    """The storage of a catalog can only be read; the message says how to change a copy."""


class CatalogRowError(CatalogError, ValueError):
    """One row of a catalog is malformed; the message names file and line."""


class LockHeldError(CatalogError, TimeoutError):
    """Another process holds the lock of a catalog, makes no progress, and may write later."""


class EntryLookupError(BrainioError, KeyError):
    """An identifier does not lead to one entry."""


class AssemblyLookupError(EntryLookupError):
    """No catalog in force lists an assembly under that identifier or alias."""


class StimulusSetLookupError(EntryLookupError):
    """No catalog in force lists a stimulus set under that identifier or alias."""


class AmbiguousEntryError(EntryLookupError):
    """Two catalogs in force list different bytes under the same key."""


class EntryUnavailableError(BrainioError):
    """The entry is known, but its bytes cannot be had."""


class LocationError(BrainioError, ValueError):
    """A location is malformed, of an unknown kind, or of a kind its catalog may not use."""


class TransferError(BrainioError, OSError):
    """A store did not give or did not take the bytes."""


class InterruptedTransferError(TransferError):
    """A transfer broke in the middle; the rest can be asked for."""


class AccessRefusedError(TransferError):
    """A store does not let these credentials, or somebody without any, read or write what was asked for."""


class MissingFileError(TransferError):
    """A store has no file at a location."""


class ChangedFileError(TransferError):
    """What lies at a location is no longer what was read there, or something lies where nothing was expected."""


class ShorterFileError(TransferError):
    """What lies at a location ends before the bytes that were asked for."""


class RangeResponseError(TransferError):
    """A server's response to a range request does not prove that it is the requested range."""


class OfflineError(TransferError):
    """The network would be needed, and `BRAINIO_OFFLINE` forbids it."""


class OfflineCatalogError(CatalogError, OfflineError):
    """A catalog lies elsewhere, no copy of it is kept, and `BRAINIO_OFFLINE` forbids to ask for it."""


class OfflineLookupError(AssemblyLookupError, StimulusSetLookupError, OfflineError):
    """An identifier leads nowhere while `BRAINIO_OFFLINE` forbids to ask for a catalog that may list it."""


class FetchManyError(TransferError):
    """Some of many entries could not be fetched; `failures` says which and why, `fetched` has those that were.

    Parameters
    ----------
    message : str
        All failures.
    fetched : dict
        Entry -> part -> path.
    failures : dict
        What could not be fetched, in words -> why.
    """

    def __init__(self, message: str, fetched: object = None, failures: "dict[str, BrainioError] | None" = None) -> None:
        super().__init__(message)
        self.fetched = fetched
        self.failures = failures or {}


class CacheError(BrainioError, OSError):
    """The local cache cannot be read or written: no space, no permission, no folder."""


class IntegrityError(BrainioError, OSError):
    """Bytes are not the bytes that were promised: wrong hash, wrong size, or cut short."""


class UnexpectedContentError(IntegrityError):
    """A location holds something that cannot be the file, such as a sign-in page or a Git LFS pointer."""


class FormatError(BrainioError, ValueError):
    """A file or object breaks the published format."""


class StimulusSetFormatError(FormatError):
    """The table of a stimulus set, or the files it names, break the format."""


class StimulusFileError(FormatError):
    """The file of a stimulus cannot be decoded, or would become larger than is safe."""


class AssemblyFormatError(FormatError):
    """A netCDF file or an array breaks the format of its assembly class."""


class UnsafeFileError(AssemblyFormatError):
    """A netCDF file leads out of itself or in a circle, has a type or filter of another format, or exceeds a limit."""


class InsufficientMemoryError(AssemblyFormatError, MemoryError):
    """Values of a netCDF file do not fit into free memory; the message states both and how to read less at once."""


class ArchiveError(FormatError):
    """An archive is damaged or holds a member that may not be unpacked."""


class UnknownClassError(FormatError):
    """A catalog or caller names a class that is no assembly class."""


class ValidationError(BrainioError, ValueError):
    """Data that were validated have errors; the report names each."""


class PackagingError(BrainioError, ValueError, AssertionError):
    """A package may not be published as it is; the message lists every problem.

    Also an AssertionError, since the checks were bare assertions once.
    """


class GroupbyError(BrainioError, ValueError):
    """The named levels cannot be grouped by."""


class SearchError(BrainioError, ValueError):
    """A search asks for a value that no entry has, or that cannot be; the message names those that exist."""


class CursorError(SearchError):
    """What was given as the place where a list goes on is none, or one of another question."""


class IndexUnavailableError(BrainioError):
    """The search index cannot be asked at the moment: its database is away, or it is being made."""


class SubsetError(BrainioError, AssertionError):
    """An assembly does not hold the coordinates that it is to be cut to."""


class ForkError(BrainioError, RuntimeError):
    """A forked process cannot do this: it would need threads or connections that only its parent has."""


class ExchangeError(BrainioError, ValueError):
    """An entry cannot be written in the format that was asked for."""


class ServiceError(BrainioError, ValueError):
    """The service cannot be started with, or told, what was said: a setting, scope or token is wrong."""


class DatabaseAwayError(BrainioError, OSError):
    """What a service keeps in its database cannot be read or changed at the moment."""


class LockfileError(BrainioError):
    """A lock file cannot be read or written, or what it holds cannot be had as it was recorded."""


class NotLockedError(LockfileError):
    """Something is loaded that does not stand in the lock file in force."""


class LockDriftError(LockfileError):
    """What a lock file recorded is no longer what the catalogs in force list."""


class MissingExtraError(BrainioError, ImportError):
    """What was asked for needs packages that come with an extra; the message names the command that installs it."""


class WorkerError(BrainioError):
    """A worker process crashed, was killed, or could not be used; the message names the file that it processed."""


class ResourceLimitError(WorkerError):
    """An operation needs more time or memory than its limit; the message names the file, the limit and its setting."""


class MissingDriverError(CatalogError, MissingExtraError):
    """The catalog lives in a database, and what connects to it or makes its tables is not installed."""


class BrainioWarning(UserWarning):
    """Parent of all warnings of this package."""

    def __str__(self) -> str:
        return printable(super().__str__())


class CatalogWarning(BrainioWarning):
    """A part of a catalog was left out, or promises too little to check what it names."""


class FormatWarning(BrainioWarning):
    """A file was loaded that does not fit the class that its catalog names, or its stimulus set."""


class PackagingWarning(BrainioWarning):
    """Something was packaged that is probably not meant so; the message lists it."""


class EntryStatusWarning(BrainioWarning):
    """An entry was loaded that is superseded or deprecated."""


class InstallationWarning(BrainioWarning):
    """Another distribution that installs a package `brainio` is installed in the same folder."""


class LockfileWarning(BrainioWarning):
    """A lock file was recorded with other software, or while an entry changed."""


class StreamWarning(BrainioWarning):
    """Bytes are read where they lie, pinned by version or tag but not verified by a hash."""
