"""The publications table: adding rows keeps all others, and each row is added once."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from brainio.catalogs import Entry, add_catalog, add_publication, append_rows, publications, resolve
from brainio.catalogs.publications import publications_of
from brainio.errors import CatalogError, CatalogWarning
from tests.servers import MotoS3

HEADER = "publication,title,authors,year,journal,doi,url\n"
DOE = {"publication": "doe2026", "title": "Squares, and circles", "year": "2026"}
DOE_LINE = 'doe2026,"Squares, and circles",,2026,,,\n'


@pytest.fixture(autouse=True)
def unread() -> None:
    """A server of another test may have had the same address."""
    publications._table.cache_clear()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "publications.csv"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "lab.csv"


@pytest.mark.parametrize("where", ["folder", "S3"])
def test_an_added_publication_is_found_by_its_entry_at_once(where: str, tmp_path: Path, moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("paper-bucket")
    place = "s3://paper-bucket/catalogs/lab.csv" if where == "S3" else str(tmp_path / "lab.csv")
    columns = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3", "sha1": "a" * 40}
    own = {"identifier": "lab.Doe2026", "location": "s3://paper-bucket/a.nc", "stimulus_set_identifier": ""}
    append_rows(place, [columns | own | {"publication": "doe2026"}])
    add_catalog(place)
    entry = resolve("assembly", "lab.Doe2026")
    assert publications_of(entry) == []
    add_publication(place, DOE)
    assert publications_of(entry) == [dict.fromkeys(HEADER.strip().split(","), "") | DOE]


def test_an_existing_publication_is_not_added_again(catalog: Path, table: Path) -> None:
    add_publication(catalog, DOE)
    before = table.read_bytes(), table.stat().st_ino
    add_publication(catalog, DOE)
    assert (table.read_bytes(), table.stat().st_ino) == before
    assert before[0] == (HEADER + DOE_LINE).encode()


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (f"{HEADER}old,Of old,,,,,", f"{HEADER}old,Of old,,,,,\n{DOE_LINE}"),  # its last line does not end
        ("year,publication,title,note\n1999,old,Of old,x\n", None),
        (
            "publication,title\nold,Of old\n",
            'publication,title,year\nold,Of old,\ndoe2026,"Squares, and circles",2026\n',
        ),
        (
            "publication,title,year\r\nold,,\r\n",
            'publication,title,year\r\nold,,\r\ndoe2026,"Squares, and circles",2026\r\n',
        ),
    ],
    ids=["unended line", "other order", "new column", "line ends"],
)
def test_existing_rows_and_columns_are_kept(catalog: Path, table: Path, listed: str, expected: str | None) -> None:
    table.write_bytes(listed.encode())
    add_publication(catalog, DOE)
    assert table.read_bytes().decode() == (expected or f'{listed}2026,doe2026,"Squares, and circles",\n')


def test_a_key_may_have_several_publications(catalog: Path, table: Path) -> None:
    add_publication(catalog, DOE)
    add_publication(catalog, DOE | {"title": "Triangles"})
    assert table.read_text() == HEADER + DOE_LINE + "doe2026,Triangles,,2026,,,\n"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"key,title\ndoe2026,On cells\n"])
def test_a_table_that_cannot_be_read_is_a_warning_that_names_it(catalog: Path, table: Path, content: bytes) -> None:
    add_publication(catalog, {"publication": "doe2026", "title": "On cells"})
    entry = replace(resolve("assembly", "modelfest.Carney1999"), publication="doe2026", base=str(catalog.parent))
    assert [paper["title"] for paper in publications_of(entry)] == ["On cells"]
    table.write_bytes(content)
    with pytest.warns(CatalogWarning, match=r"^no publications are known: .*publications\.csv is not"):
        assert publications_of(entry) == []


def test_no_row_is_lost_when_several_are_added_at_once(catalog: Path, table: Path) -> None:
    keys = [f"doe{number}" for number in range(20)]
    threads = [threading.Thread(target=add_publication, args=(catalog, DOE | {"publication": key})) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line.partition(",")[0] for line in table.read_text().splitlines()[1:]) == sorted(keys)


@pytest.mark.parametrize("listed", ["", "title,year\nOf old,1999\n", "\0\n"])
def test_an_invalid_publications_table_is_unchanged(catalog: Path, table: Path, listed: str) -> None:
    table.write_text(listed)
    with pytest.raises(CatalogError, match=r"publications\.csv is not a table"):
        add_publication(catalog, DOE)
    assert table.read_text() == listed


@pytest.mark.parametrize("publication", [{}, {"publication": ""}, {"title": "Squares"}])
def test_a_publication_without_a_key_is_refused(catalog: Path, table: Path, publication: dict[str, str]) -> None:
    with pytest.raises(CatalogError, match="has no key"):
        add_publication(catalog, publication)
    assert not table.exists()


@pytest.fixture
def entry(catalog: Path) -> Entry:
    """An entry of the catalog that names the publication `doe2026`."""
    return replace(resolve("assembly", "modelfest.Carney1999"), publication="doe2026", base=str(catalog.parent))


@pytest.mark.parametrize("doi", ["https://doi.org/10.1234/ABC", "doi:10.1234/abc", " 10.1234/ABC. ", "10.1234%2Fabc"])
def test_a_doi_of_a_table_is_read_in_its_stored_form(entry: Entry, table: Path, doi: str) -> None:
    table.write_text(f'{HEADER}doe2026,On cells,,2026,,"{doi}",\n')
    (paper,) = publications_of(entry)
    assert paper["doi"] == "10.1234/abc"


def test_the_doi_of_a_row_is_read_from_its_url(entry: Entry, table: Path) -> None:
    table.write_text(f"{HEADER}doe2026,On cells,,2026,,,https://doi.org/10.1234/ABC\n")
    assert publications_of(entry)[0]["doi"] == "10.1234/abc"


def test_an_invalid_doi_is_left_out_with_a_warning_of_file_line_and_value(entry: Entry, table: Path) -> None:
    table.write_text(f'{HEADER}other,"On\nnets",,,,,\ndoe2026,On cells,,2026,,see website,\n')
    message = r"publications\.csv, line 4: publication 'doe2026' has the DOI 'see website'.*expected a DOI such as"
    with pytest.warns(CatalogWarning, match=message):
        (paper,) = publications_of(entry)
    assert (paper["title"], paper["doi"]) == ("On cells", "")


def test_a_doi_is_stored_in_one_form_and_found_again_in_others(catalog: Path, table: Path) -> None:
    add_publication(catalog, DOE | {"doi": "https://doi.org/10.1234/ABC"})
    add_publication(catalog, DOE | {"doi": "doi:10.1234/abc"})
    assert table.read_text() == HEADER + 'doe2026,"Squares, and circles",,2026,,10.1234/abc,\n'


def test_a_row_with_an_invalid_doi_is_not_added(catalog: Path, table: Path) -> None:
    message = r"publications\.csv: the new row 'doe2026' has the DOI 'to appear'; expected a DOI such as"
    with pytest.raises(CatalogError, match=message):
        add_publication(catalog, DOE | {"doi": "to appear"})
    assert not table.exists()


def test_optional_details_of_a_publication_are_read(catalog: Path, entry: Entry, table: Path) -> None:
    add_publication(catalog, DOE | {"volume": "7", "pages": "1-9"})
    (paper,) = publications_of(entry)
    assert (paper["volume"], paper["pages"], paper.get("number")) == ("7", "1-9", None)
    assert table.read_text().startswith(HEADER.strip() + ",volume,pages\n")
