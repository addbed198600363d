"""Inventory and pruning of a cache: its items, their state, and the order of removal."""

import logging
import os
import shutil
import time
import zipfile
from pathlib import Path

import pytest

from brainio.cache import Cache, hash_file
from brainio.cache.files import partial_folder
from brainio.cache.inventory import Item, list_items
from brainio.cache.pruning import LEFTOVER_LIFETIME, ORPHAN_AGE, prune, remove
from brainio.cache.verification import verify
from brainio.locks import acquire
from tests.cache.helpers import BODY, SHA1, Broken, feed, files_below, receive, rot

HOUR, DAY = 3600.0, 24 * 3600.0


def put(cache: Cache, letter: str, days: float = 0, size: int = 1000) -> str:
    """Store content that was last used some days ago, and return its sha1."""
    path = cache.add([letter.encode() * size], name=f"{letter}.nc")
    used(path.parent / ".verified.json", days)
    return path.parent.name


def used(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def packed(cache: Cache, days: float = 0) -> str:
    """Store and unpack an archive, and return its sha1."""
    source = cache.root.with_name("a.zip")
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("a.png", b"a" * 3000)
        archive.writestr("b.png", b"b" * 4000)
    path = cache.add([source.read_bytes()], name="a.zip")
    unpacked = cache.unpack(path)
    used(path.parent / ".verified.json", days)
    used(unpacked.folder.with_suffix(".json"), days)
    return unpacked.folder.name


def give_up(cache: Cache, days: float = 0) -> Path:
    with pytest.raises(Broken):
        feed(cache, BODY[:5000], Broken, sha1=SHA1)
    left = cache.root / "partial" / f"sha1-{SHA1}.part"
    used(left, days)
    return left


def kinds(items: list[Item] | tuple[Item, ...]) -> list[str]:
    return [item.kind for item in items]


def test_the_contents_are_listed_with_names_sizes_and_last_use(cache: Cache) -> None:
    sha1 = put(cache, "a", days=3)
    cache.find(sha1, "another name.nc")
    archive = packed(cache)
    cache.record_location("s3://bucket/a", None, sha1, "a.nc")
    give_up(cache)
    items = {(item.kind, item.sha1): item for item in list_items(cache.root)}
    assert set(items) == {
        ("content", sha1),
        ("content", archive),
        ("unpacked", archive),
        ("partial", SHA1),
        ("ref", sha1),
    }
    item = items["content", sha1]
    assert (item.names, item.size) == (("a.nc", "another name.nc"), 1000)
    assert items["unpacked", archive].size == 7000
    assert items["partial", SHA1].size == 5000
    assert items["ref", sha1].names == ("a.nc",)
    assert abs(time.time() - item.last_use) < HOUR  # the lookup above counts as a use


def test_a_missing_cache_is_empty_and_not_created(cache: Cache) -> None:
    assert list_items(cache.root) == []
    assert list(verify(cache.root)) == []
    assert prune(cache.root, max_size=0).items == remove(cache.root, [SHA1]).items == ()
    assert not cache.root.exists()


def test_the_last_use_is_recorded_at_most_once_an_hour(cache: Cache) -> None:
    sha1 = put(cache, "a", days=0.5 / 24)
    record = cache.root / "content" / sha1[:2] / sha1 / ".verified.json"
    before = record.stat().st_mtime_ns
    cache.find(sha1, "a.nc")
    assert record.stat().st_mtime_ns == before
    used(record, days=2 / 24)
    cache.find(sha1, "a.nc")
    assert record.stat().st_mtime_ns > before


def test_verify_finds_silent_damage_and_moves_it_to_quarantine(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    path = receive(cache)
    rot(path, b"\1" + BODY[1:])
    assert cache.find(SHA1, "a.nc") == path  # sizes and times are unchanged
    with caplog.at_level(logging.WARNING):
        (checked,) = verify(cache.root)
    assert "a.nc" in checked.fault
    assert SHA1 in caplog.text
    assert cache.find(SHA1, "a.nc") is None
    assert kinds(list_items(cache.root)) == ["quarantine"]
    assert receive(cache).read_bytes() == BODY
    assert not any(checked.fault for checked in verify(cache.root))


def test_verify_records_unknown_files(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = receive(cache)
    (path.parent / ".verified.json").unlink()
    assert [checked.fault for checked in verify(cache.root)] == [""]
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert cache.find(SHA1, "a.nc") == path


def test_verify_hashes_a_file_with_several_names_once(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = receive(cache)
    cache.find(SHA1, "b.nc")
    hashed = []

    def record(path: Path, algorithm: str = "sha1") -> str:
        hashed.append(path)
        return hash_file(path, algorithm)

    monkeypatch.setattr("brainio.cache.content_store.hash_file", record)
    assert [checked.fault for checked in verify(cache.root)] == [""]
    assert hashed == [path]


def test_removing_content_removes_all_names_and_derived_files(cache: Cache) -> None:
    archive, kept = packed(cache), put(cache, "k")
    cache.find(archive, "other.zip")
    cache.record_location("s3://bucket/a", None, archive, "a.zip")
    cache.record_location("s3://bucket/k", None, kept, "k.nc")
    removed = remove(cache.root, [archive, "0" * 40])
    assert sorted(kinds(removed.items)) == ["content", "ref", "unpacked"]
    assert sorted(kinds(list_items(cache.root))) == ["content", "ref"]
    assert cache.find(archive, "a.zip") is None
    assert cache.find_by_location("s3://bucket/k", None) is not None
    assert not [name for name in files_below(cache.root) if archive in name]


def test_bytes_linked_elsewhere_do_not_count_as_freed(cache: Cache) -> None:
    earlier = cache.root / "a" / "a.nc"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(BODY)
    assert cache.find(SHA1, "a.nc") is not None
    assert cache.find(SHA1, "b.nc") is not None
    assert remove(cache.root, [SHA1]).freed < 1000  # the record
    assert earlier.read_bytes() == BODY


def test_items_unused_for_long_are_pruned(cache: Cache) -> None:
    old, new = put(cache, "o", days=40), put(cache, "n", days=20)
    cache.record_location("s3://bucket/o", None, old, "o.nc")
    pruned = prune(cache.root, older_than=30 * DAY)
    assert [(item.kind, item.sha1) for item in pruned.items] == [("content", old), ("ref", old)]
    assert 1000 <= pruned.freed < 2000
    assert [item.sha1 for item in list_items(cache.root)] == [new]


def test_items_beyond_the_size_limit_are_pruned_the_least_recently_used_first(cache: Cache) -> None:
    digests = {letter: put(cache, letter, days) for letter, days in (("a", 2), ("b", 4), ("c", 1), ("d", 3))}
    pruned = prune(cache.root, max_size=2500)
    assert [item.sha1 for item in pruned.items] == [digests["b"], digests["d"]]
    assert prune(cache.root, max_size=2500).items == ()


def test_leftovers_are_pruned_first(cache: Cache) -> None:
    put(cache, "a", days=6)
    path = receive(cache)
    path.write_bytes(b"rot")
    assert cache.find(SHA1, "a.nc") is None
    give_up(cache, days=1)
    pruned = prune(cache.root, max_size=1000)
    assert sorted(kinds(pruned.items)) == ["partial", "quarantine"]
    assert kinds(list_items(cache.root)) == ["content"]


def test_junk_is_kept_for_a_week_unless_there_is_too_much(cache: Cache) -> None:
    left = give_up(cache, days=LEFTOVER_LIFETIME / DAY - 0.1)
    assert prune(cache.root).items == ()
    used(left, days=LEFTOVER_LIFETIME / DAY + 0.1)
    assert kinds(prune(cache.root).items) == ["partial"]
    assert files_below(cache.root) == []


def test_an_archive_is_in_use_while_its_members_are(cache: Cache) -> None:
    archive = packed(cache, days=40)
    used(cache.root / "unpacked" / archive[:2] / f"{archive}.json", days=1)
    assert prune(cache.root, older_than=30 * DAY).items == ()
    used(cache.root / "unpacked" / archive[:2] / f"{archive}.json", days=35)
    assert kinds(prune(cache.root, older_than=30 * DAY).items) == ["unpacked", "content"]


def test_members_are_pruned_before_their_archive(cache: Cache) -> None:
    packed(cache)
    assert kinds(prune(cache.root, max_size=7500).items) == ["unpacked"]
    assert kinds(list_items(cache.root)) == ["content"]


def test_a_dry_run_lists_items_and_removes_nothing(cache: Cache) -> None:
    put(cache, "a", days=5)
    archive = packed(cache, days=9)
    cache.record_location("s3://bucket/a", None, archive, "a.zip")
    give_up(cache)
    before = files_below(cache.root)
    would = [prune(cache.root, max_size=500, dry_run=True), remove(cache.root, [archive], dry_run=True)]
    assert files_below(cache.root) == before
    assert remove(cache.root, [archive], dry_run=False) == would[1]
    cache = Cache(cache.root.with_name("again"))
    put(cache, "a", days=5)
    cache.record_location("s3://bucket/a", None, packed(cache, days=9), "a.zip")
    give_up(cache)
    done = prune(cache.root, max_size=500)
    assert [(item.kind, item.size) for item in done.items] == [(item.kind, item.size) for item in would[0].items]
    assert done.freed == would[0].freed


def test_a_running_download_is_never_pruned(cache: Cache) -> None:
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.write(BODY[: len(BODY) // 2])
        for path in (cache.root / "partial").iterdir():
            used(path, days=300)
        assert prune(cache.root, older_than=0, max_size=0).items == ()
        incoming.write(BODY[len(BODY) // 2 :])
        assert incoming.finish().read_bytes() == BODY


def test_an_archive_is_never_pruned_while_it_is_unpacked(cache: Cache) -> None:
    key = f"unpack-{SHA1}"
    at_work = cache.root / "partial" / f"{key}.0"
    at_work.mkdir(parents=True)
    used(at_work, days=300)
    lock = acquire(at_work.parent, key)
    assert lock is not None
    assert prune(cache.root, max_size=0).items == ()
    lock.release()
    assert kinds(prune(cache.root).items) == ["partial"]


def test_a_temporary_file_of_an_unknown_process_is_pruned_after_an_hour(cache: Cache) -> None:
    path = partial_folder(cache.root) / "1234.0123456789abcdef"
    path.write_bytes(BODY)
    used(path, days=(ORPHAN_AGE - 60) / DAY)
    assert prune(cache.root, max_size=0).items == ()
    used(path, days=(ORPHAN_AGE + 60) / DAY)
    assert kinds(prune(cache.root, max_size=0).items) == ["partial"]


def test_only_temporary_files_of_dead_processes_are_pruned_at_once(cache: Cache) -> None:
    with cache.receive(name="a.nc") as incoming:
        incoming.write(BODY)
        (path,) = (cache.root / "partial").iterdir()
        used(path, days=300)
        dead = path.with_name(f"p{2**22}-1-{path.name.split('-', 2)[2]}")  # a pid that no process has
        dead.write_bytes(BODY)
        assert [item.path for item in prune(cache.root).items] == [dead]
        assert incoming.finish().read_bytes() == BODY


def test_locks_of_dead_processes_are_removed(cache: Cache) -> None:
    put(cache, "a")
    (cache.root / "partial" / f"sha1-{SHA1}.lock").touch()
    prune(cache.root)
    assert files_below(cache.root / "partial") == []


def test_an_item_used_after_it_was_listed_is_kept(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    sha1 = put(cache, "a", days=40)

    def listed_a_while_ago(root: Path) -> list[Item]:
        items = list_items(root)
        cache.find(sha1, "a.nc")
        return items

    monkeypatch.setattr("brainio.cache.pruning.list_items", listed_a_while_ago)
    assert prune(cache.root, older_than=30 * DAY).items == ()


def test_a_file_that_is_open_stays_readable_while_it_is_pruned(cache: Cache) -> None:
    with receive(cache).open("rb") as file:
        prune(cache.root, max_size=0)
        assert file.read() == BODY
    assert files_below(cache.root) == []


def test_an_unpacked_folder_is_removed_atomically(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = packed(cache)
    folder = cache.root / "unpacked" / archive[:2] / archive
    real, seen = shutil.rmtree, []

    def record(path: Path, *, ignore_errors: bool) -> None:
        seen.append((folder.exists(), sorted(entry.name for entry in path.iterdir())))
        real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", record)
    prune(cache.root, max_size=7500)
    assert seen == [(False, ["a.png", "b.png"])]


@pytest.mark.parametrize("years", [-50, -1])
def test_a_clock_that_was_set_back_prunes_and_hashes_nothing(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    put(cache, "b", days=3)
    packed(cache)
    sha1 = put(cache, "a")
    give_up(cache)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + years * 365 * DAY)
    assert prune(cache.root, older_than=2 * DAY).items == ()
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert cache.find(sha1, "a.nc") is not None


def test_a_use_while_the_clock_is_set_back_makes_no_item_older(cache: Cache) -> None:
    sha1 = put(cache, "a", days=-365)  # used before the clock was set back
    record = cache.root / "content" / sha1[:2] / sha1 / ".verified.json"
    before = record.stat().st_mtime_ns
    cache.find(sha1, "a.nc")
    assert record.stat().st_mtime_ns == before


def test_files_from_the_future_are_trusted_by_their_fingerprint_alone(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = receive(cache)
    os.utime(path, (2**32, 2**32))
    assert cache.find(SHA1, "a.nc") == path
    monkeypatch.setattr("brainio.cache.content_store.hash_file", None)
    assert cache.find(SHA1, "a.nc") == path
