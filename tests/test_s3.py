"""`brainio.s3`: files pinned by bucket, version and hash load without a catalog."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from brainio import s3
from brainio.assemblies import BehavioralAssembly
from brainio.errors import AssemblyFormatError, IntegrityError, TransferError
from brainio.packaging import write_netcdf
from tests.lab import sha1, stimulus_files
from tests.servers import S3Static

TABLE, ARCHIVE = stimulus_files()


@pytest.fixture
def bucket(s3_static: S3Static, tmp_path: Path) -> S3Static:
    assembly = BehavioralAssembly(
        np.array(["car", "face"]), coords={"stimulus_id": ("presentation", ["2", "1"])}, dims=["presentation"]
    )
    write_netcdf(assembly, tmp_path / "a.nc")
    s3_static.objects = {
        ("bkt", "folder/stimulus_lab_Doe2026.csv"): TABLE,
        ("bkt", "folder/stimulus_lab_Doe2026.zip"): ARCHIVE,
        ("bkt", "folder/image_lab_Doe2026.csv"): TABLE,
        ("bkt", "folder/image_lab_Doe2026.zip"): ARCHIVE,
        ("bkt", "folder/assy_lab_Doe2026.nc"): (tmp_path / "a.nc").read_bytes(),
        ("bkt", "models/net/weights.pth"): b"weights",
        ("bkt", "own/net/model.py"): b"code",
    }
    return s3_static


def load_stimuli() -> s3.StimulusSet:
    return s3.load_stimulus_set_from_s3(
        identifier="lab.Doe2026",
        bucket="bkt/folder",
        csv_sha1=sha1(TABLE),
        zip_sha1=sha1(ARCHIVE),
        csv_version_id="v1",
        zip_version_id="null",
        filename_prefix="stimulus_",
    )


def test_a_stimulus_set_is_loaded_from_its_pinned_files(bucket: S3Static) -> None:
    stimulus_set = load_stimuli()
    assert stimulus_set.identifier == "lab.Doe2026"
    assert stimulus_set.get_stimulus("1").read_text() == "picture one.png"
    assert bucket.downloads() == [
        ("bkt", "folder/stimulus_lab_Doe2026.csv", "v1"),
        ("bkt", "folder/stimulus_lab_Doe2026.zip", "null"),
    ]


def test_files_of_2021_have_another_prefix(bucket: S3Static) -> None:
    s3.load_stimulus_set_from_s3("lab.Doe2026", "bkt/folder", sha1(TABLE), sha1(ARCHIVE), filename_prefix="image_")
    assert bucket.downloads()[0] == ("bkt", "folder/image_lab_Doe2026.csv", None)


@pytest.mark.parametrize("merge", [True, False])
def test_an_assembly_is_loaded_with_or_without_the_metadata_of_its_stimuli(bucket: S3Static, merge: bool) -> None:
    body = bucket.objects["bkt", "folder/assy_lab_Doe2026.nc"]
    assembly = s3.load_assembly_from_s3(
        identifier="lab.Doe2026",
        version_id="null",
        sha1=sha1(body),
        bucket="bkt/folder",
        cls=BehavioralAssembly,
        stimulus_set_loader=load_stimuli,
        merge_stimulus_set_meta=merge,
    )
    assert type(assembly) is BehavioralAssembly
    assert assembly.attrs["identifier"] == "lab.Doe2026"
    assert assembly.attrs["stimulus_set"].identifier == "lab.Doe2026"
    assert ("object_name" in assembly.coords) is merge


def test_missing_stimuli_can_be_allowed(bucket: S3Static) -> None:
    body = bucket.objects["bkt", "folder/assy_lab_Doe2026.nc"]
    arguments = ("lab.Doe2026", None, sha1(body), "bkt/folder", BehavioralAssembly, lambda: load_stimuli()[1:])
    with pytest.raises(AssemblyFormatError, match="allow_missing_stimuli=True"):
        s3.load_assembly_from_s3(*arguments)
    assembly = s3.load_assembly_from_s3(*arguments, allow_missing_stimuli=True)
    assert assembly["object_name"].isnull().values.tolist() == [False, True]


def test_an_assembly_without_stimulus_set_loader_refers_to_none(bucket: S3Static) -> None:
    body = bucket.objects["bkt", "folder/assy_lab_Doe2026.nc"]
    assembly = s3.load_assembly_from_s3("lab.Doe2026", None, sha1(body), "bkt/folder", BehavioralAssembly)
    assert "stimulus_set" not in assembly.attrs
    assert list(assembly.values) == ["car", "face"]


def test_a_weight_file_keeps_its_name_and_is_in_models_by_default(bucket: S3Static) -> None:
    path = s3.load_weight_file("bkt", "net/weights.pth", version_id="null", sha1=sha1(b"weights"))
    assert (path.name, path.read_bytes()) == ("weights.pth", b"weights")
    path = s3.load_file(bucket="bkt", folder_name="own/", relative_path="net/model.py", version_id="v")
    assert (path.name, path.read_bytes()) == ("model.py", b"code")
    assert bucket.downloads() == [("bkt", "models/net/weights.pth", "null"), ("bkt", "own/net/model.py", "v")]


def test_a_weight_file_of_wrong_bytes_is_refused(bucket: S3Static) -> None:
    with pytest.raises(IntegrityError, match=hashlib.sha1(b"weights").hexdigest()):
        s3.load_weight_file("bkt", "net/weights.pth", version_id="null", sha1="0" * 40)


def test_a_folder_is_fetched_into_a_directory_as_files_that_their_owner_may_write(
    bucket: S3Static, tmp_path: Path
) -> None:
    files = [("weights.pth", "null", sha1(b"weights"))]
    s3.load_folder_from_s3("bkt", "models/net", files, save_directory=tmp_path / "here")
    (path,) = (tmp_path / "here").iterdir()
    assert (path.name, path.stat().st_mode & 0o600) == ("weights.pth", 0o600)


def test_threads_that_unpack_into_one_folder_see_complete_files_only(bucket: S3Static, tmp_path: Path) -> None:
    body = b"w" * 5_000_000
    bucket.objects["bkt", "models/big"] = body
    target = tmp_path / "big.bin"
    with ThreadPoolExecutor(8) as pool:
        loads = [pool.submit(s3.load_file_from_s3, "bkt", "models/big", target) for _ in range(16)]
        seen = {target.stat().st_size for _ in range(2000) if target.exists()}
    for load in loads:
        load.result()
    assert seen | {target.stat().st_size} == {len(body)}
    assert list(tmp_path.glob("*.part")) == []


def test_a_failed_download_leaves_the_folder_unchanged(bucket: S3Static, tmp_path: Path) -> None:
    target = tmp_path / "mine.bin"
    target.write_bytes(b"before")
    with pytest.raises(TransferError):
        s3.load_file_from_s3("bkt", "models/none", target)
    assert target.read_bytes() == b"before"
    s3.download_file_if_not_exists(target, "bkt", "models/net/weights.pth")
    assert target.read_bytes() == b"before"
    s3.load_file_from_s3("bkt", "models/net/weights.pth", target)
    assert target.read_bytes() == b"weights"
    assert [path.name for path in tmp_path.glob("*mine*")] == ["mine.bin"]
