"""Reading and appending catalog rows in CSV."""

import csv
import io
import multiprocessing
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.catalogs import Listing, append_rows
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.catalogs.listing import read_listing
from brainio.errors import CatalogError, CatalogWarning

HEADER = ",".join(REQUIRED_COLUMNS)
SHA = "a" * 40


def row(identifier: str = "lab.Doe2026", **changes: str) -> dict[str, str]:
    return {
        "identifier": identifier,
        "lookup_type": "assembly",
        "class": "NeuroidAssembly",
        "location_type": "S3",
        "location": f"s3://lab/assy_{identifier}.nc",
        "sha1": SHA,
        "stimulus_set_identifier": "",
        **changes,
    }


def read(*lines: str, header: str = HEADER) -> Listing:
    return read_listing("lab", "\n".join([header, *lines]) + "\n", "/data/lab.csv")


def test_a_stimulus_set_is_two_rows_and_an_assembly_one() -> None:
    listing = read(
        f"lab.Doe2026,stimulus_set,StimulusSet,S3,s3://lab/a.csv,{SHA},",
        f"lab.Doe2026,stimulus_set,,S3,s3://lab/a.zip,{SHA},",
        f"lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,{SHA},lab.Doe2026",
    )
    stimuli, assembly = listing.entries.values()
    assert [file.part for file in stimuli.files] == ["csv", "zip"]
    assert [file.part for file in assembly.files] == ["nc"]
    assert assembly.stimulus_set_identifier == "lab.Doe2026"


def test_all_columns_of_the_format_are_read() -> None:
    columns = "version_id,sha256,size,mirrors,aliases,version,status,successor,publication,license,card"
    line = (
        f"x,assembly,DataAssembly,S3,s3://b/x.nc,{SHA},s,null,{'b' * 64},12,s3://m/x.nc https://h/x.nc,y z,3,"
        f"superseded,w,doe2026,CC0-1.0,cards/x.json"
    )
    entry = read(line, header=f"{HEADER},{columns}").entries["assembly", "x"]
    file = entry.files[0]
    assert (file.version_id, file.sha256, file.size) == ("null", "b" * 64, 12)
    assert file.mirrors == ("s3://m/x.nc", "https://h/x.nc")
    assert entry.aliases == ("y", "z")
    assert (entry.version, entry.status, entry.successor) == ("3", "superseded", "w")
    assert (entry.publication, entry.license, entry.card) == ("doe2026", "CC0-1.0", "cards/x.json")
    assert entry.base == "/data"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"x,movie,,S3,s3://b/x,{SHA},", "lookup_type is 'movie'"),
        ("x,assembly,DataAssembly,S3,s3://b/x,beef,", "sha1 is 'beef'; expected 40 hexadecimal digits"),
        (f",assembly,DataAssembly,S3,s3://b/x,{SHA},", "identifier is empty"),
        (f"x,assembly,DataAssembly,S3,,{SHA},", "location is empty"),
        ("x,assembly", "2 fields; the header has 7"),
        ('x,assembly,"a"b,S3,s3://b/x,,', "not readable as CSV"),
    ],
)
def test_a_malformed_row_is_left_out_with_a_warning_of_file_and_line(line: str, problem: str) -> None:
    with pytest.warns(CatalogWarning, match=r"/data/lab\.csv, line 3: .*left out") as warned:
        listing = read(
            f"good,assembly,DataAssembly,S3,s3://b/g,{SHA},", line, f"fine,assembly,DataAssembly,S3,s3://b/f,{SHA},"
        )
    assert problem in str(warned[0].message)
    assert [identifier for _, identifier in listing.entries] == ["good", "fine"]


def test_a_stray_quote_affects_only_its_own_row(tmp_path: Path) -> None:
    lines = [f"{name},assembly,DataAssembly,S3,s3://b/{name},{SHA}," for name in "abcd"]
    lines[1] = lines[1].replace("DataAssembly", '"DataAssembly')
    with pytest.warns(CatalogWarning, match="line 3: not readable as CSV") as warned:
        listing = read(*lines)
    assert len(warned) == 1
    assert [identifier for _, identifier in listing.entries] == ["a", "c", "d"]
    path = tmp_path / "lab.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    with pytest.warns(CatalogWarning, match="line 3"):
        append_rows(path, [row("e", sha256="d" * 64)])
    assert f"\n{lines[1]}\n" in path.read_text()
    with pytest.warns(CatalogWarning, match="line 3"):
        again = read_listing("lab", path.read_text(), str(path))
    assert [identifier for _, identifier in again.entries] == ["a", "c", "d", "e"]


def test_a_field_may_hold_a_line_break() -> None:
    header = f"{HEADER},remark"
    listing = read(f'x,assembly,DataAssembly,S3,s3://b/x,{SHA},,"two\nlines"', header=header)
    assert ("assembly", "x") in listing.entries


def test_a_second_file_under_one_key_is_left_out() -> None:
    with pytest.warns(CatalogWarning, match="second nc file"):
        listing = read(
            f"x,assembly,DataAssembly,S3,s3://b/1,{SHA},", f"x,assembly,DataAssembly,S3,s3://b/2,{'c' * 40},"
        )
    assert listing.entries["assembly", "x"].files[0].location == "s3://b/1"


def test_the_current_version_is_found_unless_another_is_named() -> None:
    listing = read(
        f"x,assembly,DataAssembly,S3,s3://b/2,{SHA},,2,current",
        f"x,assembly,DataAssembly,S3,s3://b/1,{'c' * 40},,1,superseded",
        header=f"{HEADER},version,status",
    )
    current, old = listing.find("assembly", "x"), listing.find("assembly", "x", "1")
    assert current is not None
    assert old is not None
    assert (current.version, old.version, old.status) == ("2", "1", "superseded")
    assert listing.find("assembly", "x", "3") is None


@pytest.mark.parametrize("text", ["", "identifier,location\nx,y\n", "\x00\x01", 'a"b,"c'])
def test_a_file_without_the_required_columns_is_not_a_catalog(text: str) -> None:
    with pytest.raises(
        CatalogError,
        match=r"/data/lab\.csv is not a catalog: (its header lacks .*sha1|not readable as CSV|it holds)",
    ):
        read_listing("lab", text, "/data/lab.csv")


def test_byte_order_mark_quotes_and_line_endings_do_not_matter() -> None:
    plain = read(f"x,assembly,DataAssembly,S3,s3://b/x,{SHA},")
    quoted = read_listing(
        "lab", f'\ufeff{HEADER}\r\n"x","assembly","DataAssembly","S3","s3://b/x","{SHA}",\r\n', "/data/lab.csv"
    )
    assert quoted.entries == plain.entries


def test_append_creates_the_file_and_keeps_unknown_columns(tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    append_rows(path, [row("a")])
    text = path.read_text().replace("\n", ",remark\n", 1).replace(f"{SHA},\n", f"{SHA},,keep me\n")
    path.write_text(text)
    append_rows(path, [row("b", sha256="d" * 64)])
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [(row["identifier"], row["remark"], row["sha256"]) for row in rows] == [
        ("a", "keep me", ""),
        ("b", "", "d" * 64),
    ]


def test_append_changes_no_existing_text_including_malformed_rows(tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    before = f'{HEADER}\r\nbroken,row\r\n"quoted, name",assembly,DataAssembly,S3,s3://b/q,{SHA},'
    path.write_bytes(before.encode())
    with pytest.warns(CatalogWarning, match="line 2"):
        append_rows(path, [row("a")])
    assert path.read_bytes().startswith(before.encode() + b"\r\n")
    with pytest.warns(CatalogWarning, match="line 2"):
        append_rows(path, [row("b", sha256="d" * 64)])
    assert b"\r\nbroken,row\r\n" in path.read_bytes()


def test_append_of_the_same_bytes_changes_nothing_and_of_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    append_rows(path, [row("a")])
    before = path.read_bytes()
    append_rows(path, [row("a")])
    with pytest.raises(CatalogError, match="lists the assembly 'a' already, with other bytes"):
        append_rows(path, [row("b"), row("a", sha1="b" * 40)])
    assert path.read_bytes() == before


def test_append_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text(HEADER + "\n")
    (tmp_path / "lab.csv").symlink_to(tmp_path / "real.csv")
    append_rows(tmp_path / "lab.csv", [row("a")])
    assert (tmp_path / "lab.csv").is_symlink()
    assert len((tmp_path / "real.csv").read_text().splitlines()) == 2


def test_append_to_a_file_that_is_not_utf8_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    path.write_bytes(HEADER.encode() + b"\n\xe9\n")
    with pytest.raises(CatalogError, match="is not UTF-8"):
        append_rows(path, [row("a")])
    assert path.read_bytes() == HEADER.encode() + b"\n\xe9\n"


def test_append_of_an_unreadable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="lookup_type is 'movie'"):
        append_rows(tmp_path / "lab.csv", [row("a", lookup_type="movie")])
    assert not (tmp_path / "lab.csv").exists()


def _append_ten(path: Path, process: int) -> None:
    for number in range(10):
        append_rows(path, [row(f"lab.P{process}N{number}")])


def test_entries_appended_by_several_processes_are_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append_ten, args=(path, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listing = read_listing("lab", path.read_text(), str(path))
    assert len(listing.entries) == 40
    assert len(path.read_text().splitlines()) == 41


cells = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.dictionaries(cells, st.tuples(cells, cells), max_size=5))
def test_appended_entries_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("catalog") / "lab.csv"
    append_rows(path, [row(name, location=location, publication=paper) for name, (location, paper) in entries.items()])
    listing = read_listing("lab", path.read_text(encoding="utf-8"), str(path))
    found = {
        identifier: (entry.files[0].location, entry.publication) for (_, identifier), entry in listing.entries.items()
    }
    assert found == entries
