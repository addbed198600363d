"""Promises of transfers: what breaks is continued, what is large comes in parts, what comes is what was promised."""

import hashlib
import itertools
import os
import time
from pathlib import Path

import pytest

from brainio.errors import ChangedFileError, IntegrityError, InterruptedTransferError, TransferError
from brainio.fetch import WantedFile, download, local_file
from brainio.fetch.download import Download
from brainio.stores import parse_location
from tests.servers import HttpFolder, S3Static

KIB = 1024
BODY = os.urandom(3 * 1024 * KIB + 17)
SHA1 = hashlib.sha1(BODY).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the pauses between attempts, but not their lengths."""
    monkeypatch.setattr(time, "sleep", lambda _: None)


def wanted(*locations: str, sha1: str = SHA1, size: int | None = None) -> WantedFile:
    return WantedFile([(parse_location(location), "") for location in locations], sha1, size=size)


def ranges(server: HttpFolder | S3Static) -> list[str]:
    return [request.headers.get("Range", "") for request in server.requests]


def test_a_transfer_that_breaks_is_continued_where_it_broke(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after, http_folder.cuts = 1024 * KIB, 2
    assert local_file(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    # One byte is asked for twice each time, since a server refuses to begin at the end of a file.
    assert ranges(http_folder) == ["", f"bytes={1024 * KIB - 1}-", f"bytes={2048 * KIB - 2}-"]


def test_a_server_without_ranges_gives_the_whole_again(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.ranges, http_folder.cut_after, http_folder.cuts = False, 1024 * KIB, 1
    assert local_file(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert len(http_folder.requests) == 2


def test_a_place_that_breaks_again_and_again_is_given_up(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after = 10
    with pytest.raises(InterruptedTransferError, match=r"a\.bin"):
        local_file(wanted(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 5


def give_up_half_way(server: HttpFolder, body: bytes, sha1: str = SHA1) -> None:
    """Fetch a file from a server that breaks after 200 KiB, of which 128 arrive, and then gives no more."""
    (server.folder / "a.bin").write_bytes(body)
    server.cut_after, server.cuts = 200 * KIB, 1
    server.refuse_after = len(server.requests) + 1
    with pytest.raises(TransferError, match="403"):
        local_file(wanted(f"{server.url}/a.bin", sha1=sha1))
    server.refuse_after = None
    server.requests.clear()


def test_what_one_call_left_the_next_one_continues(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY)
    assert local_file(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [f"bytes={128 * KIB - 1}-"]


def test_what_another_hash_left_is_not_continued(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY, sha1="0" * 40)
    assert local_file(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [""]


def test_a_rest_that_does_not_fit_what_was_left_is_fetched_as_a_whole(http_folder: HttpFolder) -> None:
    give_up_half_way(http_folder, BODY[::-1])
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert local_file(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [f"bytes={128 * KIB - 1}-", ""]


def test_a_mirror_continues_what_another_place_began(http_folder: HttpFolder, s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.cut_after, s3_static.cuts = 200 * KIB, 1
    s3_static.refuse_after = 1
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert local_file(wanted("s3://lab/a.bin", f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) in ([f"bytes={128 * KIB - 1}-"], [f"bytes={200 * KIB - 1}-"])


def test_a_file_that_is_replaced_in_the_middle_is_an_error_for_whoever_promised_no_hash(
    http_folder: HttpFolder,
) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    blocks = iter(Download(parse_location(f"{http_folder.url}/a.bin"), "", 0, lambda size: None))
    http_folder.cut_after, http_folder.cuts = 1024 * KIB, 1
    first = next(blocks)
    (http_folder.folder / "a.bin").write_bytes(BODY[::-1])
    assert first
    with pytest.raises(ChangedFileError, match=r"a\.bin was replaced while it was read"):
        list(blocks)


def test_wrong_bytes_are_an_error_that_names_the_place_and_leave_nothing(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY[::-1])
    with pytest.raises(IntegrityError, match=rf"{http_folder.url}/a\.bin: .*expected sha1 {SHA1}"):
        local_file(wanted(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 1
    left = [path for path in Path(os.environ["BRAINIO_HOME"]).rglob("*") if path.is_file()]
    assert [path.name for path in left if path.suffix != ".lock"] == ["CACHEDIR.TAG"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make 256 KiB a part, and 1 MiB a large file."""
    monkeypatch.setattr(download, "_PART", 256 * KIB)
    monkeypatch.setattr(download, "_IN_PARTS_FROM", 1024 * KIB)
    return 256 * KIB


def test_a_large_file_comes_in_parts_and_in_order(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    assert local_file(wanted("s3://lab/a.bin")).read_bytes() == BODY
    asked = ranges(s3_static)
    assert asked[0] == ""
    borders = sorted(tuple(map(int, one.removeprefix("bytes=").split("-"))) for one in asked[1:])
    assert all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(borders))
    assert borders[-1][1] == len(BODY) - 1
    assert len(borders) > 4


def test_a_part_that_breaks_is_asked_for_again(s3_static: S3Static, small_parts: int) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    s3_static.cut_after, s3_static.cuts = 200 * KIB, 3
    assert local_file(wanted("s3://lab/a.bin")).read_bytes() == BODY
    assert s3_static.cuts == 0


def test_a_server_that_does_not_announce_ranges_is_not_asked_for_parts(
    http_folder: HttpFolder, small_parts: int
) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    assert local_file(wanted(f"{http_folder.url}/a.bin")).read_bytes() == BODY
    assert ranges(http_folder) == [""]


def test_parts_of_a_file_that_is_replaced_are_not_mixed(
    s3_static: S3Static, small_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    blocks = iter(Download(parse_location("s3://lab/a.bin"), "", 0, lambda size: None))
    next(blocks)
    s3_static.objects["lab", "a.bin"] = BODY[::-1]
    with pytest.raises(ChangedFileError):
        list(blocks)


def test_the_size_is_announced_as_soon_as_the_place_tells_it(s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.bin"] = BODY
    sizes: list[int] = []
    next(iter(Download(parse_location("s3://lab/a.bin"), "", 0, sizes.append)))
    assert sizes == [len(BODY)]


def test_a_refusal_is_not_tried_again_here(http_folder: HttpFolder) -> None:
    http_folder.status["/a.bin"] = 403
    with pytest.raises(TransferError, match="403"):
        local_file(wanted(f"{http_folder.url}/a.bin"))
    assert len(http_folder.requests) == 1


def test_an_empty_file_is_a_file(http_folder: HttpFolder) -> None:
    (http_folder.folder / "empty").write_bytes(b"")
    path = local_file(wanted(f"{http_folder.url}/empty", sha1=hashlib.sha1(b"").hexdigest()))
    assert path.read_bytes() == b""
