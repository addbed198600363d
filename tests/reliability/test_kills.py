"""SIGKILL at random moments of fetching and publishing leaves no incomplete data, and the next run succeeds.

Two kills each, from a fixed seed; the slow tier has ten, or as many as the environment variable `KILLS` states.
"""

import csv
import hashlib
import itertools
import os
import random
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import brainio
from brainio.catalogs.listing import read_listing
from brainio.packaging import package_stimulus_set
from brainio.processes import owner_of
from brainio.stimuli import StimulusSet
from tests.reliability.faults import slowly
from tests.reliability.faulty_lab import CSV, NAME, PICTURES, ZIP, FaultyLab, incomplete_files, load, unpacked_folder
from tests.reliability.processes import join, start
from tests.servers import MotoS3

MANY = int(os.environ.get("KILLS", "10"))
with_kills = pytest.mark.parametrize(
    "kills", [2, pytest.param(MANY, marks=pytest.mark.slow(reason=f"{MANY} kills, each followed by another run"))]
)


def killed_at_random(
    work: Callable[..., object],
    *arguments: object,
    look: Callable[[], None],
    longest: float,
    stored: Callable[[], bool] = lambda: True,
) -> bool:
    """Kill a process at a random time after it has stored something. Return False if it had finished before.

    Calls `look` again and again until then.
    """
    process = start(work, *arguments)
    while process.is_alive() and not stored():
        time.sleep(0.01)
    end = time.monotonic() + random.uniform(0, longest)
    while process.is_alive() and time.monotonic() < end:
        look()
        time.sleep(0.002)
    process.kill()
    process.join()
    look()
    assert process.exitcode in {0, -9}
    return process.exitcode == -9


def duration(work: Callable[..., object], *arguments: object) -> float:
    """Return the duration of the work, in seconds."""
    assert join([start(os.getpid)]) == [0]  # the first process waits for all imports
    began = time.monotonic()
    assert join([start(work, *arguments)]) == [0]
    return time.monotonic() - began


def load_from(catalog: Path) -> None:
    brainio.add_catalog(catalog)
    load()


@with_kills
def test_a_fetch_killed_at_any_moment_leaves_no_incomplete_file_and_the_next_succeeds(
    faulty_lab: FaultyLab, kills: int
) -> None:
    lab = faulty_lab

    def look() -> None:
        assert incomplete_files(lab.home) == []

    def has_begun() -> bool:
        return any((lab.home / "partial").glob("*.*")) or any(lab.home.glob("content/*/*/*"))

    lab.server.faults = {name: itertools.repeat(slowly(0.1, 64)) for name in (CSV, ZIP)}
    longest = duration(load_from, lab.catalog)
    random.seed(4)
    killed, states = 0, set()
    while killed < kills:
        if random.random() < 0.4:
            shutil.rmtree(lab.home, ignore_errors=True)
        late = {"longest": longest / 2, "stored": has_begun} if killed % 2 else {"longest": longest}
        killed += killed_at_random(load_from, lab.catalog, look=look, **late)
        states.add((len(lab.files("content")), len(lab.files("partial")), unpacked_folder(lab.home).is_dir()))
    print(f"{killed} kills; states that they left: {states}")
    assert len(states) > min(kills - 2, 1)  # kills at different stages
    assert join([start(load_from, lab.catalog)]) == [0]
    look()
    requests_before = len(lab.server.requests)
    load()
    assert len(lab.server.requests) == requests_before


def _stimuli(folder: Path) -> StimulusSet:
    folder.mkdir(exist_ok=True)
    rows, paths = [], {}
    for number in range(40):
        path = folder / f"{number}.bin"
        path.write_bytes(PICTURES["one.png"][: 10_000 * (number % 7)] + bytes([number]))
        rows.append({"stimulus_id": f"s{number}", "hue": number})
        paths[f"s{number}"] = path
    stimuli = StimulusSet(rows)
    stimuli.stimulus_paths = paths
    return stimuli


def publish(folder: Path, identifier: str, bucket: Path | str) -> None:
    """Publish a stimulus set into the catalog of a folder."""
    package_stimulus_set(folder / "lab.csv", _stimuli(folder / "stimuli"), identifier, bucket_name=bucket)


def read_rows(catalog: Path) -> list[dict[str, str]]:
    """Return the rows of a catalog, which must be valid, complete and without duplicates."""
    if not catalog.exists():
        return []
    text = catalog.read_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_listing("lab", text, str(catalog))
    rows = list(csv.DictReader(text.splitlines()))
    keys = [(row["identifier"], row["class"]) for row in rows]
    assert len(keys) == len(set(keys))
    for identifier in {row["identifier"] for row in rows}:
        assert {cls for name, cls in keys if name == identifier} == {"StimulusSet", ""}
    return rows


def _kill_publishing(folder: Path, bucket: Path | str, body_of: Callable[[str], bytes | None], kills: int) -> set[int]:
    """Kill publishing processes, every second one after it has begun to store. Return the stages at which they died."""
    sound: set[tuple[str, str]] = set()

    def look() -> None:
        for place, sha1 in {(row["location"], row["sha1"]) for row in read_rows(folder / "lab.csv")} - sound:
            body = body_of(place)
            assert body is not None
            assert hashlib.sha1(body).hexdigest() == sha1
            sound.add((place, sha1))

    def stage(identifier: str) -> int:
        places = [f"files/{identifier.replace('lab.', 'stimulus_lab_')}.{part}" for part in ("csv", "zip")]
        is_listed = any(row["identifier"] == identifier for row in read_rows(folder / "lab.csv"))
        return sum(body_of(place) is not None for place in places) + is_listed

    longest = duration(publish, folder, "lab.First", bucket)
    random.seed(7)
    killed, number, stages = 0, 0, set()
    while killed < kills:
        name = f"lab.N{number}"
        late = {"longest": 0.03, "stored": lambda name=name: stage(name) > 0} if killed % 2 else {"longest": longest}
        was_killed = killed_at_random(publish, folder, name, bucket, look=look, **late)
        killed += was_killed
        stages.add(stage(name))
        if not was_killed or random.random() < 0.7:  # otherwise, kill the next run as well
            assert join([start(publish, folder, name, bucket)]) == [0]
            number += 1
    assert join([start(publish, folder, f"lab.N{number}", bucket)]) == [0]
    look()
    expected = {"lab.First", *(f"lab.N{n}" for n in range(number + 1))}
    assert {row["identifier"] for row in read_rows(folder / "lab.csv")} == expected
    print(f"{killed} kills; states that they left: {stages}")
    assert leftovers(folder, Path(tempfile.gettempdir())) == []
    return stages


def leftovers(*folders: Path) -> list[Path]:
    """Return the temporary files and folders of dead processes in some folders (in the first one, at any depth)."""
    first, *others = folders
    paths = [*first.rglob("*"), *(path for folder in others for path in folder.glob(".brainio.*"))]
    owners = [(path, owner_of(path)) for path in paths]
    return [path for path, owner in owners if owner is not None and owner.is_gone]


def _loads(folder: Path, identifier: str) -> None:
    brainio.add_catalog(folder / "lab.csv")
    stimuli = _stimuli(folder / "stimuli")
    loaded = brainio.get_stimulus_set(f"lab:{identifier}")
    for stimulus_id, path in stimuli.stimulus_paths.items():
        assert loaded.get_stimulus(stimulus_id).read_bytes() == path.read_bytes()


@with_kills
def test_publishing_to_a_folder_killed_at_any_moment_lists_only_complete_entries_once(
    tmp_path: Path, kills: int
) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()

    def body_of(place: str) -> bytes | None:
        path = folder / place
        return path.read_bytes() if path.exists() else None

    stages = _kill_publishing(folder, folder / "files", body_of, kills)
    assert max(stages) > 0
    assert join([start(_loads, folder, "lab.N0")]) == [0]


@with_kills
def test_publishing_to_s3_killed_at_any_moment_lists_only_complete_entries_once(
    tmp_path: Path, moto_s3: MotoS3, kills: int
) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    moto_s3.create_bucket("lab-bucket")
    client = moto_s3.client()

    def body_of(place: str) -> bytes | None:
        key = f"files/{place.rpartition('/')[2]}"
        try:
            return client.get_object(Bucket="lab-bucket", Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None

    stages = _kill_publishing(folder, "lab-bucket/files", body_of, kills)
    assert max(stages) > 0
    assert join([start(_loads, folder, "lab.N0")]) == [0]


def test_the_next_run_adopts_a_stored_file_without_an_entry(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    publish(folder, NAME, folder / "files")
    (folder / "lab.csv").unlink()
    before = {path: path.stat().st_mtime_ns for path in (folder / "files").iterdir()}
    publish(folder, NAME, folder / "files")
    assert {path: path.stat().st_mtime_ns for path in (folder / "files").iterdir()} == before
    assert [row["identifier"] for row in read_rows(folder / "lab.csv")] == [NAME, NAME]


@pytest.mark.parametrize("lost", ["csv", "zip"])
def test_the_next_run_completes_a_package_with_one_stored_file(tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    publish(folder, NAME, folder / "files")
    (folder / "lab.csv").unlink()
    (folder / "files" / f"stimulus_lab_Doe2026.{lost}").unlink()
    publish(folder, NAME, folder / "files")
    assert join([start(_loads, folder, NAME)]) == [0]
