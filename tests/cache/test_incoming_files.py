"""Files being received: verified on arrival, resumed after any interruption, renamed atomically."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainio.cache import Cache, IncomingFile
from brainio.errors import CacheError, IntegrityError
from tests.cache.helpers import BODY, MIB, SHA1, SHA256, Broken, feed, files_below, receive

FIRST = 3 * MIB


def interrupt(cache: Cache, count: int = FIRST, error: type[BaseException] = Broken, body: bytes = BODY) -> None:
    """Receive some bytes, then raise an error."""
    with pytest.raises(error):
        feed(cache, body[:count], error, sha1=SHA1, size=len(BODY))


def kill(cache: Cache, count: int = FIRST, body: bytes = BODY) -> Path:
    """Leave a partial file like a killed process, and return it."""
    interrupt(cache, count, body=body)
    left = cache.root / "partial" / f"sha1-{SHA1}.part"
    return left.rename(left.with_name(f"sha1-{SHA1}.{os.urandom(8).hex()}"))


ENDS = [interrupt, kill]


def test_received_bytes_are_found_by_hash_and_name_without_leftovers(cache: Cache) -> None:
    with cache.receive(name="a.nc", sha1=SHA1, sha256=SHA256, size=len(BODY)) as incoming:
        assert (incoming.found, incoming.offset) == (None, 0)
        for start in range(0, len(BODY), 100_000):
            incoming.write(BODY[start : start + 100_000])
        path = incoming.finish()
    assert path == cache.find(SHA1, "a.nc", SHA256)
    assert path.read_bytes() == BODY
    assert files_below(cache.root) == [
        f"content/{SHA1[:2]}/{SHA1}/.verified.json",
        f"content/{SHA1[:2]}/{SHA1}/a.nc",
    ]


def test_a_file_in_the_cache_is_found_without_receiving_bytes(cache: Cache) -> None:
    path = receive(cache)
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        assert incoming.found == path
        with pytest.raises(ValueError, match=r"a\.nc"):
            incoming.write(b"more")


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_a_download_resumes_after_any_kind_of_interruption(cache: Cache, error: type[BaseException]) -> None:
    interrupt(cache, error=error)
    assert files_below(cache.root) == [f"partial/sha1-{SHA1}.part"]
    with cache.receive(name="b.nc", sha1=SHA1) as incoming:
        assert incoming.offset == FIRST
        incoming.write(BODY[FIRST:])
        assert incoming.finish().read_bytes() == BODY
    assert files_below(cache.root / "partial") == []


def test_the_download_of_a_killed_process_is_resumed(cache: Cache) -> None:
    kill(cache)
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        assert incoming.offset == FIRST
        incoming.write(BODY[FIRST:])
        assert incoming.finish().read_bytes() == BODY
    assert files_below(cache.root / "partial") == []


def test_the_longest_of_several_killed_downloads_is_resumed(cache: Cache) -> None:
    longest = kill(cache)
    shutil.copy(longest, longest.with_name("kept"))
    longest.unlink()
    kill(cache, 5)
    longest.with_name("kept").rename(longest)
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        assert incoming.offset == FIRST
        assert len(files_below(cache.root / "partial")) == 2  # the lock and the new partial file


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_stopped_after_the_last_byte_leaves_nothing_to_fetch(
    cache: Cache, end: Callable[..., object]
) -> None:
    end(cache, len(BODY))
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        assert incoming.found is not None
        assert incoming.found.read_bytes() == BODY
    assert files_below(cache.root / "partial") == []


def test_a_download_without_a_hash_starts_from_the_first_byte(cache: Cache) -> None:
    for count in (FIRST, 0):
        with pytest.raises(Broken):
            feed(cache, BODY[:count], Broken, size=len(BODY))
        assert files_below(cache.root) == []


def test_a_download_with_another_hash_starts_from_the_first_byte(cache: Cache) -> None:
    interrupt(cache)
    with cache.receive(name="a.nc", sha1="0" * 40) as incoming:
        assert incoming.offset == 0


@pytest.mark.parametrize("end", ENDS)
def test_a_bad_partial_file_is_discarded_before_the_second_attempt(cache: Cache, end: Callable[..., object]) -> None:
    end(cache, body=b"\1" * len(BODY))
    with pytest.raises(IntegrityError, match=SHA1):
        receive(cache)
    assert files_below(cache.root) == []
    assert receive(cache).read_bytes() == BODY


@pytest.mark.parametrize("end", ENDS)
def test_a_partial_file_longer_than_the_expected_size_is_discarded(cache: Cache, end: Callable[..., object]) -> None:
    end(cache)
    with cache.receive(name="a.nc", sha1=SHA1, size=FIRST - 1) as incoming:
        assert incoming.offset == 0


def test_a_restart_by_the_server_is_accepted(cache: Cache) -> None:
    interrupt(cache)
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.restart()
        assert incoming.offset == 0
        incoming.write(BODY)
        assert incoming.finish().read_bytes() == BODY


@pytest.mark.parametrize(
    "promised",
    [{"sha1": "0" * 40}, {"sha1": SHA1, "sha256": "0" * 64}, {"size": len(BODY) - 1}, {"size": len(BODY) + 1}],
    ids=["sha1", "sha256", "too long", "too short"],
)
def test_bytes_that_fail_their_hash_are_not_cached(cache: Cache, promised: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=r"a\.nc"):
        feed(cache, BODY, **promised)
    assert files_below(cache.root) == []


@pytest.mark.parametrize("bad", [b"\1" * len(BODY), BODY + b"more", BODY[:-1]], ids=["other", "longer", "shorter"])
def test_another_location_can_be_tried_after_bad_bytes(cache: Cache, bad: bytes) -> None:
    with cache.receive(name="a.nc", sha1=SHA1, size=len(BODY)) as incoming:
        with pytest.raises(IntegrityError):
            write_and_finish(incoming, bad)
        assert incoming.offset == len(bad)
        incoming.restart()
        assert incoming.offset == 0
        assert write_and_finish(incoming, BODY).read_bytes() == BODY


def write_and_finish(incoming: IncomingFile, body: bytes) -> Path:
    incoming.write(body)
    return incoming.finish()


def test_an_endless_stream_is_ended_at_the_expected_size(cache: Cache) -> None:
    with cache.receive(name="a", sha1=SHA1, size=10) as incoming:
        incoming.write(b"12345")
        incoming.write(b"12345")
        with pytest.raises(IntegrityError, match="found more"):
            incoming.write(b"1")
    assert files_below(cache.root) == []


def test_content_with_only_a_sha256_is_found_the_second_time(cache: Cache) -> None:
    with cache.receive(name="a.nc", sha256=SHA256) as incoming:
        incoming.write(BODY)
        path = incoming.finish()
    with cache.receive(name="a.nc", sha256=SHA256) as incoming:
        assert incoming.found == path


def test_content_of_another_size_than_expected_is_not_found(cache: Cache) -> None:
    receive(cache)
    with cache.receive(name="a.nc", sha1=SHA1, size=len(BODY) + 1) as incoming:
        assert incoming.found is None


@pytest.mark.parametrize("removed", ["the partial file", "the whole folder", "the place where it goes"])
def test_a_file_removed_while_it_is_written_is_rewritten_from_the_open_file(cache: Cache, removed: str) -> None:
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.write(BODY)
        if removed == "the partial file":
            for path in (cache.root / "partial").iterdir():
                path.unlink()
        elif removed == "the whole folder":
            shutil.rmtree(cache.root)
        else:
            shutil.rmtree(cache.root / "content", ignore_errors=True)
        assert incoming.finish().read_bytes() == BODY
    assert cache.find(SHA1, "a.nc") is not None


def test_a_file_is_synced_before_its_rename_and_its_folder_afterwards(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace
    content = cache.root / "content" / SHA1[:2] / SHA1

    def record_sync(descriptor: int) -> None:
        is_folder = content.exists() and os.path.samestat(os.fstat(descriptor), content.stat())
        seen.append("folder" if is_folder else "file")
        fsync(descriptor)

    def record_rename(path: Path, target: Path) -> Path:
        if target.name == "a.nc":
            seen.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Path, "replace", record_rename)
    receive(cache)
    assert seen == ["file", "name", "folder"]


def test_a_large_file_is_written_to_the_disk_while_it_grows(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr("brainio.cache.incoming_files.SYNC_INTERVAL", MIB)
    monkeypatch.setattr(os, "fsync", record)
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        for start in range(0, len(BODY), MIB):
            incoming.write(BODY[start : start + MIB])
        incoming.finish()
    assert len([size for size in synced if MIB <= size < len(BODY)]) >= 2
    assert len(BODY) in synced


@pytest.mark.parametrize("every", [MIB, 64 * MIB], ids=["while it grows", "at its end"])
def test_a_failed_sync_is_an_error_and_leaves_nothing(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("brainio.cache.incoming_files.SYNC_INTERVAL", every)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CacheError, match=r"Input/output error.*BRAINIO_HOME"):
        feed(cache, BODY, sha1=SHA1)
    assert files_below(cache.root) == []


def test_a_file_is_invisible_before_it_is_verified(cache: Cache) -> None:
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.write(BODY)
        assert cache.find(SHA1, "a.nc") is None
        assert not (cache.root / "content").exists()
        incoming.finish()
        assert cache.find(SHA1, "a.nc") is not None


def test_a_renamed_file_is_not_hashed_again(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(cache)
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert cache.find(SHA1, "a.nc") is not None


def test_a_download_is_resumed_even_without_locks(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with caplog.at_level(logging.DEBUG, "brainio.locks"):
        interrupt(cache)
    assert "No locks available" in caplog.text
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        assert incoming.offset == FIRST
        with cache.receive(name="a.nc", sha1=SHA1) as other:  # no wait
            assert (other.found, other.offset) == (None, 0)
            other.write(BODY)
            other.finish()
        incoming.write(BODY[FIRST:])
        assert incoming.finish().read_bytes() == BODY
    assert files_below(cache.root / "partial") == [f"sha1-{SHA1}.lock"]


def test_two_holders_of_one_lock_do_not_mix_their_bytes(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.write(BODY[:FIRST])
        with cache.receive(name="a.nc", sha1=SHA1) as other:
            assert other.offset == FIRST
            other.write(BODY[FIRST:])
            path = other.finish()
        incoming.write(b"\1" * (len(BODY) - FIRST))
        with pytest.raises(IntegrityError):
            incoming.finish()
    assert path.read_bytes() == BODY


def test_a_download_works_if_the_lock_file_cannot_be_created(cache: Cache) -> None:
    (cache.root / "partial" / f"sha1-{SHA1}.lock").mkdir(parents=True)
    interrupt(cache)
    assert receive(cache).read_bytes() == BODY


def test_a_download_larger_than_the_disk_is_refused_before_its_first_byte(cache: Cache) -> None:
    interrupt(cache)
    with (
        pytest.raises(CacheError, match=r"a\.nc needs .* BRAINIO_HOME"),
        cache.receive(name="a.nc", sha1=SHA1, size=2**60),
    ):
        pytest.fail("begun")
    assert files_below(cache.root) == [f"partial/sha1-{SHA1}.part"]


STEPS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["leave", "die", "restart"])), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=120), STEPS, st.integers(1, 50))
def test_a_download_in_any_pieces_gives_the_same_bytes(
    tmp_path: Path, body: bytes, steps: list[tuple[int, str]], block: int
) -> None:
    cache, sha1 = Cache(tmp_path / os.urandom(8).hex()), hashlib.sha1(body).hexdigest()
    partial, here = cache.root / "partial", 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainio.cache.incoming_files.BLOCK", block)
        for count, end in steps:
            with cache.receive(name="a", sha1=sha1) as incoming:
                if incoming.found is not None:
                    assert here == len(body)
                    break
                assert incoming.offset == here
                if end == "restart":
                    incoming.restart()
                incoming.write(body[incoming.offset : incoming.offset + count])
                here = incoming.offset
            if end == "die" and here:
                (partial / f"sha1-{sha1}.part").rename(partial / f"sha1-{sha1}.{here:x}")
        assert receive(cache, body, "a").read_bytes() == body
    assert files_below(partial) == []
