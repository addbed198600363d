"""Loading requests the right files, verifies and caches them, and joins metadata."""

import csv
import hashlib
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from brainio_catalogs import brainscore

import brainio
from brainio import fetch
from brainio.assemblies import NeuroidAssembly, NeuronRecordingAssembly
from brainio.catalogs import listing
from brainio.errors import (
    AssemblyFormatError,
    CatalogWarning,
    EntryStatusWarning,
    EntryUnavailableError,
    IntegrityError,
    LocationError,
    StimulusSetFormatError,
    TransferError,
    UnknownClassError,
)
from brainio.fetch import ExpectedFile
from brainio.fetch.cache_access import local_cache
from brainio.fetch.entry_files import fetch_entry_file
from brainio.stores import parse_location
from tests.cache.helpers import overwrite
from tests.lab import Lab, assembly_file, sha1, stimulus_files
from tests.servers import HttpFolder, S3Static

PACKAGE = str(Path(brainio.__file__).parent)
MAX_MODULES_OF_WARM_LOAD = 32  # a reader of the load opens each of them
PUBLISHED = list(
    csv.DictReader((Path(brainscore.location).parent / "facts" / "published_files.csv").open(encoding="utf-8"))
)


def test_an_assembly_loads_with_its_stimuli(lab: Lab, tmp_path: Path) -> None:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    assembly = brainio.get_assembly("lab.Doe2026")
    assert type(assembly) is NeuroidAssembly
    assert assembly.attrs["identifier"] == assembly.attrs["stimulus_set_identifier"] == "lab.Doe2026"
    assert list(assembly["object_name"].values) == ["car", "face", "car", "face"]
    assert assembly.sel(region="IT").values.tolist() == [[1.0], [3.0], [5.0], [7.0]]
    stimulus_set = assembly.attrs["stimulus_set"]
    assert stimulus_set.identifier == "lab.Doe2026"
    assert stimulus_set.get_stimulus("2").name == "two.png"
    assert stimulus_set.get_stimulus("2").read_text() == "picture two.png"


def test_cached_files_are_not_requested_again(lab: Lab) -> None:
    lab.publish_stimuli()
    brainio.get_stimulus_set("lab.Doe2026")
    requests = len(lab.server.requests)
    brainio.get_stimulus_set("lab.Doe2026")
    assert requests == len(lab.server.requests) == 2


def test_a_warm_load_crosses_few_modules_and_creates_one_assembly_and_one_index_per_dimension(
    lab: Lab, tmp_path: Path
) -> None:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    brainio.get_assembly("lab.Doe2026")
    modules: set[str] = set()
    created: Counter[str] = Counter()

    def record(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            modules.add(code.co_filename.removeprefix(PACKAGE))
            created[type(frame.f_locals.get("self")).__name__] += code.co_name == "__init__"

    sys.setprofile(record)
    try:
        assembly = brainio.get_assembly("lab.Doe2026")
    finally:
        sys.setprofile(None)
    assert assembly["object_name"].values.tolist() == ["car", "face", "car", "face"]
    assert created["NeuroidAssembly"] == 1
    assert created["AssemblyIndex"] == 2
    assert len(modules) <= MAX_MODULES_OF_WARM_LOAD, " ".join(sorted(modules))


@pytest.mark.parametrize("chunks", [None, {}], ids=["loaded", "lazy"])
def test_values_changed_in_the_cache_are_never_returned(
    lab: Lab, tmp_path: Path, chunks: dict[str, int] | None
) -> None:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    expected = brainio.get_assembly("lab.Doe2026", chunks=chunks).values.tolist()
    (path,) = (Path(fetch.get_local_data_path()) / "content").rglob("assy_*.nc")
    body = path.read_bytes()
    changed = body.replace(np.array([0.0, 1.0]).tobytes(), np.array([0.0, 7.0]).tobytes(), 1)
    assert changed != body
    overwrite(path, changed)
    assert brainio.get_assembly("lab.Doe2026", chunks=chunks).values.tolist() == expected
    assert path.read_bytes() == body


def test_an_assembly_prefers_the_stimulus_set_of_its_own_catalog(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    other = tmp_path / "other.csv"
    other.write_text(lab.catalog.read_text().replace(sha1(stimulus_files()[0]), "0" * 40))
    brainio.add_catalog(other)
    assembly = brainio.get_assembly("lab:lab.Doe2026")
    assert list(assembly["object_name"].values) == ["car", "face", "car", "face"]


def test_bytes_without_a_hash_load_with_a_warning(lab: Lab, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    lab.publish("assy_lab_Doe2026.nc", body, "NeuroidAssembly", stimulus_set_identifier="", sha1="")
    with pytest.warns(CatalogWarning, match="gives no hash for the nc file of assembly 'lab.Doe2026'"):
        brainio.get_assembly("lab.Doe2026")


def test_a_new_sha256_is_not_satisfied_by_old_bytes(lab: Lab) -> None:
    location = parse_location("s3://lab-bucket/k.bin")
    sha256 = [hashlib.sha256(body).hexdigest() for body in (b"old", b"new")]
    lab.server.objects["lab-bucket", "k.bin"] = b"old"
    fetch.ensure_cached(ExpectedFile([(location, "")], sha256=sha256[0]))
    lab.server.objects["lab-bucket", "k.bin"] = b"new"
    assert fetch.ensure_cached(ExpectedFile([(location, "")], sha256=sha256[1])).read_bytes() == b"new"


def test_missing_stimuli_are_an_error_unless_allowed(lab: Lab, tmp_path: Path) -> None:
    table, archive = stimulus_files()
    lab.publish("stimulus_lab_Doe2026.csv", table.replace(b"1,one.png,car\n", b""), "StimulusSet")
    lab.publish("stimulus_lab_Doe2026.zip", archive)
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    with pytest.raises(AssemblyFormatError, match=r"^assembly 'lab\.Doe2026'.* has 1 stimuli, .*'1'.*allow_missing"):
        brainio.get_assembly("lab.Doe2026")
    assembly = brainio.get_assembly("lab.Doe2026", allow_missing_stimuli=True)
    assert assembly["object_name"].isnull().values.tolist() == [True, False, True, False]


def test_errors_about_bytes_begin_with_the_identifier(lab: Lab, tmp_path: Path) -> None:
    lab.publish("assy_lab_Doe2026.nc", b"this is no netCDF", "NeuroidAssembly", stimulus_set_identifier="")
    with pytest.raises(AssemblyFormatError, match=r"^assembly 'lab\.Doe2026' of catalog 'lab': "):
        brainio.get_assembly("lab.Doe2026")


def test_many_threads_can_load_at_the_same_time(lab: Lab, tmp_path: Path) -> None:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    with ThreadPoolExecutor(8) as pool:
        assemblies = list(pool.map(lambda _: brainio.get_assembly("lab.Doe2026"), range(16)))
    assert all(assembly.identical(assemblies[0]) for assembly in assemblies)


def test_the_cache_folder_follows_the_environment_or_the_redirect_attribute(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch.get_local_data_path() == str(tmp_path / "home")
    monkeypatch.setattr(fetch, "_local_data_path", tmp_path / "elsewhere")
    lab.publish_stimuli()
    path = brainio.get_stimulus_set("lab.Doe2026").get_stimulus("1")
    assert path.is_relative_to(tmp_path / "elsewhere")


def test_the_cache_object_is_created_once_per_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = local_cache()
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.submit(local_cache).result() is cache for _ in range(8))
    monkeypatch.setenv("BRAINIO_SHARED", str(tmp_path))
    shared = local_cache()
    assert shared.shared == (tmp_path,)
    monkeypatch.setattr(fetch, "_local_data_path", tmp_path / "elsewhere")
    assert local_cache().root == tmp_path / "elsewhere"
    monkeypatch.setattr(fetch, "_local_data_path", None)
    monkeypatch.delenv("BRAINIO_SHARED")
    assert local_cache() is cache


def test_wrong_bytes_are_an_error_and_leave_no_file(lab: Lab, tmp_path: Path) -> None:
    lab.publish_stimuli()
    lab.server.objects["lab-bucket", "stimulus_lab_Doe2026.zip"] = b"other bytes"
    with pytest.raises(IntegrityError, match=r"s3://lab-bucket/stimulus_lab_Doe2026\.zip.*" + sha1(b"other bytes")):
        brainio.get_stimulus_set("lab.Doe2026")
    assert [path for path in (tmp_path / "home").rglob("*.zip*") if path.is_file()] == []


def test_mirrors_are_tried_in_order(lab: Lab, http_folder: HttpFolder) -> None:
    table, archive = stimulus_files()
    (http_folder.folder / "copy.csv").write_bytes(table)
    mirrors = f"s3://lab-bucket/broken.csv {http_folder.url}/copy.csv"
    lab.publish("stimulus_lab_Doe2026.csv", table, "StimulusSet", mirrors=mirrors)
    lab.publish("stimulus_lab_Doe2026.zip", archive)
    lab.server.objects["lab-bucket", "broken.csv"] = b"broken"
    del lab.server.objects["lab-bucket", "stimulus_lab_Doe2026.csv"]
    assert len(brainio.get_stimulus_set("lab.Doe2026")) == 2


def test_if_all_locations_fail_the_error_gives_each_reason(lab: Lab) -> None:
    table, archive = stimulus_files()
    lab.publish("stimulus_lab_Doe2026.csv", table, "StimulusSet", mirrors="s3://lab-bucket/broken.csv")
    lab.publish("stimulus_lab_Doe2026.zip", archive)
    lab.server.objects = {("lab-bucket", "broken.csv"): b"broken"}
    with pytest.raises(TransferError) as caught:
        brainio.get_stimulus_set("lab.Doe2026")
    message = str(caught.value)
    assert "none of the 2 locations" in message
    assert "s3://lab-bucket/stimulus_lab_Doe2026.csv" in message
    assert sha1(b"broken") in message


def test_a_file_without_a_hash_is_fetched_once_per_version(lab: Lab) -> None:
    lab.server.versions = {("bkt", "k.bin", "1"): b"first", ("bkt", "k.bin", "2"): b"second"}
    lab.server.objects["bkt", "k.bin"] = b"now"
    for version, body in (("1", b"first"), ("2", b"second"), (None, b"now"), ("1", b"first")):
        assert Path(fetch.fetch_file("S3", "s3://bkt/k.bin", version_id=version)).read_bytes() == body
    assert lab.server.downloads() == [("bkt", "k.bin", "1"), ("bkt", "k.bin", "2"), ("bkt", "k.bin", None)]


def test_an_archive_without_a_file_that_a_row_names_is_an_error(lab: Lab) -> None:
    lab.publish_stimuli(names=("one.png",))
    with pytest.raises(StimulusSetFormatError, match=r"lacks 1 of the 2 files .*'two\.png' \(stimulus_id '2'\)"):
        brainio.get_stimulus_set("lab.Doe2026")


@pytest.mark.parametrize("name", ["Unknown", "StimulusSet", "walk_coords", "os.system", "__class__", ""])
def test_an_entry_can_name_only_assembly_classes(lab: Lab, tmp_path: Path, name: str) -> None:
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), name)
    with pytest.raises(UnknownClassError, match=r"unknown assembly class .*; expected one of DataAssembly"):
        brainio.get_assembly("lab.Doe2026")
    assert lab.server.requests == []


def test_a_remote_catalog_cannot_name_local_files(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    row = f"x.Doe2026,assembly,DataAssembly,{{}},{{}},{'a' * 40},"
    header = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    for number, (kind, place) in enumerate((("file", "file:///etc/passwd"), ("", "/etc/passwd"))):
        (http_folder.folder / f"evil{number}.csv").write_text(f"{header}\n{row.format(kind, place)}\n")
        monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/evil{number}.csv")
        with pytest.raises(LocationError, match=r"remote catalog at .* may not name a file on this machine"):
            brainio.get_assembly("x.Doe2026")


@pytest.mark.filterwarnings("ignore:.*the card of assembly:brainio.errors.CatalogWarning")
def test_a_remote_catalog_cannot_use_local_files_as_cards(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret.json").write_text('{"status_reason": "SECRET"}')
    (http_folder.folder / "evil.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier,status,card\n"
        f"x.Doe2026,assembly,DataAssembly,S3,s3://bkt/k,,,unavailable,file://{tmp_path}/secret.json\n"
    )
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/evil.csv")
    with pytest.raises(EntryUnavailableError) as caught:
        brainio.get_assembly("x.Doe2026")
    assert "SECRET" not in str(caught.value)


def test_relative_locations_are_resolved_against_the_catalog(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, archive = stimulus_files()
    (http_folder.folder / "files").mkdir()
    for name, body in (("s.csv", table), ("s.zip", archive)):
        (http_folder.folder / "files" / name).write_bytes(body)
    (http_folder.folder / "web.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\n"
        f"x.Doe2026,stimulus_set,StimulusSet,,files/s.csv,{sha1(table)},\n"
        f"x.Doe2026,stimulus_set,,,files/s.zip,{sha1(archive)},\n"
    )
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/web.csv")
    assert len(brainio.get_stimulus_set("x.Doe2026")) == 2


def test_an_assembly_loads_without_the_metadata_of_an_unavailable_stimulus_set(lab: Lab, tmp_path: Path) -> None:
    table, _ = stimulus_files()
    lab.publish("stimulus_lab_Doe2026.csv", table, "StimulusSet", status="unavailable")
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    with pytest.warns(EntryStatusWarning, match="without the metadata of its stimuli: .* lists no ZIP file"):
        assembly = brainio.get_assembly("lab.Doe2026")
    assert assembly.attrs["stimulus_set_identifier"] == "lab.Doe2026"
    assert "object_name" not in assembly.coords


def test_a_superseded_entry_loads_with_a_warning_at_the_caller_that_names_its_successor(
    lab: Lab, tmp_path: Path
) -> None:
    lab.publish(
        "assy_lab_Old2026.nc",
        assembly_file(tmp_path),
        "NeuroidAssembly",
        identifier="lab.Old2026",
        status="superseded",
        successor="lab.New2026",
        stimulus_set_identifier="",
    )
    with pytest.warns(
        EntryStatusWarning, match=r"'lab\.Old2026' is superseded .* successor is 'lab\.New2026'"
    ) as warned:
        brainio.get_assembly("lab.Old2026")
    assert warned[0].filename == __file__


def test_loading_an_unavailable_entry_explains_why() -> None:
    with pytest.raises(EntryUnavailableError, match="there is no CSV file that would name the stimuli"):
        brainio.get_stimulus_set("Zerbe2026_fmri_stim_full")


def test_an_assembly_without_stimulus_set_loads(lab: Lab, tmp_path: Path) -> None:
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuronRecordingAssembly", stimulus_set_identifier="")
    assembly = brainio.get_assembly("lab.Doe2026")
    assert type(assembly) is NeuronRecordingAssembly
    assert assembly.shape == (4, 2)


def assert_load_fails(identifier: str, lookup_type: str) -> None:
    """Load an entry that the server does not have."""
    getter = brainio.get_assembly if lookup_type == "assembly" else brainio.get_stimulus_set
    with pytest.raises(TransferError, match="there is no such object"):
        getter(identifier)


def test_published_data_sets_are_requested_with_the_right_bucket_key_and_version(s3_static: S3Static) -> None:
    for fact in PUBLISHED:
        if not fact["sha1"]:
            continue
        bucket, _, key = fact["location"].removeprefix("s3://").partition("/")
        entry = listing("brainscore").entries[fact["lookup_type"], fact["identifier"]]
        file = entry.file(fact["part"])
        assert file is not None
        del s3_static.requests[:]
        with pytest.raises(TransferError):
            fetch_entry_file(entry, file)
        assert s3_static.downloads()[0] == (bucket, key, fact["version_id"] or None)
        mirrors = [tuple(mirror.removeprefix("s3://").partition("/")[::2]) for mirror in fact["mirrors"].split()]
        assert [(bucket, key) for bucket, key, _ in s3_static.downloads()[1:]] == mirrors


@pytest.mark.parametrize(
    ("identifier", "lookup_type", "expected"),
    [
        ("dicarlo.MajajHong2015", "assembly", "assy_dicarlo_MajajHong2015.nc"),
        ("MajajHong2015", "assembly", "assy_dicarlo_MajajHong2015.nc"),
        ("hvm", "stimulus_set", "stimulus_hvm.csv"),
    ],
)
def test_published_entries_are_requested_without_credentials(
    s3_static: S3Static, identifier: str, lookup_type: str, expected: str
) -> None:
    assert_load_fails(identifier, lookup_type)
    assert s3_static.downloads()[0] == ("brainscore-storage", f"brainio-brainscore/{expected}", "null")
    assert not any(request.signed for request in s3_static.requests)


def test_verify_sha1_names_both_hashes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    fetch.verify_sha1(tmp_path / "x", sha1(b"x"))
    with pytest.raises(OSError, match=f"invalid SHA-1 hash {sha1(b'x')}"):
        fetch.verify_sha1(tmp_path / "x", sha1(b"y"))


def test_unzip_unpacks_into_the_cache(tmp_path: Path) -> None:
    (tmp_path / "s.zip").write_bytes(stimulus_files()[1])
    folder = Path(fetch.unzip(tmp_path / "s.zip"))
    assert sorted(path.name for path in folder.iterdir()) == ["one.png", "two.png"]
    assert folder.is_relative_to(tmp_path / "home")
