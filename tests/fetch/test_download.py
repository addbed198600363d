"""Downloads resume after interruptions, fetch large files in parts, and return the expected bytes or an error."""

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
from tests.servers import HttpFolder, OpenEndedRanges, S3Static

KIB = 1024
BODY = os.urandom(3 * 1024 * KIB + 17)
SHA1 = hashlib.sha1(BODY).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the time of pauses between attempts."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(Stop, "pause", lambda stop, _: stop.check())


def expected_file(*locations: str, sha1: str = SHA1, size: int | None = None) -> ExpectedFile:
    return ExpectedFile([(parse_location(location), "") for location in locations], sha1, size=size)


def download(
    location: str, set_size: Callable[[int], None] = lambda _: None, restart: Callable[[], None] = lambda: None
) -> Download:
    """Return a download from the first byte, without a hash."""
    progress = TransferBar("a.bin", None).file(None)
    progress.set_size = set_size  # type: ignore[method-assign, assignment]
    return Download(parse_location(location), "", 0, progress, lambda: None, restart, verified=False)


def ranges(server: HttpFolder | S3Static) -> list[str]:
    return [request.headers.get("Range", "") for request in server.requests]


def test_an_interrupted_transfer_resumes_at_the_interruption(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after, http_folder.cuts = 1024 * KIB, 2
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    # One byte is requested twice each time, because servers refuse a range that starts at the end of a file.
    assert ranges(http_folder) == ["", f"bytes={1024 * KIB - 1}-", f"bytes={2048 * KIB - 2}-"]


def test_a_server_without_ranges_sends_the_whole_file_again(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.ranges, http_folder.cut_after, http_folder.cuts = False, 1024 * KIB, 1
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert len(http_folder.requests) == 2


def test_a_location_that_keeps_breaking_is_an_error(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after = 10
    with pytest.raises(InterruptedTransferError, match=r"a\.bin"):
        ensure_cached(expected_file(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 5


def give_up_half_way(server: HttpFolder, body: bytes, sha1: str = SHA1) -> None:
    """Fetch a file from a server that breaks after 200 KiB, of which 128 arrive, and then refuses requests."""
    (server.folder / "a.bin").write_bytes(body)
    server.cut_after, server.cuts = 200 * KIB, 1
    server.refuse_after = len(server.requests) + 1
    with pytest.raises(TransferError, match="403"):
        ensure_cached(expected_file(f"{server.url}/a.bin", sha1=sha1))
    server.refuse_after = None
    server.requests.clear()


def test_a_call_resumes_the_partial_file_of_an_earlier_call(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY)
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [f"bytes={128 * KIB - 1}-"]


def test_a_partial_file_of_another_hash_is_not_resumed(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY, sha1="0" * 40)
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [""]


def test_a_partial_file_with_wrong_bytes_is_fetched_again(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY[::-1])
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [f"bytes={128 * KIB - 1}-", ""]


def test_a_mirror_resumes_the_partial_file_of_another_location(http_folder: HttpFolder, s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.cut_after, s3_static.cuts = 200 * KIB, 1
    s3_static.refuse_after = 1
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(expected_file("s3://lab/a.bin", f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) in ([f"bytes={128 * KIB - 1}-"], [f"bytes={200 * KIB - 1}-"])


def blocks_since_the_last_restart(location: str, replace: Callable[[], object]) -> bytes:
    """Download a file that is replaced after its first block; return the bytes since the last restart."""
    blocks: list[bytes] = []
    for block in download(location, restart=blocks.clear):
        if not blocks:
            replace()
        blocks.append(block)
    return b"".join(blocks)


def test_without_a_hash_a_file_replaced_during_the_transfer_is_fetched_from_its_first_byte(
    http_folder: HttpFolder,
) -> None:
    file = http_folder.folder / "a.bin"
    file.write_bytes(BODY)
    http_folder.cut_after, http_folder.cuts = 1024 * KIB, 1
    content = blocks_since_the_last_restart(f"{http_folder.url}/a.bin", lambda: file.write_bytes(BODY[::-1]))
    assert content == BODY[::-1]
    assert ranges(http_folder) == ["", f"bytes={1024 * KIB - 1}-", ""]


@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "the same"])
def test_without_a_hash_an_fsspec_transfer_resumes_only_if_the_file_is_unchanged(
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
    content = ensure_cached(expected_file("memory://download/a.bin", sha1="")).read_bytes()
    assert content == (BODY[::-1] if replaced else BODY)
    assert (starts.count(0) == 2) is replaced


def test_wrong_bytes_are_an_error_that_names_the_location_and_leave_no_file(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY[::-1])
    with pytest.raises(IntegrityError, match=rf"{http_folder.url}/a\.bin: .*expected sha1 {SHA1}"):
        ensure_cached(expected_file(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 1
    remaining = [path for path in Path(os.environ["BRAINIO_HOME"]).rglob("*") if path.is_file()]
    assert [path.name for path in remaining if path.suffix != ".lock"] == ["CACHEDIR.TAG"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Reduce the size of parts to 256 KiB, and of large files to 1 MiB."""
    monkeypatch.setattr(downloading, "_PART", 256 * KIB)
    monkeypatch.setattr(downloading, "_IN_PARTS_FROM", 1024 * KIB)
    return 256 * KIB


def test_a_large_file_is_fetched_in_ordered_parts(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    assert ensure_cached(expected_file("s3://lab/a.bin")).read_bytes() == BODY
    requested = ranges(s3_static)
    assert requested[0] == ""
    spans = sorted(tuple(map(int, header.removeprefix("bytes=").split("-"))) for header in requested[1:])
    assert all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(spans))
    assert spans[-1][1] == len(BODY) - 1
    assert len(spans) > 4


def test_an_interrupted_part_is_requested_again(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.cut_after, s3_static.cuts = 200 * KIB, 3
    assert ensure_cached(expected_file("s3://lab/a.bin")).read_bytes() == BODY
    assert s3_static.cuts == 0


def test_parts_are_requested_only_from_servers_that_announce_ranges(http_folder: HttpFolder, small_parts: int) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [""]


def test_parts_of_a_replaced_file_are_not_mixed(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    replaced = {("lab", "a.bin"): BODY[::-1]}
    content = blocks_since_the_last_restart("s3://lab/a.bin", lambda: s3_static.objects.update(replaced))
    assert content == BODY[::-1]


def test_a_large_file_without_hash_and_validator_uses_one_connection(
    monkeypatch: pytest.MonkeyPatch, small_parts: int
) -> None:
    with WeakETagServer({("lab", "a.bin"): BODY}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert ensure_cached(expected_file("s3://lab/a.bin", sha1="")).read_bytes() == BODY
        assert ranges(server) == [""]


def test_the_size_is_announced_with_the_first_response(s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    sizes: list[int] = []
    next(iter(download("s3://lab/a.bin", sizes.append)))
    assert sizes == [len(BODY)]


def test_a_refused_request_is_not_repeated(http_folder: HttpFolder) -> None:
    http_folder.status["/a.bin"] = 403
    with pytest.raises(TransferError, match="403"):
        ensure_cached(expected_file(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 1


def test_an_empty_file_can_be_fetched(http_folder: HttpFolder) -> None:
    (http_folder.folder / "empty").write_bytes(b"")
    path = ensure_cached(expected_file(f"{http_folder.url}/empty", sha1=hashlib.sha1(b"").hexdigest()))
    assert path.read_bytes() == b""


class LoadBalancer(S3Static):
    """Servers behind one address, each with its own ETag for the same bytes."""

    def send(self, handler: Any, body: bytes, headers: Mapping[str, str]) -> None:
        super().send(handler, body, {**headers, "ETag": f'"node{len(self.requests) % 3}"'})


class WeakETagServer(S3Static):
    """A server with weak ETags, such as a compressing proxy."""

    def send(self, handler: Any, body: bytes, headers: Mapping[str, str]) -> None:
        super().send(handler, body, {**headers, "ETag": 'W/"1"'})


@pytest.mark.parametrize("sha1", [SHA1, ""], ids=["with a hash", "without"])
def test_a_server_that_ignores_the_end_of_a_range_gives_the_right_bytes(
    monkeypatch: pytest.MonkeyPatch, small_parts: int, sha1: str
) -> None:
    with OpenEndedRanges({("lab", "a.bin"): BODY}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert ensure_cached(expected_file("s3://lab/a.bin", sha1=sha1)).read_bytes() == BODY
        assert f"bytes={small_parts - 1}-" in ranges(server)


def test_a_server_that_stops_serving_parts_sends_the_rest_over_one_connection(
    s3_static: S3Static, small_parts: int
) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.ranges = False
    assert ensure_cached(expected_file("s3://lab/a.bin")).read_bytes() == BODY
    assert f"bytes={small_parts - 1}-" in ranges(s3_static)


def test_differing_etags_are_accepted_if_a_hash_verifies_the_bytes(
    monkeypatch: pytest.MonkeyPatch, small_parts: int
) -> None:
    with LoadBalancer({("lab", "a.bin"): BODY}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert ensure_cached(expected_file("s3://lab/a.bin")).read_bytes() == BODY
        assert ensure_cached(expected_file("s3://lab/a.bin", sha1="")).read_bytes() == BODY


@pytest.mark.parametrize("kind", ["S3", "http"])
def test_a_partial_file_longer_than_the_file_is_discarded(
    http_folder: HttpFolder, s3_static: S3Static, kind: str
) -> None:
    give_up_half_way(http_folder, BODY[::-1], sha1=hashlib.sha1(BODY[:1000]).hexdigest())
    server: HttpFolder | S3Static = http_folder
    if kind == "S3":
        server, location = s3_static, "s3://lab/a.bin"
        s3_static.objects["lab", "a.bin"] = BODY[:1000]
    else:
        location = f"{http_folder.url}/a.bin"
        (http_folder.folder / "a.bin").write_bytes(BODY[:1000])
    short = expected_file(location, sha1=hashlib.sha1(BODY[:1000]).hexdigest())
    assert ensure_cached(short).read_bytes() == BODY[:1000]
    assert ranges(server) == [f"bytes={128 * KIB - 1}-", ""]


def test_the_number_of_parts_in_memory_is_bounded(
    s3_static: S3Static, small_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading._limits, "parts", threading.BoundedSemaphore(3))
    s3_static.objects["lab", "a.bin"] = BODY
    blocks = iter(download("s3://lab/a.bin"))
    received = 0
    while received <= small_parts:
        received += len(next(blocks))
    threading.Event().wait(0.3)
    assert len(ranges(s3_static)) <= 1 + 3
    assert received + sum(map(len, blocks)) == len(BODY)
    assert downloading._limits.parts._value == 3


def test_a_cached_file_without_a_hash_is_not_hashed_again(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    monkeypatch.setattr("brainio.fetch.entry_files.hash_file", None)
    path = ensure_cached(expected_file(f"{http_folder.url}/a.bin", sha1=""))
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin", sha1="")) == path
    assert len(http_folder.requests) == 1


def test_a_file_pruned_during_the_lookup_is_fetched_again(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert ensure_cached(expected_file(f"{http_folder.url}/a.bin"))
    find = Cache.find

    def find_and_prune(cache: Cache, *arguments: Any) -> Path | None:
        path = find(cache, *arguments)
        if path is not None:
            shutil.rmtree(path.parent)
        return path

    monkeypatch.setattr(Cache, "find", find_and_prune)
    for size in (None, len(BODY)):
        assert ensure_cached(expected_file(f"{http_folder.url}/a.bin", size=size)).read_bytes() == BODY


def test_offline_errors_come_before_errors_about_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineError):
        ensure_cached(expected_file("s3://lab/a.bin"))


def test_bytes_resumed_from_a_mirror_are_counted_once(
    http_folder: HttpFolder, s3_static: S3Static, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_half_way(http_folder, BODY)
    s3_static.objects["lab", "a.bin"] = BODY
    http_folder.refuse_after = 0
    counted: list[int] = []
    monkeypatch.setattr(TransferBar, "add", lambda bar, count: counted.append(count))
    ensure_cached(expected_file(f"{http_folder.url}/a.bin", "s3://lab/a.bin"))
    assert sum(counted) == len(BODY)
