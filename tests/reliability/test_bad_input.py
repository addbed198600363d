"""Bad archives, tables, identifiers and catalogs: a clear error that names the fault, and no incomplete files."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import brainio
from brainio.errors import (
    ArchiveError,
    AssemblyLookupError,
    BrainioError,
    CatalogWarning,
    LocationError,
    PackagingError,
    StimulusSetFormatError,
    StimulusSetLookupError,
    TransferError,
    UnknownClassError,
)
from brainio.packaging import package_stimulus_set
from brainio.stimuli import StimulusSet
from tests.lab import assembly_file
from tests.reliability.faults import answered
from tests.reliability.faulty_lab import ARCHIVE, CSV, NAME, TABLE, ZIP, FaultyLab, cached_archive, load
from tests.servers import HttpFolder

HEADER = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"


def publish(lab: FaultyLab, table: bytes = TABLE, archive: bytes = ARCHIVE) -> None:
    """Replace the published files of the lab."""
    lab.catalog.unlink()
    lab.publish(CSV, table, "StimulusSet")
    lab.publish(ZIP, archive)


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in (("one.png", b"1"), ("deep/two.png", b"2"), *members):
            archive.writestr(*member)
    return file.getvalue()


def a_link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


BAD_MEMBERS: dict[str, tuple[tuple[str | zipfile.ZipInfo, bytes], str]] = {
    "climbs": (("../evil.png", b"evil"), r"'\.\./evil\.png'.*'\.\.'"),
    "climbs later": (("a/../../evil.png", b"evil"), r"evil\.png'.*'\.\.'"),
    "absolute": (("/tmp/evil.png", b"evil"), r"'/tmp/evil\.png'.*absolute"),
    "link": ((a_link(), b"/etc/passwd"), r"'link\.png'.*a link"),
    "twice": (("one.png", b"evil"), r"'one\.png'.*twice"),
    "backslash": (("..\\evil.png", b"evil"), "backslash"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("member", "message"), BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_an_archive_with_a_forbidden_member_is_refused_as_a_whole(
    s3_lab: FaultyLab, tmp_path: Path, member: tuple[str | zipfile.ZipInfo, bytes], message: str
) -> None:
    publish(s3_lab, archive=zipped(member))
    with pytest.raises(ArchiveError, match=rf"^stimulus set 'lab\.Doe2026'.*{ZIP} is refused.*{message}"):
        brainio.get_stimulus_set(NAME)
    assert s3_lab.files("unpacked") == s3_lab.files("partial") == []
    assert not [path for path in tmp_path.rglob("*evil*") if path.is_file()]
    assert not Path("/tmp/evil.png").exists()


def bomb(count: int, megabytes: int) -> bytes:
    """Create an archive whose members are zeros, some megabytes each."""
    size, packer = megabytes << 20, zlib.compressobj(9, wbits=-15)
    packed = packer.compress(bytes(size)) + packer.flush()
    fields = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, zlib.crc32(bytes(size)), len(packed), size, 5, 0)
    body, listed = b"", b""
    for number in range(count):
        name = b"%05d" % number
        listed += b"PK\x01\x02\x14\x00" + fields + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + fields + name + packed
    return body + listed + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, len(listed), len(body), 0)


def test_an_archive_bomb_is_refused_before_it_is_unpacked(s3_lab: FaultyLab) -> None:
    publish(s3_lab, archive=bomb(80, 16))
    with pytest.raises(ArchiveError, match=r"is refused: its .* bytes would become 1,342,177,280"):
        brainio.get_stimulus_set(NAME)
    assert s3_lab.files("unpacked") == s3_lab.files("partial") == []


@pytest.mark.parametrize("end", [0, 10, len(ARCHIVE) // 2, len(ARCHIVE) - 10])
def test_a_truncated_published_archive_is_an_error_that_names_it(s3_lab: FaultyLab, end: int) -> None:
    publish(s3_lab, archive=ARCHIVE[:end])
    with pytest.raises(ArchiveError, match=rf"^stimulus set 'lab\.Doe2026'.*{ZIP} is not a valid ZIP archive"):
        brainio.get_stimulus_set(NAME)
    assert s3_lab.files("unpacked") == s3_lab.files("partial") == []


ROWS = b"1,one.png,car\n2,deep/two.png,face\n"
GOOD_TABLES = {
    "quotes": b'stimulus_id,filename,object_name\n"1","one.png","car"\n"2","deep/two.png","face"\n',
    "BOM": b"\xef\xbb\xbf" + TABLE,
    "CRLF": TABLE.replace(b"\n", b"\r\n"),
    "no line feed at the end": TABLE.rstrip(b"\n"),
    "image_id of older sets": TABLE.replace(b"stimulus_id", b"image_id"),
}


@pytest.mark.parametrize("table", GOOD_TABLES.values(), ids=GOOD_TABLES)
def test_a_table_in_another_csv_dialect_gives_the_same_values(s3_lab: FaultyLab, table: bytes) -> None:
    publish(s3_lab, table)
    load()


def test_quoted_texts_and_formulas_stay_texts(s3_lab: FaultyLab) -> None:
    texts = ['a "quoted" word', "two\nlines", "a, comma", "=1+1", "=cmd|'/c calc'!A1", "@SUM(A1)", "-2+3", "007x"]
    quoted = [text.replace('"', '""') for text in texts]
    table = "stimulus_id,filename,note\n" + "".join(
        f'{number},one.png,"{text}"\n' for number, text in enumerate(quoted)
    )
    publish(s3_lab, table.encode())
    assert list(brainio.get_stimulus_set(NAME)["note"]) == texts


BAD_TABLES = {
    "missing key column": (b"filename,object_name\none.png,car\n", "has no column 'stimulus_id'"),
    "missing key": (TABLE.replace(b"\n2,", b"\n,"), "stimulus_id is missing in line"),
    "doubled key": (TABLE.replace(b"\n2,", b"\n1,"), r"stimulus_id is not unique: \['1'\]"),
    "doubled column": (b"stimulus_id,filename,filename\n" + ROWS, "repeats"),
    "NUL": (TABLE.replace(b"one.png", b"one\0.png"), "line 2 holds a NUL character"),
    "NUL in the key": (TABLE.replace(b"stimulus_id", b"stimulus\0_id"), "stimulus_id|NUL"),
    "not UTF-8": (TABLE.replace(b"car", b"\xff\xfe"), "cannot be read as a CSV table"),
    "open quote": (TABLE.replace(b"car", b'"car'), "cannot be read as a CSV table"),
    "too many fields": (TABLE.replace(b"car", b"car,van"), "line 2 has 4 fields, expected 3"),
    "empty": (b"", "cannot be read as a CSV table|has no column 'stimulus_id'"),
    "no filename": (TABLE.replace(b"one.png", b""), "filename is missing in line"),
    "filename that climbs": (TABLE.replace(b"one.png", b"../one.png"), "leads out of the folder"),
    "absolute filename": (TABLE.replace(b"one.png", b"/etc/passwd"), "leads out of the folder"),
    "filename that the archive lacks": (TABLE.replace(b"one", b"none"), r"lacks 1 of the 2 files .*'none\.png'"),
}


@pytest.mark.parametrize(("table", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_is_an_error_that_names_file_and_fault(s3_lab: FaultyLab, table: bytes, message: str) -> None:
    publish(s3_lab, table)
    with pytest.raises(StimulusSetFormatError, match=rf"(?s)^stimulus set 'lab\.Doe2026'.*({message})") as caught:
        brainio.get_stimulus_set(NAME)
    assert CSV in str(caught.value)


BAD_NAMES = [
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "x" * 10_000,
    "",
    " ",
    "a\nb",
    "\ud800",
    "é:è",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_an_invalid_identifier_is_not_found_and_touches_no_file(s3_lab: FaultyLab, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    for ask in (brainio.get_stimulus_set, brainio.get_assembly):
        with pytest.raises(BrainioError):
            ask(name)
    with pytest.raises(StimulusSetLookupError) as caught:
        brainio.get_stimulus_set(name)
    assert len(str(caught.value)) < 30_000
    assert s3_lab.server.requests == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_an_invalid_identifier_is_not_published(tmp_path: Path, name: str) -> None:
    stimuli = StimulusSet([{"stimulus_id": "a"}])
    stimuli.stimulus_paths = {"a": tmp_path / "a.png"}
    (tmp_path / "a.png").write_bytes(b"a")
    with pytest.raises(PackagingError, match="the identifier"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, name, bucket_name=tmp_path / "files")
    assert not (tmp_path / "lab.csv").exists()
    assert not (tmp_path / "files").exists()


LISTED_NAMES = ["..", "../../escape", "/etc/passwd", "a\\b", "x" * 10_000, "é/è"]


@pytest.mark.parametrize("name", LISTED_NAMES, ids=range(len(LISTED_NAMES)))
def test_a_strange_identifier_of_a_catalog_loads_within_the_cache(s3_lab: FaultyLab, tmp_path: Path, name: str) -> None:
    s3_lab.publish(CSV, TABLE, "StimulusSet", identifier=name)
    s3_lab.publish(ZIP, ARCHIVE, identifier=name)
    assert brainio.get_stimulus_set(name, catalog="lab").identifier == name
    assert cached_archive(s3_lab.home).read_bytes() == ARCHIVE
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "user", "lab.csv", ".lab.csv.lock"}


STRANGE_KEYS = ["folder/..%2f..%2fescape.csv", "x" * 1000 + ".csv", "a b%0A.csv", "%00.csv"]


@pytest.mark.parametrize("key", STRANGE_KEYS, ids=range(len(STRANGE_KEYS)))
def test_the_name_of_a_location_cannot_escape_the_cache(s3_lab: FaultyLab, tmp_path: Path, key: str) -> None:
    s3_lab.catalog.unlink()
    s3_lab.publish(key, TABLE, "StimulusSet")
    s3_lab.publish(ZIP, ARCHIVE)
    s3_lab.server.objects |= {("lab-bucket", name): TABLE for name in ("folder/../../escape.csv", "a b\n.csv")}
    with suppress(LocationError, TransferError):
        load()
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "user", "lab.csv", ".lab.csv.lock"}


@pytest.mark.parametrize("name", ["Unknown", "StimulusSet", "os.system", "__class__", "walk_coords", "../x", "np", ""])
def test_an_unknown_class_in_a_catalog_is_refused_before_any_fetch(
    s3_lab: FaultyLab, tmp_path: Path, name: str
) -> None:
    s3_lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), name)
    with pytest.raises(UnknownClassError, match=r"unknown assembly class .*; expected one of"):
        brainio.get_assembly(NAME)
    assert s3_lab.server.requests == []


FORBIDDEN = ["file:///etc/passwd", "/etc/passwd", "local:///etc/passwd", "memory://x/y", "data:,x", "~/.ssh/id_rsa"]


@pytest.mark.parametrize("place", FORBIDDEN)
@pytest.mark.parametrize("column", ["location", "mirrors"])
def test_a_remote_catalog_with_a_local_location_is_refused(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch, place: str, column: str
) -> None:
    where = place if column == "location" else f"{http_folder.url}/not-there.nc"
    mirror = place if column == "mirrors" else ""
    row = f'x.Doe2026,assembly,DataAssembly,,"{where}",{"a" * 40},,"{mirror}"'
    (http_folder.folder / "evil.csv").write_text(f"{HEADER},mirrors\n{row}\n")
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/evil.csv")
    if column == "location":
        with pytest.raises(LocationError, match=r"(?=.*x\.Doe2026)(?=.*may not name a file on this machine)"):
            brainio.get_assembly("x.Doe2026")
    else:
        with (
            pytest.raises(TransferError, match=r"not-there\.nc"),
            pytest.warns(CatalogWarning, match="may not name a file on this machine"),
        ):
            brainio.get_assembly("x.Doe2026")


@pytest.mark.parametrize("redirected", ["location", "catalog"])
def test_a_redirect_to_a_local_file_is_refused(
    http_lab: FaultyLab, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch, redirected: str
) -> None:
    to_a_secret = answered(302, {"Location": "file:///etc/passwd"})
    if redirected == "location":
        http_lab.server.faults[CSV] = iter([to_a_secret])
        with pytest.raises(TransferError, match=CSV) as caught:
            brainio.get_stimulus_set(NAME)
        assert "root:" not in str(caught.value)
        return
    http_folder.redirects["/evil.csv"] = "file:///etc/passwd"
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/evil.csv")
    with pytest.warns(CatalogWarning, match="evil"), pytest.raises(StimulusSetLookupError):
        brainio.get_stimulus_set("evil.Set")


ROW_FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "invalid sha1": (lambda row: row.replace("a" * 40, "../../etc"), "sha1 is"),
    "too few fields": (lambda row: row.replace(",lab.Doe2026", ""), "fields; the header has"),
    "open quote": (lambda row: row.replace("lab.Bad", '"lab.Bad'), "not readable as CSV"),
}


@pytest.mark.parametrize(("spoil", "message"), ROW_FAULTS.values(), ids=ROW_FAULTS)
def test_a_bad_catalog_row_is_skipped_with_a_warning_that_names_its_line(
    s3_lab: FaultyLab, spoil: Callable[[str], str], message: str
) -> None:
    header, *rows = s3_lab.catalog.read_text().splitlines()
    bad = f"lab.Bad,assembly,NeuroidAssembly,S3,s3://lab-bucket/x.nc,{'a' * 40},lab.Doe2026"
    s3_lab.catalog.write_text("\n".join([header, spoil(bad), *rows]) + "\n")
    with pytest.warns(CatalogWarning, match=f"^{s3_lab.catalog}, line 2: .*{message}.*this row is left out"):
        load()
    with pytest.raises(AssemblyLookupError, match=r"lab\.Bad"):
        brainio.get_assembly("lab.Bad")


def test_a_catalog_row_with_nul_in_a_location_is_skipped(s3_lab: FaultyLab) -> None:
    s3_lab.catalog.write_text(s3_lab.catalog.read_text().replace("lab-bucket", "lab\0bucket"))
    with (
        pytest.warns(CatalogWarning, match="line 2: it holds a NUL character; this row is left out"),
        pytest.warns(CatalogWarning, match="line 3: "),
        pytest.raises(StimulusSetLookupError),
    ):
        load()
