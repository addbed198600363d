"""Fuzz ZIP archives: any bytes are unpacked inside the cache or refused with a BrainioError."""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.security import harness


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return the bytes of an archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, body in members.items():
            written.writestr(zipfile.ZipInfo(name), body, method)
    return file.getvalue()


SEEDS: Sequence[bytes] = (
    archive({"one.png": b"picture one", "two.png": b"picture two"}),
    archive({"a/b/c.txt": b"deep" * 50, "a/": b"", "d.txt": b""}, zipfile.ZIP_DEFLATED),
    archive({"../up.txt": b"up", "/abs.txt": b"abs"}),
    archive({"zeros.bin": bytes(4096)}, zipfile.ZIP_DEFLATED),
    archive({"x.txt": b"x"}, zipfile.ZIP_LZMA),
    archive({"a\x1b[2J.txt": b"x", "A.TXT": b"y", "a.txt": b"z", "e\u0301": b"1", "\u00e9": b"2"}),
    archive({"a/" * 40 + "x": b"deep"}),
)


def load() -> tuple[Sequence[bytes], Callable[[bytes], None]]:
    from brainio.cache import Cache
    from brainio.errors import BrainioError

    top = Path(tempfile.mkdtemp(prefix="brainio-fuzz-"))
    given = top / "given.zip"

    def check(data: bytes) -> None:
        given.write_bytes(data)
        root = top / "cache"
        try:
            unpacked = Cache(root).unpack(given)
            for name in unpacked.members:
                if not unpacked.path(name).resolve().is_relative_to(root.resolve()):
                    raise AssertionError(f"{name!r} lies outside")
        except BrainioError:
            pass
        finally:
            outside = sorted(path.name for path in top.iterdir())
            shutil.rmtree(root, ignore_errors=True)
        if not {"given.zip", "cache"}.issuperset(outside):
            raise AssertionError(f"written outside of the cache: {outside}")

    return SEEDS, check


if __name__ == "__main__":
    harness.main(["brainio.cache", "zipfile"], load)
