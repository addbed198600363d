"""Publishing is atomic: after a kill, a refusal or a race, catalog and bucket are complete or unchanged.

Two kills from a fixed seed; the slow tier has ten, or as many as the environment variable `KILLS` states.
"""

import csv
import hashlib
import io
import os
import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import brainio
from brainio.catalogs import CatalogSource
from brainio.catalogs.listing import read_listing
from brainio.errors import AccessRefusedError, BrainioError, CatalogError, PackagingError, TransferError
from brainio.packaging import package_stimulus_set
from brainio.stimuli import StimulusSet
from brainio.stores import s3_store
from tests.cache.helpers import mounted
from tests.reliability.processes import exit_code, join, start
from tests.reliability.test_kills import duration, killed_at_random, with_kills
from tests.servers import MotoS3

PART = 5 << 20  # the smallest part that S3 accepts
ON_S3 = "s3://lab-bucket/lab.csv"
NAME = "lab.Doe2026"
FILES = ("files/stimulus_lab_Doe2026.csv", "files/stimulus_lab_Doe2026.zip")


@pytest.fixture
def bucket(moto_s3: MotoS3) -> MotoS3:
    """A bucket for files and catalogs."""
    moto_s3.create_bucket("lab-bucket")
    return moto_s3


def stimuli_of(seed: int, size: int = 100) -> StimulusSet:
    """Create one stimulus of random bytes."""
    path = Path(f"stimulus{os.getpid()}-{seed}.bin").absolute()
    path.write_bytes(random.Random(seed).randbytes(size))
    made = StimulusSet([{"stimulus_id": "s", "hue": seed}])
    made.stimulus_paths = {"s": path}
    return made


def publish(
    folder: Path, catalog: str | Path, names: list[str], seed: int = 0, size: int = 100, to: str = "lab-bucket/files"
) -> None:
    """Publish stimulus sets of one stimulus; files above 5 MiB are uploaded in parts."""
    os.chdir(folder)
    s3_store.PART = PART
    for name in names:
        package_stimulus_set(catalog, stimuli_of(seed, size), name, to)


def rows_of(catalog: str | Path) -> list[dict[str, str]]:
    """Return the rows of a catalog, which must be valid and unique, with both files of each entry."""
    text = CatalogSource("lab", str(catalog)).backend.read_current()
    if text is None:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_listing("lab", text, str(catalog))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    found = Counter((row["identifier"], row["class"]) for row in rows)
    assert set(found.values()) <= {1}
    assert {name for name, _ in found} == {name for name, cls in found if cls and (name, "") in found}
    return rows


def require_complete(server: MotoS3, rows: list[dict[str, str]]) -> None:
    """Check that the bucket has exactly the files of the rows, the catalog and its cards."""
    keys = {row["location"].partition(".com/")[2]: row["sha1"] for row in rows}
    cards = {row["card"] for row in rows}
    assert set(server.keys("lab-bucket")) - {"lab.csv"} - cards == set(keys)
    client = server.client()
    for key, sha1 in keys.items():
        body = client.get_object(Bucket="lab-bucket", Key=key)["Body"].read()
        assert hashlib.sha1(body).hexdigest() == sha1
    assert server.open_uploads("lab-bucket") == []


@with_kills
def test_publishing_killed_at_any_moment_is_completed_by_the_next_run(
    tmp_path: Path, bucket: MotoS3, kills: int
) -> None:
    bucket.client().put_bucket_versioning(Bucket="lab-bucket", VersioningConfiguration={"Status": "Enabled"})
    work = (publish, tmp_path, ON_S3)
    size = 3 * PART

    def look() -> None:
        """Check that the bucket has the files of all rows."""
        keys = set(bucket.keys("lab-bucket"))
        assert {row["location"].partition(".com/")[2] for row in rows_of(ON_S3)} <= keys

    def state() -> tuple[int, int, int]:
        return len(bucket.keys("lab-bucket")), len(bucket.open_uploads("lab-bucket")), len(rows_of(ON_S3))

    longest = duration(*work, ["lab.First2026"], 0, size)
    random.seed(11)
    killed, number, states = 0, 1, {state()}
    while killed < kills:
        before = state()
        late = {"longest": longest / 2, "stored": lambda before=before: state() != before}
        moment = late if killed % 2 else {"longest": longest}
        was_killed = killed_at_random(*work, [f"lab.Doe20{number:02}"], number, size, look=look, **moment)
        killed += was_killed
        states.add(state())
        if not was_killed or random.random() < 0.2:  # otherwise, kill the same publication again
            number += 1
    names = ["lab.First2026", *(f"lab.Doe20{index:02}" for index in range(1, number + 1))]
    for number, name in enumerate(names):
        assert join([start(*work, [name], number, size)]) == [0]
    print(f"{killed} kills; states that they left (objects, begun uploads, rows): {sorted(states)}")
    assert len(states) > min(kills - 2, 1)  # kills at different stages
    rows = rows_of(ON_S3)
    assert sorted({row["identifier"] for row in rows}) == sorted(names)
    require_complete(bucket, rows)
    versions = bucket.client().list_object_versions(Bucket="lab-bucket", Prefix="files/")["Versions"]
    assert len(versions) == 2 * len(names)  # no object was overwritten


@pytest.mark.parametrize(
    ("count", "each"), [(4, 2), pytest.param(16, 10, marks=pytest.mark.slow(reason="16 processes publish 160 entries"))]
)
@pytest.mark.parametrize("kind", ["folder", "S3"])
def test_entries_published_by_many_processes_are_all_complete_and_listed_once(
    tmp_path: Path, bucket: MotoS3, kind: str, count: int, each: int
) -> None:
    catalog: str | Path = ON_S3 if kind == "S3" else tmp_path / "lab.csv"
    store = "lab-bucket/files" if kind == "S3" else str(tmp_path / "files")
    names = {number: [f"lab.Doe20{number:02}N{entry}" for entry in range(each)] for number in range(count)}
    processes = [start(publish, tmp_path, catalog, own, number, 100, store) for number, own in names.items()]
    assert [exit_code(process, 400) for process in processes] == [0] * count
    rows = rows_of(catalog)
    assert sorted({row["identifier"] for row in rows}) == sorted(name for own in names.values() for name in own)
    assert len(rows) == 2 * count * each
    if kind == "S3":
        require_complete(bucket, rows)
    else:
        require_stored(tmp_path, rows)


def require_stored(folder: Path, rows: list[dict[str, str]]) -> None:
    """Check that the folder `files` has exactly the files of the rows."""
    listed = {folder / row["location"]: row["sha1"] for row in rows}
    assert {path: hashlib.sha1(path.read_bytes()).hexdigest() for path in (folder / "files").iterdir()} == listed


def _try_to_publish(folder: Path, catalog: str | Path, seed: int, to: str) -> None:
    try:
        publish(folder, catalog, [NAME], seed, to=to)
    except BrainioError as error:
        (folder / f"refused{seed}").write_text(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize("to", ["lab-bucket/files", "files"])
def test_only_one_of_several_concurrent_publications_of_an_identifier_succeeds(
    tmp_path: Path, bucket: MotoS3, to: str
) -> None:
    catalog: str | Path = ON_S3 if "/" in to else tmp_path / "lab.csv"
    store = to if "/" in to else str(tmp_path / to)
    processes = [start(_try_to_publish, tmp_path, catalog, seed, store) for seed in range(3)]
    assert join(processes) == [0] * 3
    errors = [path.read_text() for path in tmp_path.glob("refused*")]
    assert len(errors) == 2
    for text in errors:
        assert "already" in text
        assert text.startswith(("PackagingError", "CatalogError"))
    rows = rows_of(catalog)
    assert len(rows) == 2
    if "/" in to:
        require_complete(bucket, rows)
    else:
        require_stored(tmp_path, rows)


def test_concurrent_publications_of_equal_files_succeed_and_store_them_once(tmp_path: Path, bucket: MotoS3) -> None:
    bucket.client().put_bucket_versioning(Bucket="lab-bucket", VersioningConfiguration={"Status": "Enabled"})
    (tmp_path / "same.bin").write_bytes(os.urandom(2 * PART))
    assert join([start(_publish_file, tmp_path, "same.bin") for _ in range(3)]) == [0] * 3
    rows = rows_of(ON_S3)
    assert len(rows) == 2
    require_complete(bucket, rows)
    assert len(bucket.client().list_object_versions(Bucket="lab-bucket", Prefix="files/")["Versions"]) == 2


def _publish_file(folder: Path, name: str) -> None:
    s3_store.PART = PART
    made = StimulusSet([{"stimulus_id": "s"}])
    made.stimulus_paths = {"s": folder / name}
    package_stimulus_set(ON_S3, made, NAME, "lab-bucket/files")


def refusing(*refused: tuple[str, str]) -> Callable[[str, str, str], tuple[str, str, Mapping[str, str]] | None]:
    """Refuse requests with some methods to paths with some endings."""

    def refusal(method: str, path: str, _query: str) -> tuple[str, str, Mapping[str, str]] | None:
        is_refused = any(method == refused_method and path.endswith(end) for refused_method, end in refused)
        return ("403 Forbidden", "AccessDenied", {}) if is_refused else None

    return refusal


@pytest.fixture
def published(tmp_path: Path, bucket: MotoS3, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A catalog on S3 with one entry, which must be unchanged after the test."""
    monkeypatch.chdir(tmp_path)
    package_stimulus_set(ON_S3, stimuli_of(1), "lab.First2026", "lab-bucket/files")
    before = bucket.client().get_object(Bucket="lab-bucket", Key="lab.csv")["Body"].read()
    yield before
    bucket.refuse(None)
    assert bucket.client().get_object(Bucket="lab-bucket", Key="lab.csv")["Body"].read() == before


def test_publishing_without_credentials_stores_nothing_and_explains_how_to_configure_them(
    published: bytes, bucket: MotoS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = bucket.keys("lab-bucket")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises((AccessRefusedError, CatalogError), match=r"no credentials were found.*`aws configure`"):
        package_stimulus_set(ON_S3, stimuli_of(2), NAME, "lab-bucket/files")
    assert bucket.keys("lab-bucket") == keys


def test_publishing_without_permission_names_the_required_permission(published: bytes, bucket: MotoS3) -> None:
    bucket.refuse(refusing(("PUT", ".csv"), ("PUT", ".zip")))
    with pytest.raises(AccessRefusedError, match=r"403 AccessDenied.*s3:PutObject"):
        package_stimulus_set(ON_S3, stimuli_of(2), NAME, "lab-bucket/files")


def test_a_read_only_catalog_is_unchanged_and_the_next_run_uploads_nothing_again(
    published: bytes, bucket: MotoS3, tmp_path: Path
) -> None:
    bucket.refuse(refusing(("PUT", "/lab.csv")))
    with pytest.raises(CatalogError, match=r"the catalog .* was not changed.*403.*repeat the call"):
        package_stimulus_set(ON_S3, stimuli_of(2), NAME, "lab-bucket/files")
    bucket.refuse(refusing(("PUT", ".zip")))  # the bucket has it already
    package_stimulus_set(tmp_path / "other.csv", stimuli_of(2), NAME, "lab-bucket/files")
    assert len(rows_of(tmp_path / "other.csv")) == 2


def test_a_bucket_in_another_region_is_an_error_that_names_the_region(published: bytes, bucket: MotoS3) -> None:
    elsewhere = ("301 Moved Permanently", "PermanentRedirect", {"x-amz-bucket-region": "eu-west-2"})
    bucket.refuse(lambda _method, path, _query: elsewhere if path.startswith("/far-bucket") else None)
    with pytest.raises(TransferError, match=r"far-bucket.*region 'eu-west-2'.*AWS_DEFAULT_REGION"):
        package_stimulus_set(ON_S3, stimuli_of(2), NAME, "far-bucket/files")


def test_a_publisher_without_list_permission_can_publish(
    bucket: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def refusal(method: str, path: str, _query: str) -> tuple[str, str, Mapping[str, str]] | None:
        """Answer like S3 to users without s3:ListBucket."""
        key = path.removeprefix("/lab-bucket").removeprefix("/")
        is_hidden = key and method in {"GET", "HEAD"} and key not in bucket.keys("lab-bucket")
        return ("403 Forbidden", "AccessDenied", {}) if is_hidden else None

    bucket.refuse(refusal)
    for _ in range(2):
        package_stimulus_set(tmp_path / "lab.csv", stimuli_of(1), NAME, "lab-bucket/files")
    require_complete(bucket, rows_of(tmp_path / "lab.csv"))
    with pytest.raises(PackagingError, match="already contains other bytes"):
        package_stimulus_set(None, stimuli_of(2), NAME, "lab-bucket/files")


def test_a_publisher_without_read_permission_gets_an_error_that_names_it(
    bucket: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bucket.refuse(refusing(("GET", ".csv"), ("HEAD", ".csv")))
    with pytest.raises(TransferError, match=r"was uploaded, but cannot be read back.*package again then"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli_of(1), NAME, "lab-bucket/files")
    assert not (tmp_path / "lab.csv").exists()
    bucket.refuse(None)
    package_stimulus_set(tmp_path / "lab.csv", stimuli_of(1), NAME, "lab-bucket/files")
    require_complete(bucket, rows_of(tmp_path / "lab.csv"))


def test_an_unreadable_object_is_not_overwritten(
    bucket: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bucket.put("lab-bucket", FILES[0], b"of somebody else")
    bucket.refuse(refusing(("GET", FILES[0]), ("HEAD", FILES[0])))
    with pytest.raises(PackagingError, match=r"already exists, and these credentials may not read"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli_of(1), NAME, "lab-bucket/files")
    bucket.refuse(None)
    assert bucket.client().get_object(Bucket="lab-bucket", Key=FILES[0])["Body"].read() == b"of somebody else"
    assert not (tmp_path / "lab.csv").exists()


def test_a_catalog_on_s3_cannot_list_files_in_a_local_folder(published: bytes, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"may not name a file on this machine.*bucket_name"):
        package_stimulus_set(ON_S3, stimuli_of(2), NAME, tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_a_full_disk_leaves_store_and_catalog_unchanged_and_names_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with mounted(tmp_path / "disk", "1m") as disk:
        package_stimulus_set(disk / "lab.csv", stimuli_of(1), "lab.First2026", disk / "files")
        before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        with pytest.raises(TransferError, match=r"No space left"):
            package_stimulus_set(disk / "lab.csv", stimuli_of(2, 1 << 20), NAME, disk / "files")
        assert (disk / "files" / "stimulus_lab_Doe2026.zip").exists() is False
        assert before.items() <= {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}.items()
        fill(disk)
        with pytest.raises(TransferError, match=r"lab\.Second2026\.json did not take .*No space left.*try again"):
            package_stimulus_set(disk / "lab.csv", stimuli_of(2), "lab.Second2026", tmp_path / "files")
        assert (disk / "lab.csv").read_bytes() == before[disk / "lab.csv"]
        (disk / "ballast").unlink()
        package_stimulus_set(disk / "lab.csv", stimuli_of(2), "lab.Second2026", tmp_path / "files")
        assert len(rows_of(disk / "lab.csv")) == 4


def fill(disk: Path) -> None:
    """Fill the disk to the last byte."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(shutil.disk_usage(disk).free or 4096))
        except OSError:
            return


def test_a_full_disk_for_temporary_files_is_an_error_that_names_the_environment_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with mounted(tmp_path / "disk", "1m") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(PackagingError, match="set TMPDIR"):
            package_stimulus_set(tmp_path / "lab.csv", stimuli_of(2, 2 << 20), NAME, tmp_path / "files")
        assert list(disk.iterdir()) == []
    assert not (tmp_path / "lab.csv").exists()


def test_a_published_entry_of_a_catalog_on_s3_loads_at_once(published: bytes) -> None:
    brainio.add_catalog(ON_S3)
    assert brainio.get_stimulus_set("lab.First2026").get_stimulus("s").read_bytes() == random.Random(1).randbytes(100)
