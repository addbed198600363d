"""Detection of content that is not the expected file, from the first bytes and never from the media type.

Servers return other content with status 200: a sign-in page, a pointer of Git LFS or git-annex, an error document.
Files without an expected type are never refused, because any of these may be the right file.
"""

import json
import re
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

EXPECTED_CONTENT = {"nc": "a netCDF file", "csv": "a CSV table", "zip": "a ZIP archive"}
HEAD_SIZE = 4096  # bytes that identify a type
_LONGEST_JSON = 1 << 20
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAGIC = {
    _HDF5: "an HDF5 file",
    b"CDF\x01": "a netCDF file",
    b"CDF\x02": "a netCDF file",
    b"CDF\x05": "a netCDF file",
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "a ZIP archive",
    b"PK\x07\x08": "a ZIP archive",
    b"\x1f\x8b": "gzip-compressed data",
    b"%PDF-": "a PDF document",
    b"\x89PNG": "an image",
}
_TEXTS = (
    (rb"version https?://[\w.-]+/(?:spec/)?v\d", "a Git LFS pointer"),
    (rb"(?:/|(?:\.\./)*\.git/)annex/objects/", "a git-annex pointer"),
    (
        rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|(?:html|head|body|script|title|meta)\b)",
        "an HTML page",
    ),
    (rb"<\?xml\b|<Error>", "an XML document"),
)
_ADVICE = {
    "a Git LFS pointer": (
        "Run `git lfs pull` in the folder of the file; for a server, use the location of the file itself"
    ),
    "a git-annex pointer": "Run `git annex get` in the folder of the file",
    "an HTML page": (
        "Open the location in a browser: the page may ask you to sign in, or explain the failure. Use a location "
        "that needs no sign-in, or put the credentials into ~/.netrc"
    ),
    "an empty file": "Ask the publisher of the file whether its upload was completed",
    "an XML document": "Open the location in a browser to read what the server answers",
    "a JSON document": "Open the location in a browser to read what the server answers",
}


@dataclass(frozen=True)
class Mismatch:
    """The type of content that is not the expected file.

    Attributes
    ----------
    kind : str
        The detected type, such as ``'an HTML page'``.
    expected : str
        The expected type, such as ``'a netCDF file'``; empty if unknown.
    size : int
        Size in bytes.
    """

    kind: str
    expected: str
    size: int

    def message(self, origin: str, media_type: str = "") -> str:
        """Return an error message with the next step.

        Parameters
        ----------
        origin : str
            The location or path.
        media_type : str
            The media type in the response of the server; empty if it sent none.
        """
        label = f"{media_type}, " if media_type else ""
        expectation = f", where {self.expected} was expected" if self.expected else ""
        advice = _ADVICE.get(self.kind, "Check that the location is that of the file itself")
        return f"{origin} holds {label}{self.size:,} bytes{expectation}: {self.kind}. {advice}"


def find_mismatch(file: BinaryIO, part: str) -> Mismatch | None:
    """Return the mismatch if the content of a file cannot have the expected type; None if it can.

    Parameters
    ----------
    file : binary file
        Open for reading, and seekable.
    part : str
        ``'nc'``, ``'csv'`` or ``'zip'``; with any other part, every content matches.

    Examples
    --------
    >>> import io
    >>> find_mismatch(io.BytesIO(b"<!DOCTYPE html><p>Sign in"), "nc").kind
    'an HTML page'
    >>> find_mismatch(io.BytesIO(b"stimulus_id,filename"), "csv") is None
    True
    """
    if part not in EXPECTED_CONTENT:
        return None
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(HEAD_SIZE)
    if part == "nc" and _is_netcdf(file, head, size):
        return None
    if part == "zip" and (_find_magic(head) == EXPECTED_CONTENT["zip"] or zipfile.is_zipfile(file)):
        return None
    if _may_be_json(head) and size <= _LONGEST_JSON:
        file.seek(0)
        head = file.read()
    kind = detect_substitute(head, size) or _find_magic(head)
    if kind is None and part == "csv":
        return None
    return Mismatch(kind or f"content that begins with {head[:16]!r}", EXPECTED_CONTENT[part], size)


def detect_substitute(head: bytes, size: int) -> str | None:
    r"""Return the type of content that servers send instead of a file, such as a sign-in page; None if not detected.

    Examples
    --------
    >>> detect_substitute(b"version https://git-lfs.github.com/spec/v1\noid sha256:0", 130)
    'a Git LFS pointer'
    """
    if size == 0:
        return "an empty file"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, kind in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE | re.DOTALL):
            return kind
    return "a JSON document" if _may_be_json(head) and len(head) == size and _is_json(head) else None


def _is_netcdf(file: BinaryIO, head: bytes, size: int) -> bool:
    """Return whether the file has the signature of netCDF-3, or of HDF5 at one of the offsets that HDF5 allows."""
    if (_find_magic(head) or "") in {"a netCDF file", "an HDF5 file"}:
        return True
    offset = 512  # a user block may precede HDF5
    while offset + len(_HDF5) <= size:
        file.seek(offset)
        if file.read(len(_HDF5)) == _HDF5:
            return True
        offset *= 2
    return False


def _find_magic(head: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def _may_be_json(head: bytes) -> bool:
    return head.lstrip().startswith((b"{", b"["))


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
