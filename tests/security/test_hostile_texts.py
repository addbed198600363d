"""Long hostile texts take linear time: URLs, names, headers and keys of lock files."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brainio.errors import LockfileError
from brainio.lockfile.lock_format import read_lockfile
from brainio.service.resources.downloads import _BYTE_RANGE
from brainio.service.responses import _ACCEPTS_GZIP
from brainio.stores.redaction import redact
from brainio.text import nearest

LONG = 100_000  # characters; quadratic time would be more than a minute
TEXTS: dict[str, Callable[[], object]] = {
    "users of URLs": lambda: redact("a://b:c" * (LONG // 7)),
    "users of URLs behind an at sign": lambda: redact("@" + "a://b:c" * (LONG // 7)),
    "queries of URLs": lambda: redact("a?" + "&" * LONG),
    "accepted encodings": lambda: _ACCEPTS_GZIP.search("gzip" + " " * LONG + "x"),
    "qualities of encodings": lambda: _ACCEPTS_GZIP.search("gzip;q=" + "1" * LONG + "x"),
    "ranges of bytes": lambda: _BYTE_RANGE.fullmatch("bytes=" + " " * LONG + "x"),
    "names of two letters": lambda: nearest(
        "ab" * 100, ["".join("ab"[n >> bit & 1] for bit in range(199)) for n in range(10_000)]
    ),
    "long names": lambda: nearest("ab" * 5000, ["ba" * 5000] * 1000),
}


@pytest.mark.parametrize("work", TEXTS.values(), ids=TEXTS)
def test_the_time_for_a_hostile_text_is_linear(work: Callable[[], object]) -> None:
    began = time.process_time()
    work()
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("https://me:S3CRET@lab.org/a https://you:S3CRET@lab.org/b", "https://lab.org/a https://lab.org/b"),
        ("https://me:S3C@RET@lab.org:80/a@b.csv", "https://lab.org:80/a@b.csv"),
        ("(https://me:S3/CRET@lab.org/a)", "(https://lab.org/a)"),
    ],
)
def test_secrets_of_several_urls_are_redacted(secret: str, shown: str) -> None:
    assert redact(secret) == shown


@pytest.mark.parametrize(
    "text", [f"{'.'.join('a' * 50_000)} = 1", f"[{'.'.join('a' * 50_000)}]", f"x = {{{'.'.join('a' * 50_000)} = 1}}"]
)
def test_a_lock_file_with_keys_of_very_many_parts_is_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "brainio.lock").write_text(text)
    began = time.process_time()
    with pytest.raises(LockfileError, match="it has a key of more than 16 parts"):
        read_lockfile(tmp_path / "brainio.lock")
    assert time.process_time() - began < 10


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{a=" * 100_000, "a = " + "9" * 100_000, "a = '\0'"])
def test_a_deeply_nested_lock_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "brainio.lock").write_text(text)
    with pytest.raises(LockfileError, match="is malformed"):
        read_lockfile(tmp_path / "brainio.lock")
