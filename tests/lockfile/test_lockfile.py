"""Lock files record loaded entries, and loading from one returns exactly these or raises an error."""

import asyncio
import hashlib
import os
import random
import threading
import tomllib
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

import brainio
from brainio.errors import (
    AssemblyLookupError,
    FetchManyError,
    IntegrityError,
    LockDriftError,
    LockfileError,
    LockfileWarning,
    NotLockedError,
)
from brainio.fetch import hooks
from brainio.lockfile.lock_format import FileRecord, Record, installed_software, lock_text, read_lockfile
from tests.lab import Lab, assembly_file, sha1, stimulus_files
from tests.servers import HttpFolder

SET = "modelfest.Carney1999"
SHIPPED = [("assembly", SET), ("stimulus_set", SET)]


def locked_entries(path: Path) -> list[tuple[str, str]]:
    return [(record.kind, record.identifier) for record in read_lockfile(path).records]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "brainio.lock"


@pytest.fixture(autouse=True)
def ignore_status_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", brainio.errors.EntryStatusWarning)
        yield


@pytest.fixture
def published(lab: Lab, tmp_path: Path) -> Lab:
    """A lab with a stimulus set and an assembly `lab.Doe2026`."""
    lab.publish_stimuli()
    lab.publish("assy_1.nc", assembly_file(tmp_path), "NeuroidAssembly")
    return lab


def test_an_assembly_is_recorded_with_its_stimulus_set_and_every_hash(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_assembly(SET)
    content = tomllib.loads(file.read_text())
    assembly, stimuli = content["entry"]
    assert (assembly["kind"], stimuli["kind"]) == ("assembly", "stimulus_set")
    assert assembly["stimulus_set"] == f"brainio_demo:{SET}"
    for entry in (assembly, stimuli):
        for file_record in entry["files"]:
            body = Path(brainio.catalogs.resolve(entry["kind"], SET).base, file_record["location"]).read_bytes()
            assert file_record["sha1"] == hashlib.sha1(body).hexdigest()
            assert file_record["sha256"] == hashlib.sha256(body).hexdigest()
            assert file_record["size"] == len(body)
    assert content["software"] == installed_software()
    assert {"python", "brainio", "numpy", "pandas", "xarray", "netCDF4"} == {*content["software"]}


def test_a_lock_file_loads_the_recorded_entries(file: Path) -> None:
    with brainio.record_lock(file):
        recorded = brainio.get_assembly(SET)
    with brainio.use_lock(file):
        assert brainio.get_assembly(SET).identical(recorded)
        assert len(brainio.get_stimulus_set(f"brainio_demo:{SET}")) == 43
        assert len(brainio.fetch_many([SET])) == 2


def test_fetch_many_is_recorded_with_stimulus_sets(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        brainio.fetch_many(["lab.Doe2026"], kind="assembly")
    (assembly, stimuli) = read_lockfile(file).records
    assert (assembly.stimulus_set, stimuli.name) == ("lab:lab.Doe2026", "lab:lab.Doe2026")


def test_a_failed_fetch_is_not_recorded(published: Lab, file: Path) -> None:
    del published.server.objects["lab-bucket", "assy_1.nc"]
    with pytest.raises(FetchManyError), brainio.record_lock(file):
        brainio.fetch_many(["lab.Doe2026"])
    assert locked_entries(file) == [("stimulus_set", "lab.Doe2026")]


def test_rewriting_the_file_formats_each_entry_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, dumps = [], tomli_w.dumps

    def counted(table: dict[str, object]) -> str:
        written.append(table)
        return dumps(table)

    monkeypatch.setattr(tomli_w, "dumps", counted)
    entry = brainio.catalogs.resolve("stimulus_set", SET)
    with brainio.record_lock(file):
        for number in range(20):
            hooks.notify_loaded(replace(entry, identifier=f"lab.Doe{number}"))
    assert len(locked_entries(file)) == 20
    assert len(written) == 20 * (1 + 1 + len(entry.files))  # the header, the entry and its files


def test_an_error_in_the_block_keeps_the_records_so_far(file: Path) -> None:
    def load_and_fail() -> None:
        brainio.get_stimulus_set(SET)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), brainio.record_lock(file):
        load_and_fail()
    assert locked_entries(file) == [("stimulus_set", SET)]


def test_the_file_is_complete_while_the_block_runs(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)
        assert locked_entries(file) == [("stimulus_set", SET)]
    assert [path.name for path in file.parent.glob("*lock*")] == ["brainio.lock"]


def test_an_error_before_the_first_load_keeps_the_existing_file(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)
    with pytest.raises(ZeroDivisionError), brainio.record_lock(file):
        1 / 0  # noqa: B018
    assert locked_entries(file) == [("stimulus_set", SET)]
    with brainio.record_lock(file):
        pass
    assert locked_entries(file) == []


def test_nested_blocks_each_record_everything_loaded_in_them(tmp_path: Path) -> None:
    with brainio.record_lock(tmp_path / "outer"):
        brainio.get_stimulus_set("herz.Rokem2006")
        with brainio.record_lock(tmp_path / "inner"):
            brainio.get_stimulus_set(SET)
    assert locked_entries(tmp_path / "inner") == [("stimulus_set", SET)]
    assert locked_entries(tmp_path / "outer") == [("stimulus_set", "herz.Rokem2006"), ("stimulus_set", SET)]


def test_blocks_apply_to_all_threads(file: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        pool.submit(int).result()  # start a thread before the block
        with brainio.record_lock(file):
            list(pool.map(lambda load: load(SET), [brainio.get_assembly, brainio.get_stimulus_set] * 4))
        with brainio.use_lock(file):
            assert len(pool.submit(brainio.get_stimulus_set, SET).result()) == 43
            with pytest.raises(NotLockedError):
                pool.submit(brainio.get_stimulus_set, "herz.Rokem2006").result()
        assert len(pool.submit(brainio.get_stimulus_set, "herz.Rokem2006").result()) == 2
    assert locked_entries(file) == SHIPPED


def test_two_threads_cannot_use_lock_files_at_the_same_time(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)

    def load() -> int:
        with brainio.use_lock(file):
            return len(brainio.get_stimulus_set(SET))

    with ThreadPoolExecutor(1) as pool:
        with brainio.use_lock(file), pytest.raises(LockfileError, match="another thread or task"):
            pool.submit(load).result()
        assert pool.submit(load).result() == 43


def test_two_tasks_cannot_use_lock_files_at_the_same_time(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)

    async def load() -> None:
        with brainio.use_lock(file):
            await asyncio.sleep(0.01)

    async def both() -> None:
        await asyncio.gather(load(), load())

    with pytest.raises(LockfileError, match="another thread or task"):
        asyncio.run(both())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_write_into_the_file_of_its_parent(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)
        child = os.fork()
        if child == 0:
            brainio.get_stimulus_set("herz.Rokem2006")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert locked_entries(file) == [("stimulus_set", SET)]


def test_tasks_of_asyncio_are_recorded(file: Path) -> None:
    async def load() -> None:
        await asyncio.gather(*[asyncio.to_thread(brainio.get_stimulus_set, name) for name in (SET, "herz.Rokem2006")])

    with brainio.record_lock(file):
        asyncio.run(load())
    assert len(locked_entries(file)) == 2


def test_a_script_is_recorded_from_start_to_stop_in_every_thread(file: Path) -> None:
    go = threading.Event()

    def load_when_recording() -> None:
        go.wait(60)
        brainio.get_stimulus_set(SET)

    thread = threading.Thread(target=load_when_recording)
    thread.start()
    recording = brainio.record_lock(file).start()
    go.set()
    thread.join(60)
    recording.stop()
    brainio.get_stimulus_set("herz.Rokem2006")
    assert locked_entries(file) == [("stimulus_set", SET)]


def test_a_recording_cannot_be_started_twice(file: Path) -> None:
    with (
        brainio.record_lock(file) as recording,
        pytest.raises(LockfileError, match="this object is recording"),
    ):
        recording.start()


def test_an_unrecorded_entry_is_an_error_that_explains_how_to_add_it(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)
    with brainio.use_lock(file):
        with pytest.raises(
            NotLockedError, match=rf"assembly '{SET}' is not in the lock file .*brainio\.record_lock\('brainio"
        ):
            brainio.get_assembly(SET)
        with pytest.raises(NotLockedError, match=rf"'modelfest.Carny'.*similar identifiers: '{SET}'"):
            brainio.get_stimulus_set("modelfest.Carny")
        with pytest.raises(FetchManyError, match="is not in the lock file"):
            brainio.fetch_many(catalog="brainio_demo")
    assert not issubclass(NotLockedError, KeyError), "code that falls back on a KeyError may not hide it"


def test_the_innermost_lock_file_applies(tmp_path: Path) -> None:
    for name, identifier in (("a", SET), ("b", "herz.Rokem2006")):
        with brainio.record_lock(tmp_path / name):
            brainio.get_stimulus_set(identifier)
    with brainio.use_lock(tmp_path / "a"):
        with brainio.use_lock(tmp_path / "b"), pytest.raises(NotLockedError):
            brainio.get_stimulus_set(SET)
        brainio.get_stimulus_set(SET)


def new_version(lab: Lab, identifier: str = "lab.Doe2026") -> None:
    """Publish version 2 of the stimulus set, with another table."""
    table, archive = stimulus_files()
    text = lab.catalog.read_text()
    lab.catalog.unlink()
    rows = [f"{line},1,superseded" if "stimulus_lab" in line else f"{line},," for line in text.splitlines()[1:]]
    lab.catalog.write_text("\n".join([f"{text.splitlines()[0]},version,status", *rows]) + "\n")
    lab.publish("new.csv", table + b"3,one.png,dog\n", "StimulusSet", identifier, version="2", status="current")
    lab.publish("new.zip", archive, "", identifier, version="2", status="current")


def test_the_recorded_version_loads_although_a_newer_one_exists(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        assembly = brainio.get_assembly("lab.Doe2026")
    new_version(published)
    assert len(brainio.get_stimulus_set("lab.Doe2026")) == 3
    with brainio.use_lock(file):
        assert len(brainio.get_stimulus_set("lab.Doe2026")) == 2
        again = brainio.get_assembly("lab.Doe2026")
        assert len(again.attrs["stimulus_set"]) == 2
        assert again.identical(assembly)


def test_two_versions_are_recorded_side_by_side(published: Lab, file: Path) -> None:
    new_version(published)
    with brainio.record_lock(file):
        for version in (None, "1"):
            brainio.get_stimulus_set("lab.Doe2026", version=version)
    with brainio.use_lock(file):
        lengths = [len(brainio.get_stimulus_set("lab.Doe2026", version=version)) for version in (None, "1", "2")]
    assert lengths == [3, 2, 3]


def replace_in_catalog(lab: Lab, old: str, new: str) -> None:
    lab.catalog.write_text(lab.catalog.read_text().replace(old, new))


def test_a_different_hash_in_the_catalog_is_an_error_that_names_both(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set("lab.Doe2026")
    old, new = sha1(stimulus_files()[0]), "0" * 40
    replace_in_catalog(published, old, new)
    with brainio.use_lock(file), pytest.raises(LockDriftError) as caught:
        brainio.get_stimulus_set("lab.Doe2026")
    assert f"csv sha1 {old}" in str(caught.value)
    assert f"catalog 'lab' (current): csv sha1 {new}" in str(caught.value)


def test_a_different_sha256_with_the_same_sha1_is_an_error(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)
    (record,) = read_lockfile(file).records
    file.write_text(file.read_text().replace(record.files[0].sha256, "f" * 64))
    with brainio.use_lock(file), pytest.raises(LockDriftError) as caught:
        brainio.get_stimulus_set(SET)
    assert "f" * 64 in str(caught.value)
    assert record.files[0].sha256 in str(caught.value)


def test_an_entry_loads_as_its_recorded_class(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        recorded = brainio.get_assembly("lab.Doe2026")
    published.catalog.write_text(published.catalog.read_text().replace("NeuroidAssembly", "BehavioralAssembly"))
    assert type(brainio.get_assembly("lab.Doe2026")).__name__ == "BehavioralAssembly"
    with brainio.use_lock(file):
        assert type(brainio.get_assembly("lab.Doe2026")) is type(recorded)


def test_a_removed_version_is_an_error_that_names_the_listed_one(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set("lab.Doe2026")
    new_version(published)
    lines = published.catalog.read_text().splitlines()
    published.catalog.write_text("\n".join(line for line in lines if not line.endswith("superseded")) + "\n")
    with (
        brainio.use_lock(file),
        pytest.raises(LockDriftError, match=r"they list:\n- catalog 'lab', version 2 \(current\)"),
    ):
        brainio.get_stimulus_set("lab.Doe2026")


def test_an_entry_that_changes_during_recording_is_a_warning(published: Lab, file: Path) -> None:
    table, _ = stimulus_files()
    longer = table + b"3,one.png,dog\n"
    with brainio.record_lock(file):
        brainio.get_stimulus_set("lab.Doe2026")
        published.server.objects["lab-bucket", "stimulus_lab_Doe2026.csv"] = longer
        replace_in_catalog(published, sha1(table), sha1(longer))
        with pytest.warns(LockfileWarning, match=r"was loaded twice, and its catalog listed other files in between"):
            brainio.get_stimulus_set("lab.Doe2026")
    with brainio.use_lock(file):
        assert len(brainio.get_stimulus_set("lab.Doe2026")) == 3


def test_fetching_an_assembly_alone_keeps_its_recorded_stimulus_set(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_assembly("lab.Doe2026")
        published.server.objects.clear()
        brainio.fetch._local_data_path = str(file.parent / "another")
        try:
            published.server.objects["lab-bucket", "assy_1.nc"] = assembly_file(file.parent)
            with pytest.raises(FetchManyError):
                brainio.fetch_many(["lab.Doe2026"], kind="assembly")
        finally:
            brainio.fetch._local_data_path = None
    assert read_lockfile(file).records[0].stimulus_set == "lab:lab.Doe2026"


def test_a_removed_identifier_is_an_error_that_names_the_recorded_hashes(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_assembly("lab.Doe2026")
    replace_in_catalog(published, "lab.Doe2026,assembly", "lab.Doe2027,assembly")
    with (
        brainio.use_lock(file),
        pytest.raises(LockDriftError, match=r"nc sha1 [0-9a-f]{40}.*similar identifiers: 'lab\.Doe2027'"),
    ):
        brainio.get_assembly("lab.Doe2026")


def test_the_same_bytes_in_another_catalog_are_loaded(published: Lab, file: Path, tmp_path: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_assembly("lab.Doe2026")
    other = tmp_path / "other.csv"
    other.write_text(published.catalog.read_text())
    replace_in_catalog(published, "lab.Doe2026", "lab.Gone")
    brainio.add_catalog(other)
    with brainio.use_lock(file):
        assert brainio.get_assembly("lab.Doe2026").attrs["stimulus_set"].identifier == "lab.Doe2026"


def test_a_renamed_entry_is_found_by_its_alias(published: Lab, file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_assembly("lab.Doe2026")
    lines = published.catalog.read_text().splitlines()
    renamed = [line.replace("lab.Doe2026,", "lab.New,", 1) + ",lab.Doe2026" for line in lines[1:]]
    published.catalog.write_text("\n".join([f"{lines[0]},aliases", *renamed]) + "\n")
    with brainio.use_lock(file):
        assert len(brainio.get_assembly("lab.Doe2026").attrs["stimulus_set"]) == 2
        brainio.get_assembly("lab.New")


def test_bytes_without_a_hash_in_the_catalog_are_recorded_and_verified(lab: Lab, file: Path, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    lab.publish("assy_1.nc", body, "NeuroidAssembly", sha1="", stimulus_set_identifier="")
    with brainio.record_lock(file), pytest.warns(brainio.errors.CatalogWarning):
        brainio.get_assembly("lab.Doe2026")
    (record,) = read_lockfile(file).records
    assert record.files[0].sha1 == sha1(body)
    lab.server.objects["lab-bucket", "assy_1.nc"] = body + b"changed"
    with brainio.use_lock(file):
        brainio.get_assembly("lab.Doe2026")  # from the cache, by its hash
    brainio.fetch._local_data_path = str(tmp_path / "another")
    try:
        with brainio.use_lock(file), pytest.raises(IntegrityError):
            brainio.get_assembly("lab.Doe2026")
    finally:
        brainio.fetch._local_data_path = None


def test_different_software_is_a_warning_that_names_it(file: Path) -> None:
    with brainio.record_lock(file):
        brainio.get_stimulus_set(SET)
    file.write_text(file.read_text().replace(installed_software()["numpy"], "1.0"))
    with (
        pytest.warns(LockfileWarning, match=rf"numpy 1\.0 \(here {installed_software()['numpy']}\)$"),
        brainio.use_lock(file),
    ):
        brainio.get_stimulus_set(SET)
    with brainio.record_lock(file):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with brainio.use_lock(file):
            pass


def test_secrets_in_locations_are_not_written(lab: Lab, http_folder: HttpFolder, file: Path, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    (http_folder.folder / "assy_1.nc").write_bytes(body)
    location = f"{http_folder.url}/assy_1.nc?token=secret"
    lab.publish(
        "assy_1.nc", body, "NeuroidAssembly", location=location, location_type="http", stimulus_set_identifier=""
    )
    with brainio.record_lock(file):
        brainio.get_assembly("lab.Doe2026")
    (record,) = read_lockfile(file).records
    assert record.files[0].location.startswith(f"{http_folder.url}/assy_1.nc")
    assert "secret" not in file.read_text()


def malformed_text(change: Callable[[str], str]) -> str:
    record = Record("assembly", "lab.A", "lab", (FileRecord("nc", "s3://lab/a.nc", "a" * 40),))
    text = lock_text([record], {"python": "3"})
    assert change(text) != text
    return change(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("version = 1", ""), "it has no field 'version'"),
        (lambda text: text.replace("version = 1", "version = 2"), "its version is 2, but this brainio reads 1"),
        (lambda text: text.replace("[[entry]]", "[[entry"), "the lock file .* is malformed: Expected"),
        (lambda text: text.replace('"assembly"', '"movie"'), "entry 1 has the kind 'movie'; expected one of stim"),
        (lambda text: text.replace('catalog = "lab"', ""), "entry 1 has no field 'catalog'"),
        (lambda text: text.replace('"lab"', "3"), "entry 1 has the catalog 3; expected a string"),
        (lambda text: text.replace("aaaa", "zzzz"), r"entry 1 \(lab.A\) has a file with the sha1 'z.*expected 40"),
        (lambda text: text.replace('a.nc"', 'a.nc"\nsize = -1'), "size -1"),
        (
            lambda text: text.replace("sha1", "sha_1"),
            r"a file of entry 1 \(lab.A\) has the unknown field 'sha_1'.*sha1",
        ),
        (
            lambda text: text.replace("kind", 'colour = "red"\nkind'),
            r"entry 1 \(lab.A\) has the unknown field 'colour'",
        ),
        (lambda text: text.replace("version = 1", "version = 1\nowner = 3"), "it has the unknown field 'owner'"),
        (lambda text: text.replace("[[entry]]", "<<<<<<< ours\n[[entry]]"), "line 7 is a conflict marker"),
        (lambda text: text + text[text.index("[[entry]]") :], "assembly 'lab.A' of catalog 'lab' is recorded twice"),
        (lambda text: "entry = 3\n" + text[: text.index("[[entry]]")], "'entry' is not a list of tables"),
        (lambda text: "\x00" + text, "is malformed"),
    ],
)
def test_a_malformed_lock_file_is_an_error_that_names_the_problem(
    change: Callable[[str], str], message: str, file: Path
) -> None:
    file.write_text(malformed_text(change))
    with pytest.raises(LockfileError, match=message), brainio.use_lock(file):
        pass


def test_a_file_with_a_byte_order_mark_and_crlf_is_read(file: Path) -> None:
    with brainio.record_lock(file) as recording:
        brainio.get_assembly(SET)
    assert repr(recording) == f"<2 entries recorded in {file}>"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    with brainio.use_lock(file):
        assert brainio.get_assembly(SET).identifier == SET


def test_a_missing_file_or_folder_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(LockfileError, match=r"brainio\.record_lock\(.*\) records one"),
        brainio.use_lock(tmp_path / "none"),
    ):
        pass
    with (
        pytest.raises(LockfileError, match="Name a file in a folder that exists"),
        brainio.record_lock(tmp_path / "no" / "f"),
    ):
        pass
    with pytest.raises(LockfileError, match="Name a file"), brainio.record_lock(tmp_path):
        pass


def test_the_text_is_independent_of_the_order_of_loading() -> None:
    records = [Record("assembly", f"lab.{name}", "lab", ()) for name in "abcdef"]
    texts = set()
    for seed in range(5):
        random.Random(seed).shuffle(records)
        texts.add(lock_text(records, {}))
    assert len(texts) == 1


def test_lookups_outside_blocks_are_unchanged() -> None:
    with pytest.raises(AssemblyLookupError):
        brainio.get_assembly("nobody.Knows")
