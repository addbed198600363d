"""Hostile tables are read in linear time, and texts that cannot be stored are neither read nor published."""

import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainio import validate
from brainio.assemblies import BehavioralAssembly
from brainio.catalogs import CatalogSource, append_rows, resolve
from brainio.catalogs.csv_format import read_table, with_rows_added
from brainio.catalogs.listing import read_listing
from brainio.catalogs.publications import MOST_OF_KEY, publications_of
from brainio.errors import CatalogError, CatalogRowError, CatalogWarning, PackagingError, StimulusSetFormatError
from brainio.exchange.croissant import _field_ids
from brainio.packaging import package_stimulus_set
from brainio.packaging.lab_files import read_stimuli
from brainio.stimuli import StimulusSet, StimulusSetLoader
from brainio.validation.table_files import parse_packaged_table
from tests.security.fuzz_csv import HEADER
from tests.servers import HttpFolder

ROW = "a,assembly,X,S3,s3://b/k,,"
MANY = 120_000  # columns; quadratic time would be some minutes


@contextmanager
def soon(seconds: float = 20) -> Iterator[None]:
    """Fail if the block takes as long as a quadratic algorithm would."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def columns(count: int) -> str:
    return ",".join(f"c{number}" for number in range(count))


def test_a_catalog_of_very_many_columns_is_read_in_linear_time() -> None:
    with soon():
        listing = read_listing("wide", f"{HEADER},{columns(MANY)}\n{ROW}{',' * MANY}\n")
    assert set(listing.entries) == {("assembly", "a")}


def test_very_many_duplicate_columns_are_refused_in_linear_time_with_a_short_message() -> None:
    doubled = f"{HEADER},{columns(MANY // 2)},{columns(MANY // 2)}"
    with soon(), pytest.raises(CatalogError, match="more than once") as caught:
        read_listing("doubled", f"{doubled}\n")
    assert len(str(caught.value)) < 1000


def test_a_header_without_the_columns_of_the_format_is_quoted_in_part() -> None:
    with soon(), pytest.raises(CatalogError, match="its header lacks") as caught:
        read_listing("other", columns(MANY))
    assert len(str(caught.value)) < 1000


def test_rows_are_added_to_a_catalog_of_very_many_columns_in_linear_time() -> None:
    row = dict(zip(HEADER.split(","), ROW.split(","), strict=True))
    with soon():
        text = with_rows_added(f"{HEADER},{columns(MANY)}\n", [row | {"size": "3"}], "wide")
    assert text.splitlines()[1].startswith(ROW)


def test_an_overlong_line_is_left_out_before_it_is_parsed() -> None:
    tracemalloc.start()
    with pytest.warns(CatalogWarning, match=r"line 2: 3,000,\d+ characters; a row has at most 1,048,576"):
        listing = read_listing("long", f"{HEADER}\n{'a,' * 1_500_000}\n{ROW}\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(listing.entries) == {("assembly", "a")}
    assert peak < 40_000_000


def test_lines_after_stray_quotes_are_parsed_once() -> None:
    """Each of these lines could begin a record of the next hundred lines."""
    line = '"a",' + "x," * 2000 + '"\n'
    with warnings.catch_warnings(), soon():
        warnings.simplefilter("ignore")
        read_listing("quotes", f"{HEADER}\n{line * 4000}")


def test_the_warnings_about_very_many_bad_rows_are_bounded() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_listing("bad", f"{HEADER}\n" + f"a,{'b' * 3000},X,S3,s3://b/k,,\n" * 3000)
    assert len(caught) == 1001
    assert "2,000 more rows are left out" in str(caught[-1].message)
    assert max(len(str(warning.message)) for warning in caught) < 1000


def test_a_remote_catalog_with_too_many_lines_is_refused(http_folder: HttpFolder, tmp_path: Path) -> None:
    (http_folder.folder / "lines.csv").write_bytes(HEADER.encode() + b"\n" * 1_000_002)
    with soon(), pytest.raises(CatalogError, match=r"has 1,000,002 lines; .* at most 1,000,000"):
        CatalogSource("lines", f"{http_folder.url}/lines.csv").read()
    (tmp_path / "lines.csv").write_bytes(HEADER.encode() + b"\n" * 100)
    assert CatalogSource("lines", str(tmp_path / "lines.csv")).read().entries == {}


def test_a_catalog_row_with_nul_is_left_out() -> None:
    with pytest.warns(CatalogWarning, match="^lab, line 2: it holds a NUL character; this row is left out"):
        listing = read_listing("lab", f"{HEADER}\na\0b{ROW}\n{ROW}\n")
    assert set(listing.entries) == {("assembly", "a")}


def test_a_nul_in_the_header_of_a_catalog_is_an_error() -> None:
    with pytest.raises(CatalogError, match=r"^lab is not a catalog: it holds a NUL character"):
        read_listing("lab", f"{HEADER},x\0\n{ROW},\n")


@pytest.mark.parametrize(("text", "fault"), [("a\0b", "a NUL character"), ("a\udcff", r"the lone surrogate U\+DCFF")])
def test_a_row_with_a_text_that_cannot_be_stored_is_not_added(tmp_path: Path, text: str, fault: str) -> None:
    row = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | {"license": text}
    with pytest.raises(CatalogRowError, match=f"it holds {fault}"):
        append_rows(tmp_path / "lab.csv", [row])
    assert not (tmp_path / "lab.csv").exists()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("publication,title\na,b\0\n", "^papers is not a table: it holds a NUL character"),
        (f"publication,title\na,{'b' * 200_000}\n", r"^papers, line 2: not readable as CSV \(field larger than"),
        ("key,title\na,b\n", "^papers is not a table of publications: its header lacks publication"),
        ("", "^papers is not a table of publications: its header lacks publication"),
    ],
    ids=["NUL", "large cell", "other table", "empty"],
)
def test_an_invalid_publications_table_is_a_catalog_error(text: str, fault: str) -> None:
    with pytest.raises(CatalogError, match=fault):
        read_table(text, "papers", "publication")


def test_only_the_first_of_very_many_publications_with_one_key_are_read(tmp_path: Path) -> None:
    rows = "".join(f"a,Title {number}\n" for number in range(MOST_OF_KEY + 50))
    (tmp_path / "publications.csv").write_text(f"publication,title\n{rows}")
    entry = replace(resolve("assembly", "modelfest.Carney1999"), publication="a", base=str(tmp_path))
    papers = publications_of(entry)
    assert (len(papers), papers[-1]["title"]) == (100, "Title 99")


def test_very_many_columns_get_unique_identifiers_in_linear_time() -> None:
    with soon():
        ids = _field_ids([f"c {'_' * (number % 2)}{number // 2}" for number in range(MANY)])
    assert len(set(ids.values())) == len(ids)


def stimulus_table(tmp_path: Path, table: bytes) -> StimulusSetLoader:
    path = tmp_path / "table.csv"
    path.write_bytes(table)
    return StimulusSetLoader(StimulusSet, path, tmp_path)


@pytest.mark.parametrize("table", [b"stimulus_id,filename,n\na,a.png,x\0\n", b"stimulus_id,filename,n\0\na,a.png,x\n"])
def test_a_nul_in_any_cell_of_a_stimulus_table_is_an_error_with_its_line(tmp_path: Path, table: bytes) -> None:
    line = table.count(b"\n", 0, table.index(b"\0")) + 1
    with pytest.raises(StimulusSetFormatError, match=f"line {line} holds a NUL character"):
        stimulus_table(tmp_path, table).load()
    _, problems = parse_packaged_table(table, "table.csv")
    assert [(problem.code, problem.found) for problem in problems] == [
        ("table-unreadable", f"a NUL character in line {line}")
    ]


@pytest.mark.parametrize("names", [columns(MANY), ",".join(["a"] * MANY)], ids=["different", "doubled"])
def test_a_stimulus_table_of_very_many_columns_is_refused_at_once(tmp_path: Path, names: str) -> None:
    table = f"stimulus_id,filename,{names}\n".encode()
    with soon(), pytest.raises(StimulusSetFormatError, match=r"has 120,002 columns; .* at most 10,000"):
        stimulus_table(tmp_path, table).load()
    with soon():
        _, problems = parse_packaged_table(table, "table.csv")
    assert [(problem.code, problem.found) for problem in problems] == [("table-unreadable", "120,002 columns")]


def test_an_error_about_duplicate_columns_names_only_some(tmp_path: Path) -> None:
    table = f"stimulus_id,filename,{columns(4000)},{columns(4000)}\n".encode()
    with soon(), pytest.raises(StimulusSetFormatError, match=r"repeats 'c0'.* and 3,995 more; rename columns"):
        stimulus_table(tmp_path, table).load()


@pytest.mark.parametrize("text", ["a\0b", "a\udcff"], ids=["NUL", "surrogate"])
def test_packaging_refuses_a_stimulus_set_with_text_that_cannot_be_stored(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text("stimulus")
    stimuli = StimulusSet({"stimulus_id": ["1", "2"], "caption": pd.Series(["fine", text], dtype=object)})
    stimuli.stimulus_paths = dict.fromkeys(["1", "2"], tmp_path / "a.txt")
    with pytest.raises(PackagingError, match=r"\[text-invalid\] row 1, column 'caption': found (a NUL|the lone)"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, "lab.Doe2026", bucket_name=tmp_path / "files")
    assert not (tmp_path / "lab.csv").exists()


def test_packaging_refuses_a_table_with_nul_and_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"stimulus_id,filename\na,a\0.txt\n")
    with pytest.raises(PackagingError, match="a NUL character in line 2"):
        read_stimuli(tmp_path / "table.csv")


@pytest.mark.parametrize(("text", "dtype"), [("a\0b", object), ("a\0b", "U4"), ("a\udcff", "U4")])
def test_a_coordinate_with_a_text_that_cannot_be_stored_is_an_error(text: str, dtype: type | str) -> None:
    regions = np.array(["V4", text], dtype=dtype)
    coords = {"stimulus_id": ("presentation", ["a", "b"]), "region": ("presentation", regions)}
    report = validate(BehavioralAssembly(xr.DataArray([1.0, 2.0], coords, ["presentation"])))
    assert [problem.place for problem in report.errors if problem.code == "text-invalid"] == [
        "coordinate 'region', position 1"
    ]
