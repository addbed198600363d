"""Promises of transfers: what breaks is continued, what is large comes in parts, what comes is what was promised."""

import hashlib
import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.memory import MemoryFile  # type: ignore[import-untyped]

from brainio.cache import Cache
from brainio.errors import IntegrityError, InterruptedTransferError, OfflineError, TransferError
from brainio.fetch import ExpectedFile, ensure_cached
from brainio.fetch import download as downloading
from brainio.fetch.download import Download
from brainio.progress import TransferBar
from brainio.stores import parse_location
from brainio.threads import Stop
from tests.servers import HttpFolder, S3Static, ToTheEnd

KIB = 1024
BODY = os.urandom(3 * 1024 * KIB + 17)
SHA1 = hashlib.sha1(BODY).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the pauses between attempts, but not their lengths."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(Stop, "pause", lambda stop, _: stop.check())


def wanted(*locations: str, sha1: str = SHA1, size: int | None = None) -> ExpectedFile:
    return ExpectedFile([(parse_location(location), "") for location in locations], sha1, size=size)


def download(
    location: str, announce: Callable[[int], None] = lambda _: None, restart: Callable[[], None] = lambda: None
) -> Download:
    """Return the bytes of a location from the first on; no hash is promised."""
    progress = TransferBar("a.bin", None).file(None)
    progress.announce = announce  # type: ignore[method-assign, assignment]
    return Download(parse_location(location), "", 0, progress, lambda: None, restart, verified=False)


def ranges(server: HttpFolder | S3Static) -> list[str]:
    return [request.headers.get("Range", "") for request in server.requests]


def test_a_transfer_that_breaks_is_continued_where_it_broke(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after, http_folder.cuts = 1024 * KIB, 2
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    # One byte is asked for twice each time, since a server refuses to begin at the end of a file.
    assert ranges(http_folder) == ["", f"bytes={1024 * KIB - 1}-", f"bytes={2048 * KIB - 2}-"]


def test_a_server_without_ranges_gives_the_whole_again(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.ranges, http_folder.cut_after, http_folder.cuts = False, 1024 * KIB, 1
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert len(http_folder.requests) == 2


def test_a_place_that_breaks_again_and_again_is_given_up(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after = 10
    with pytest.raises(InterruptedTransferError, match=r"a\.bin"):
        ensure_cached(wanted(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 5


def give_up_half_way(server: HttpFolder, body: bytes, sha1: str = SHA1) -> None:
    """Fetch a file from a server that breaks after 200 KiB, of which 128 arrive, and then gives no more."""
    (server.folder / "a.bin").write_bytes(body)
    server.cut_after, server.cuts = 200 * KIB, 1
    server.refuse_after = len(server.requests) + 1
    with pytest.raises(TransferError, match="403"):
        ensure_cached(wanted(f"{server.url}/a.bin", sha1=sha1))
    server.refuse_after = None
    server.requests.clear()


def test_what_one_call_left_the_next_one_continues(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY)
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [f"bytes={128 * KIB - 1}-"]


def test_what_another_hash_left_is_not_continued(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY, sha1="0" * 40)
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [""]


def test_a_rest_that_does_not_fit_what_was_left_is_fetched_as_a_whole(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY[::-1])
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [f"bytes={128 * KIB - 1}-", ""]


def test_a_mirror_continues_what_another_place_began(http_folder: HttpFolder, s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.cut_after, s3_static.cuts = 200 * KIB, 1
    s3_static.refuse_after = 1
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(wanted("s3://lab/a.bin", f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) in ([f"bytes={128 * KIB - 1}-"], [f"bytes={200 * KIB - 1}-"])


def blocks_since_the_last_restart(location: str, replace: Callable[[], object]) -> bytes:
    """Download a file that is replaced when its first block has come; return what the caller keeps."""
    blocks: list[bytes] = []
    for block in download(location, restart=blocks.clear):
        if not blocks:
            replace()
        blocks.append(block)
    return b"".join(blocks)


def test_without_a_hash_a_file_that_is_replaced_during_the_transfer_is_transferred_from_its_first_byte(
    http_folder: HttpFolder,
) -> None:
    file = http_folder.folder / "a.bin"
    file.write_bytes(BODY)
    http_folder.cut_after, http_folder.cuts = 1024 * KIB, 1
    got = blocks_since_the_last_restart(f"{http_folder.url}/a.bin", lambda: file.write_bytes(BODY[::-1]))
    assert got == BODY[::-1]
    assert ranges(http_folder) == ["", f"bytes={1024 * KIB - 1}-", ""]


@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "the same"])
def test_without_a_hash_a_file_of_another_store_that_breaks_is_continued_only_in_the_same_state(
    monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/download/a.bin", BODY)
    breaks, read, starts = iter([True]), MemoryFile.read, []

    def break_once(file: MemoryFile, size: int = -1) -> bytes:
        starts.append(file.tell())
        if file.tell() >= 1024 * KIB and next(breaks, False):
            if replaced:
                memory.pipe_file("/download/a.bin", BODY[::-1])
            raise OSError("the connection was lost")
        return bytes(read(file, size))

    monkeypatch.setattr(MemoryFile, "read", break_once)
    got = ensure_cached(wanted("memory://download/a.bin", sha1="")).read_bytes()
    assert got == (BODY[::-1] if replaced else BODY)
    assert (starts.count(0) == 2) is replaced


def test_wrong_bytes_are_an_error_that_names_the_place_and_leave_nothing(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY[::-1])
    with pytest.raises(IntegrityError, match=rf"{http_folder.url}/a\.bin: .*expected sha1 {SHA1}"):
        ensure_cached(wanted(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 1
    left = [path for path in Path(os.environ["BRAINIO_HOME"]).rglob("*") if path.is_file()]
    assert [path.name for path in left if path.suffix != ".lock"] == ["CACHEDIR.TAG"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make 256 KiB a part, and 1 MiB a large file."""
    monkeypatch.setattr(downloading, "_PART", 256 * KIB)
    monkeypatch.setattr(downloading, "_IN_PARTS_FROM", 1024 * KIB)
    return 256 * KIB


def test_a_large_file_comes_in_parts_and_in_order(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    assert ensure_cached(wanted("s3://lab/a.bin")).read_bytes() == BODY
    asked = ranges(s3_static)
    assert asked[0] == ""
    borders = sorted(tuple(map(int, one.removeprefix("bytes=").split("-"))) for one in asked[1:])
    assert all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(borders))
    assert borders[-1][1] == len(BODY) - 1
    assert len(borders) > 4


def test_a_part_that_breaks_is_asked_for_again(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.cut_after, s3_static.cuts = 200 * KIB, 3
    assert ensure_cached(wanted("s3://lab/a.bin")).read_bytes() == BODY
    assert s3_static.cuts == 0


def test_a_server_that_does_not_announce_ranges_is_not_asked_for_parts(
    http_folder: HttpFolder, small_parts: int
) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [""]


def test_parts_of_a_file_that_is_replaced_are_not_mixed(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    replaced = {("lab", "a.bin"): BODY[::-1]}
    got = blocks_since_the_last_restart("s3://lab/a.bin", lambda: s3_static.objects.update(replaced))
    assert got == BODY[::-1]


def test_without_a_hash_and_a_validator_a_large_file_comes_over_one_connection(
    monkeypatch: pytest.MonkeyPatch, small_parts: int
) -> None:
    with Weak({("lab", "a.bin"): BODY}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert ensure_cached(wanted("s3://lab/a.bin", sha1="")).read_bytes() == BODY
        assert ranges(server) == [""]


def test_the_size_is_announced_as_soon_as_the_place_tells_it(s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    sizes: list[int] = []
    next(iter(download("s3://lab/a.bin", sizes.append)))
    assert sizes == [len(BODY)]


def test_a_refusal_is_not_tried_again_here(http_folder: HttpFolder) -> None:
    http_folder.status["/a.bin"] = 403
    with pytest.raises(TransferError, match="403"):
        ensure_cached(wanted(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 1


def test_an_empty_file_is_a_file(http_folder: HttpFolder) -> None:
    (http_folder.folder / "empty").write_bytes(b"")
    path = ensure_cached(wanted(f"{http_folder.url}/empty", sha1=hashlib.sha1(b"").hexdigest()))
    assert path.read_bytes() == b""


class Balanced(S3Static):
    """Servers behind one address, each with a name of its own for the same bytes."""

    def send(self, handler: Any, body: bytes, headers: Mapping[str, str]) -> None:
        super().send(handler, body, {**headers, "ETag": f'"node{len(self.requests) % 3}"'})


class Weak(S3Static):
    """A server whose ETags are weak, as those of a proxy that compresses."""

    def send(self, handler: Any, body: bytes, headers: Mapping[str, str]) -> None:
        super().send(handler, body, {**headers, "ETag": 'W/"1"'})


@pytest.mark.parametrize("sha1", [SHA1, ""], ids=["with a hash", "without"])
def test_a_server_that_ignores_the_end_of_a_part_gives_the_right_bytes(
    monkeypatch: pytest.MonkeyPatch, small_parts: int, sha1: str
) -> None:
    with ToTheEnd({("lab", "a.bin"): BODY}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert ensure_cached(wanted("s3://lab/a.bin", sha1=sha1)).read_bytes() == BODY
        assert f"bytes={small_parts - 1}-" in ranges(server)


def test_a_server_that_gives_parts_no_more_gives_the_rest_over_one_connection(
    s3_static: S3Static, small_parts: int
) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.ranges = False
    assert ensure_cached(wanted("s3://lab/a.bin")).read_bytes() == BODY
    assert f"bytes={small_parts - 1}-" in ranges(s3_static)


def test_tags_that_differ_do_not_matter_where_a_hash_decides(monkeypatch: pytest.MonkeyPatch, small_parts: int) -> None:
    with Balanced({("lab", "a.bin"): BODY}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert ensure_cached(wanted("s3://lab/a.bin")).read_bytes() == BODY
        assert ensure_cached(wanted("s3://lab/a.bin", sha1="")).read_bytes() == BODY


@pytest.mark.parametrize("kind", ["S3", "http"])
def test_what_was_left_of_a_longer_file_is_given_up(http_folder: HttpFolder, s3_static: S3Static, kind: str) -> None:
    give_up_half_way(http_folder, BODY[::-1], sha1=hashlib.sha1(BODY[:1000]).hexdigest())
    server: HttpFolder | S3Static = http_folder
    if kind == "S3":
        server, location = s3_static, "s3://lab/a.bin"
        s3_static.objects["lab", "a.bin"] = BODY[:1000]
    else:
        location = f"{http_folder.url}/a.bin"
        (http_folder.folder / "a.bin").write_bytes(BODY[:1000])
    short = wanted(location, sha1=hashlib.sha1(BODY[:1000]).hexdigest())
    assert ensure_cached(short).read_bytes() == BODY[:1000]
    assert ranges(server) == [f"bytes={128 * KIB - 1}-", ""]


def test_the_parts_that_wait_in_memory_are_bounded(
    s3_static: S3Static, small_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading._limits, "parts", threading.BoundedSemaphore(3))
    s3_static.objects["lab", "a.bin"] = BODY
    blocks = iter(download("s3://lab/a.bin"))
    came = 0
    while came <= small_parts:
        came += len(next(blocks))
    threading.Event().wait(0.3)
    assert len(ranges(s3_static)) <= 1 + 3
    assert came + sum(map(len, blocks)) == len(BODY)
    assert downloading._limits.parts._value == 3


def test_a_file_without_a_hash_is_not_read_again(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    monkeypatch.setattr("brainio.fetch.entry_files.hash_file", None)
    path = ensure_cached(wanted(f"{http_folder.url}/a.bin", sha1=""))
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin", sha1="")) == path
    assert len(http_folder.requests) == 1


def test_a_file_that_is_pruned_while_it_is_looked_for_is_fetched_again(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(wanted(f"{http_folder.url}/a.bin"))
    find = Cache.find

    def find_and_lose(cache: Cache, *arguments: Any) -> Path | None:
        path = find(cache, *arguments)
        if path is not None:
            shutil.rmtree(path.parent)
        return path

    monkeypatch.setattr(Cache, "find", find_and_lose)
    for size in (None, len(BODY)):
        assert ensure_cached(wanted(f"{http_folder.url}/a.bin", size=size)).read_bytes() == BODY


def test_offline_a_cache_that_cannot_be_written_is_not_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineError):
        ensure_cached(wanted("s3://lab/a.bin"))


def test_bytes_that_a_mirror_need_not_give_again_are_counted_once(
    http_folder: HttpFolder, s3_static: S3Static, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_half_way(http_folder, BODY)
    s3_static.objects["lab", "a.bin"] = BODY
    http_folder.refuse_after = 0
    counted: list[int] = []
    monkeypatch.setattr(TransferBar, "add", lambda bar, count: counted.append(count))
    ensure_cached(wanted(f"{http_folder.url}/a.bin", "s3://lab/a.bin"))
    assert sum(counted) == len(BODY)
