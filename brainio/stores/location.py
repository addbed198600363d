"""Locations of files: parse the text of a catalog or a user into a `Location` with a canonical URL.

Parsing needs neither the network nor the disk. It refuses locations that a catalog from the network may not name; the
addresses of such locations are checked when a connection opens (`brainio.stores.http_sessions`). `require_online`
refuses locations that need the network if the environment forbids it. fsspec is imported only for protocols other than
the common ones.
"""

import os
import posixpath
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from brainio.errors import LocationError, OfflineError
from brainio.local_files import absolute_path
from brainio.stores.redaction import redact
from brainio.text import fault_of_text

S3 = "S3"
BRAINIO_OFFLINE = "BRAINIO_OFFLINE"
_S3_SCHEMES = frozenset({"s3", "s3a", "s3n"})
_HTTP = frozenset({"http", "https"})
_LOCAL = frozenset({"file", "memory", "data", "git", "dvc"})
# fsspec also has file systems that wrap another one. They are refused: a remote catalog could hide a local path behind
# such a name.
_WRAPPERS = frozenset(
    {"async_wrapper", "asynclocal", "asyncwrapper", "blockcache", "cached", "dir", "filecache", "generic", "libarchive"}
    | {"reference", "simplecache", "tar", "zip"}
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://)?")
_CHAIN = re.compile(r"[A-Za-z][\w+.-]*(?:://.*)?::[A-Za-z][\w+.-]*:")
# Texts that look like a URL but name no file: schemes of identifiers, and any other word before a colon.
_OPAQUE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!//)")
_SSH = re.compile(r"[\w.-]+@[\w.-]+:(?!//)")
_IDENTIFIERS = {
    "ark": "an ARK identifier",
    "arxiv": "an arXiv identifier",
    "doi": "a DOI",
    "hdl": "a handle",
    "urn": "a URN",
}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_REGION = r"(?:[a-z]{2,3}(?:-[a-z]+)+-\d)"
_S3_HOST = re.compile(
    rf"(?:(?P<bucket>.+)\.)?s3(?:[.-]fips)?(?:\.dualstack)?(?:[.-](?P<region>{_REGION}|external-1))?\.amazonaws\.com(?:\.cn)?"
)
# Characters that users may leave unquoted in a URL, and that must not be quoted twice.
_URL_SAFE = "%/:?#[]@!$&'()*+,;=~-._"
# Scheme of the URLs of catalogs in databases -> the folder of such a catalog.
_folders_of_databases: dict[str, Callable[[str], str | None]] = {}


@dataclass(frozen=True, slots=True, repr=False)
class Location:
    """The location of one file.

    Attributes
    ----------
    location_type : str
        As in catalogs: 'S3', or the protocol: 'file', 'http', 'https', 'memory', ...
    url : str
        Canonical: ``s3://BUCKET/KEY`` (unquoted key), ``file:///abs/path`` (percent-encoded), ``https://HOST/PATH``.
    region : str
        The region in an S3 URL, else empty. It saves a request and does not count for equality.
    origin : str
        The URL of the folder of the remote catalog that named the location; empty if the user chose the location.
        Requests to a location with an origin reach no private address, and carry credentials only to the host of the
        catalog.

    Examples
    --------
    >>> location = parse_location("https://brainio.brainscore.s3.amazonaws.com/assy_a.nc", "S3")
    >>> location.url, location.bucket, location.key, location.name
    ('s3://brainio.brainscore/assy_a.nc', 'brainio.brainscore', 'assy_a.nc', 'assy_a.nc')
    """

    location_type: str
    url: str
    region: str = field(default="", compare=False)
    origin: str = ""

    def __str__(self) -> str:
        """Return the canonical URL without its secrets, for messages."""
        return self.url if self.location_type in {S3, "file"} else redact(self.url)

    def __repr__(self) -> str:
        return f"Location({self.location_type!r}, {str(self)!r})"

    @property
    def name(self) -> str:
        """The last component of the path, percent-decoded if the URL is percent-encoded."""
        if self.is_http:
            return unquote(posixpath.basename(urlsplit(self.url).path.rstrip("/")))
        if self.location_type == "file":
            return self.path.name
        return posixpath.basename(self.url.rstrip("/"))

    @property
    def is_local(self) -> bool:
        """Whether the file is on this machine, so that no network is needed."""
        return self.location_type in _LOCAL

    @property
    def is_http(self) -> bool:
        """Whether the protocol is HTTP or HTTPS."""
        return self.location_type in _HTTP

    @property
    def local_path(self) -> Path | None:
        """The path of a file on a local disk; None for every other location."""
        return self.path if self.location_type == "file" else None

    @property
    def is_shareable(self) -> bool:
        """Whether other people can use the location: it is on S3, or an HTTP URL without secrets."""
        return self.location_type == S3 or (self.is_http and redact(self.url) == self.url)

    @property
    def catalog_text(self) -> str:
        """The text by which catalogs refer to the location: an HTTPS URL for S3, else the canonical URL."""
        if self.location_type == S3:
            return f"https://{self.bucket}.s3.amazonaws.com/{quote(self.key)}"
        return self.url

    def is_in_bucket(self, buckets: Collection[str]) -> bool:
        """Whether the location is an S3 object in one of these buckets."""
        return self.location_type == S3 and self.bucket in buckets

    @property
    def path(self) -> Path:
        """The path of a location of type 'file'."""
        if self.location_type != "file":
            raise LocationError(f"{self} is not a local file and has no path. Fetch it first.")
        return Path(unquote(self.url.removeprefix("file://")))

    @property
    def bucket(self) -> str:
        """The bucket of a location of type 'S3'."""
        return self._s3_parts()[0]

    @property
    def key(self) -> str:
        """The key of a location of type 'S3'."""
        return self._s3_parts()[1]

    def _s3_parts(self) -> tuple[str, str]:
        if self.location_type != S3:
            raise LocationError(
                f"{self} is not on S3 and has neither bucket nor key. Give a location such as s3://BUCKET/KEY."
            )
        bucket, _, key = self.url.removeprefix("s3://").partition("/")
        return bucket, key


def parse_location(location: str, location_type: str = "", base: str | None = None) -> Location:
    """Parse a location from a catalog or a user.

    Parameters
    ----------
    location : str
        ``s3://BUCKET/KEY``; an S3 URL of any address style; a URL of a protocol that fsspec knows; or a path.
    location_type : str, optional
        'S3' (any case) or a protocol. Empty: inferred from the location.
    base : str, optional
        The folder of the catalog, as a path or a URL: relative paths are resolved against it. By default, they are
        resolved against the working directory. A URL means that the catalog is remote: then the location must be on S3,
        HTTP or HTTPS, or below that folder. For an SQLite database, the folder of its file is used; a database server
        has no folder.

    Raises
    ------
    LocationError
        The location is malformed, does not match its type, has an unknown protocol, or may not be named by its catalog.

    Examples
    --------
    >>> parse_location("files/a.csv", base="https://example.org/lab").url
    'https://example.org/lab/files/a.csv'
    >>> parse_location("s3://bucket/folder/a.csv").location_type
    'S3'
    """
    if not location.strip():
        raise LocationError(f"The location {location!r} is empty. Give a URL or a path.")
    fault = fault_of_text(location)
    if fault is not None:
        raise LocationError(f"The location {_quote(location)} holds {fault}. Give a URL or a path.")
    if _CHAIN.match(location):
        raise LocationError(
            f"The location {_quote(location)} chains file systems with '::'. Give the location of the file itself."
        )
    _require_file(location)
    folder, folder_scheme = _folder_of(base)
    if base is not None and folder_scheme not in {None, "file"}:
        return replace(_named_by_remote(location, location_type, base, folder_scheme), origin=base)
    kind, scheme = _canonical_kind(location_type), _scheme_of(location)
    if kind != S3 and scheme is None:
        return _parse_path(location, kind, folder)
    return _parse_url(location, kind, scheme)


def is_offline() -> bool:
    """Whether the environment variable `BRAINIO_OFFLINE` forbids every request; '', '0', 'false' and 'no' do not."""
    return os.environ.get(BRAINIO_OFFLINE, "").strip().lower() not in {"", "0", "false", "no"}


def require_online(location: Location) -> None:
    """Raise OfflineError if the environment forbids requests for a location."""
    if is_offline() and not location.is_local:
        raise OfflineError(
            f"{location} was not requested, since {BRAINIO_OFFLINE} is set. Unset it to use the network."
        )


def register_database(scheme: str, folder_of: Callable[[str], str | None]) -> None:
    """Accept the URL of a catalog in a database as the `base` of `parse_location`.

    Parameters
    ----------
    scheme : str
        The scheme of such URLs, for example `'sqlite'`.
    folder_of : callable
        Given the URL, returns the folder of the database's file; None: it is on a server, and has no folder.
    """
    _folders_of_databases[scheme] = folder_of


def _folder_of(base: str | None) -> tuple[str | None, str | None]:
    """Return the folder at which relative locations start and its scheme; '' for the scheme of a database server."""
    if base is None:
        return None, None
    folder_of = _folders_of_databases.get(base.partition(":")[0])
    folder = base if folder_of is None else folder_of(base)
    return (None, "") if folder is None else (folder, _scheme_of(folder))


def is_url(text: str) -> bool:
    """Whether a text is a URL; otherwise it is a path or an identifier.

    Examples
    --------
    >>> is_url("s3://lab/a.csv"), is_url("cards/a.json"), is_url("doi:10.5281/zenodo.1")
    (True, False, False)
    """
    return "://" in text


def is_opaque(location: str) -> bool:
    r"""Whether a text begins like a URL without ``//``; `parse_location` refuses it instead of taking it for a path.

    Examples
    --------
    >>> is_opaque("doi:10.5281/zenodo.1"), is_opaque("a.csv"), is_opaque(r"C:\lab"), is_opaque("./doi:10.5281")
    (True, False, False, False)
    """
    match = _OPAQUE.match(location)
    return match is not None and match[1].lower() not in {"data", "file"}


def _require_file(location: str) -> None:
    """Refuse texts that identify something other than a file: a DOI, an SSH address, a URL of an unknown kind."""
    text = location.strip()
    scheme = text.partition(":")[0].lower()
    if _SSH.match(text):
        raise LocationError(
            f"The location {_quote(location)} is an SSH address. Give the https URL at which the server offers the "
            f"file itself, or clone the repository and give the path of the file."
        )
    if scheme in _IDENTIFIERS and ":" in text:
        raise LocationError(
            f"The location {_quote(location)} is {_IDENTIFIERS[scheme]}, which leads to a page and not to a file. Open "
            f"the page and give the https URL of the file itself, such as "
            f"https://zenodo.org/records/NUMBER/files/NAME?download=1."
        )
    if is_opaque(text):
        raise LocationError(
            f"The location {_quote(location)} begins with {scheme!r} and a colon, but is not a URL. Give "
            f"s3://BUCKET/KEY, an https URL, a URL of a protocol that fsspec knows, or a path; for a path with a colon "
            f"write './' first."
        )


def _named_by_remote(location: str, location_type: str, base: str, base_scheme: str | None) -> Location:
    """Parse a location from a remote catalog."""
    kind, scheme = _canonical_kind(location_type), _scheme_of(location)
    if scheme is None and kind != S3 and not location.startswith(("/", "~")):
        return _below_url(location, base, base_scheme)
    if (scheme or "file") in _LOCAL and kind != S3:
        raise LocationError(
            f"The remote catalog at {redact(base)} may not name a file on this machine: "
            f"{_quote(location)}. Copy the catalog if you trust it."
        )
    if scheme not in {None, S3, *_HTTP}:
        raise LocationError(
            f"The remote catalog at {redact(base)} may only name locations on S3, HTTP and HTTPS, or below its own "
            f"folder: {_quote(location)}. Copy the catalog if you trust it."
        )
    return _parse_url(location, kind, scheme)


def _parse_url(location: str, kind: str, scheme: str | None) -> Location:
    if kind == S3:
        return _parse_s3(location, scheme)
    if kind and kind != scheme and not {kind, scheme} <= _HTTP:
        raise LocationError(
            f"The location {_quote(location)} is of type {scheme!r}, but its location_type says {kind!r}. "
            f"Correct one of them, or leave location_type empty."
        )
    if scheme == S3:
        return _parse_s3(location, scheme)
    if scheme == "file":
        return _parse_file_url(location)
    if scheme in _HTTP:
        return _parse_http(location, str(scheme), inferred=not kind)
    return _parse_other(location, str(scheme))


def _quote(location: str) -> str:
    """Quote a location for a message, without the secrets of a URL."""
    return repr(redact(location) if ":" in location else location)


def _canonical_kind(location_type: str) -> str:
    """Return 'S3', a protocol in lower case, or '' if the type is empty."""
    kind = location_type.strip().lower()
    if kind in _S3_SCHEMES:
        return S3
    kind = "file" if kind == "local" else kind
    if kind:
        _require_known(kind, "location_type", location_type)
    return kind


def _scheme_of(location: str) -> str | None:
    """Return the canonical scheme of a URL; None for a path."""
    match = _SCHEME.match(location)
    if match is None or (not match.group().endswith("//") and match[1].lower() not in {"data", "file"}):
        return None
    scheme = match[1].lower()
    if scheme in _S3_SCHEMES:
        return S3
    scheme = "file" if scheme == "local" else scheme
    _require_known(scheme, "location", location)
    return scheme


def _require_known(protocol: str, field: str, text: str) -> None:
    """Raise LocationError for a protocol that nothing here reads; the message quotes the field of the catalog."""
    if protocol in _HTTP or protocol in _LOCAL:
        return
    from fsspec.registry import known_implementations  # type: ignore[import-untyped]

    if protocol not in known_implementations or protocol in _WRAPPERS:
        known = ", ".join(sorted(set(known_implementations) - _WRAPPERS - _S3_SCHEMES))
        raise LocationError(
            f"The {field} {_quote(text)} has the unknown protocol {protocol!r}. Known are: S3, {known}."
        )


def _parse_s3(location: str, scheme: str | None) -> Location:
    if scheme == S3:
        bucket, _, key = location.split("://", 1)[1].partition("/")
        return _s3_location(location, bucket, key)
    parts = _split_url(location) if scheme in _HTTP else None
    host = _S3_HOST.fullmatch((parts.hostname or "").lower()) if parts else None
    if parts is None or host is None:
        raise LocationError(
            f"The location {_quote(location)} is not on S3. Expected s3://BUCKET/KEY or an S3 URL such as "
            f"https://BUCKET.s3.amazonaws.com/KEY; for another S3 server write s3://BUCKET/KEY and set "
            f"AWS_ENDPOINT_URL."
        )
    if parts.query:
        raise LocationError(
            f"The S3 location {_quote(location)} has a query. Give the key alone, with '?' written as %3F, and a "
            f"version in version_id."
        )
    path = unquote(parts.path.removeprefix("/"))
    bucket, key = (host["bucket"], path) if host["bucket"] else path.partition("/")[::2]
    region = host["region"] or ("cn-north-1" if parts.hostname and parts.hostname.endswith(".cn") else "")
    return _s3_location(location, bucket, key, "" if region == "external-1" else region)


def _s3_location(location: str, bucket: str, key: str, region: str = "") -> Location:
    if not _BUCKET.fullmatch(bucket):
        raise LocationError(
            f"The S3 location {_quote(location)} has no valid bucket name ({bucket!r}). Expected s3://BUCKET/KEY."
        )
    if not key or key.endswith("/") or "\0" in key:
        raise LocationError(
            f"The S3 location {_quote(location)} names no object: its key is {key!r}. Expected s3://BUCKET/KEY."
        )
    return Location(S3, f"s3://{bucket}/{key}", region)


def _parse_path(location: str, kind: str, base: str | None) -> Location:
    if kind not in {"", "file"}:
        raise LocationError(f"The location {location!r} is a path, but its location_type is {kind!r}. Give a full URL.")
    folder = Path(base or ".")
    if base is not None and _scheme_of(base) == "file":
        folder = _parse_file_url(base).path
    path = absolute_path(location) if location.startswith("~") else absolute_path(folder / location)
    return _file_location(os.path.abspath(path))  # noqa: PTH100 (links stay as they are)


def _below_url(location: str, base: str, scheme: str | None) -> Location:
    """Resolve a relative path against the URL of a folder, out of which '..' may not climb."""
    if not scheme:
        raise LocationError(
            f"The location {_quote(location)} is a path, but its catalog is in the database {redact(base)}, which "
            f"has no folder. Give a full URL."
        )
    path = posixpath.normpath(location)
    if path in {".", ".."} or path.startswith("../"):
        raise LocationError(
            f"The location {_quote(location)} leads out of {redact(base)!r}. Give a path below it, or a full URL."
        )
    if scheme in _HTTP:
        parts = _split_url(base)
        return _parse_http(
            urlunsplit((*parts[:2], f"{parts.path.rstrip('/')}/{quote(path)}", "", "")), scheme, inferred=True
        )
    return _parse_url(f"{base.rstrip('/')}/{path}", "", scheme)


def _parse_file_url(location: str) -> Location:
    rest = location.split(":", 1)[1]
    path = unquote(rest.removeprefix("//").removeprefix("localhost"))
    if not path.startswith("/") or "\0" in path:
        raise LocationError(f"The location {_quote(location)} is not an absolute path. Expected file:///absolute/path.")
    return _file_location(os.path.normpath(path))


def _file_location(path: str) -> Location:
    return Location("file", "file://" + quote("/" + path.lstrip("/"), safe="/~!$&'()*+,;=:@"))


def _parse_http(location: str, scheme: str, *, inferred: bool) -> Location:
    parts = _split_url(location)
    if not parts.hostname:
        raise LocationError(f"The location {_quote(location)} names no host. Expected {scheme}://HOST/PATH.")
    if inferred and not parts.query and _S3_HOST.fullmatch(parts.hostname.lower()):
        return _parse_s3(location, scheme)
    if not parts.path.strip("/") and not parts.query:
        raise LocationError(f"The location {_quote(location)} names no file. Expected {scheme}://HOST/PATH.")
    user, at, host = parts.netloc.rpartition("@")
    path, query = quote(parts.path or "/", safe=_URL_SAFE), quote(parts.query, safe=_URL_SAFE)
    return Location(scheme, urlunsplit((scheme, user + at + host.lower(), path, query, "")))


def _parse_other(location: str, scheme: str) -> Location:
    rest = location.split(":", 1)[1].removeprefix("//")
    if scheme == "memory":
        rest = rest.lstrip("/")
    if not rest.strip("/"):
        raise LocationError(f"The location {_quote(location)} names no file. Expected {scheme}://PATH.")
    if "::" in rest:  # fsspec takes it for a chain of file systems at any position
        raise LocationError(
            f"The location {_quote(location)} chains file systems with '::'. Give the location of the file itself."
        )
    return Location(scheme, f"{scheme}:{rest}" if scheme == "data" else f"{scheme}://{rest}")


def _split_url(location: str) -> SplitResult:
    try:
        parts = urlsplit(location.strip())
        parts.port  # noqa: B018 (raises for an invalid port)
    except ValueError as error:
        raise LocationError(
            f"The location {_quote(location)} is not a valid URL: {redact(str(error))}. Correct it."
        ) from None
    return parts
