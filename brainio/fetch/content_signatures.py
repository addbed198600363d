"""Whether bytes can be a file of the expected kind, judged by the bytes and never by what a server calls them.

Servers answer with other things than the file, and with status 200: a page to sign in, the pointer of Git LFS or of
git-annex, an error document. A file of an unknown kind is never judged, since any of these may be the wanted file.
"""

import json
import re
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

EXPECTED_CONTENT = {"nc": "a netCDF file", "csv": "a CSV table", "zip": "a ZIP archive"}
HEAD_SIZE = 4096  # bytes that tell what a file is
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
        "Run `git lfs pull` in the folder that holds the file; for a server, use the location of the file itself"
    ),
    "a git-annex pointer": "Run `git annex get` in the folder that holds the file",
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
    """What bytes are that cannot be the expected file.

    Attributes
    ----------
    kind
        In words, such as ``'an HTML page'``.
    expected
        In words, such as ``'a netCDF file'``; empty where nobody knows.
    size
        Bytes.
    """

    kind: str
    expected: str
    size: int

    def message(self, origin: str, media_type: str = "") -> str:
        """Describe it for an error, with the next step.

        Parameters
        ----------
        origin
            The location or path.
        media_type
            What the server called the content; empty if it sent no media type.
        """
        called = f"{media_type}, " if media_type else ""
        where = f", where {self.expected} was expected" if self.expected else ""
        advice = _ADVICE.get(self.kind, "Check that the location is that of the file itself")
        return f"{origin} holds {called}{self.size:,} bytes{where}: {self.kind}. {advice}"


def find_mismatch(file: BinaryIO, part: str) -> Mismatch | None:
    """Return what a file is if it cannot be of the expected kind; None where it can.

    Parameters
    ----------
    file
        Open for reading, and seekable.
    part
        ``'nc'``, ``'csv'`` or ``'zip'``; a file of any other kind is never judged.

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
    if part == "zip" and (_magic_of(head) == EXPECTED_CONTENT["zip"] or zipfile.is_zipfile(file)):
        return None
    if _may_be_json(head) and size <= _LONGEST_JSON:
        file.seek(0)
        head = file.read()
    kind = detect_substitute(head, size) or _magic_of(head)
    if kind is None and part == "csv":
        return None
    return Mismatch(kind or f"content that begins with {head[:16]!r}", EXPECTED_CONTENT[part], size)


def detect_substitute(head: bytes, size: int) -> str | None:
    r"""Name the substitute for a file that the first bytes show, such as a sign-in page; None if they show none.

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
    """Whether the file has the signature of netCDF-3, or that of HDF5 at one of the offsets that HDF5 allows."""
    if (_magic_of(head) or "") in {"a netCDF file", "an HDF5 file"}:
        return True
    offset = 512  # before HDF5 there may be a block of the user
    while offset + len(_HDF5) <= size:
        file.seek(offset)
        if file.read(len(_HDF5)) == _HDF5:
            return True
        offset *= 2
    return False


def _magic_of(head: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def _may_be_json(head: bytes) -> bool:
    return head.lstrip().startswith((b"{", b"["))


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
