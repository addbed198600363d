"""Tests of citations: each publication appears once with a unique key, parsers accept the BibTeX, gaps are stated."""

import json
from pathlib import Path

import bibtexparser
import pytest
from pybtex.database import parse_string  # type: ignore[import-untyped]

import brainio
from brainio.catalogs import append_rows, entries
from brainio.errors import CatalogWarning, EntryLookupError, ExchangeError
from brainio.exchange.citations import select_entries
from brainio.exchange.cited_works import Work, collect_works
from tests.cli.command import brainio as command

HEADER = "publication,title,authors,year,journal,doi,url\n"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """An active catalog `lab`, without entries."""
    path = tmp_path / "lab.csv"
    append_rows(path, [])
    brainio.add_catalog(path)
    return path


def add_entry(catalog: Path, identifier: str, publication: str = "", kind: str = "assembly", **columns: str) -> None:
    row = {
        "identifier": identifier,
        "lookup_type": kind,
        "class": "NeuroidAssembly",
        "location_type": "S3",
        "location": f"s3://lab-bucket/{identifier}.nc",
        "sha1": "0" * 40,
        "stimulus_set_identifier": "",
        "publication": publication,
    }
    append_rows(catalog, [row | columns])


@pytest.mark.parametrize("parser", ["bibtexparser", "pybtex"])
def test_parsers_accept_the_whole_published_catalog(parser: str) -> None:
    bibtex = brainio.cite(catalog="brainscore", format="bibtex")
    if parser == "pybtex":
        keys = list(parse_string(bibtex, "bibtex").entries)
    else:
        library = bibtexparser.parse_string(bibtex)
        assert library.failed_blocks == []
        keys = [entry.key for entry in library.entries]
    cited = collect_works(select_entries([], "brainscore"))
    assert len(cited) >= 302
    assert {work.key for works in cited.values() for work in works} == set(keys)
    assert all(cited.values())


def test_keys_differ_also_for_programs_that_ignore_case() -> None:
    library = bibtexparser.parse_string(brainio.cite(catalog="brainscore", format="bibtex"))
    keys = [entry.key.lower() for entry in library.entries]
    assert len(keys) == len({*keys}) > 50


def test_the_key_of_a_publication_does_not_depend_on_other_cited_works() -> None:
    together = collect_works(entries(catalog="brainscore"))
    assert all(collect_works([entry])[entry][0].key == works[0].key for entry, works in list(together.items())[::10])


def test_a_publication_that_two_rows_spell_differently_is_cited_once_with_the_facts_of_both() -> None:
    lines = brainio.cite("dicarlo.MajajHong2015").splitlines()
    assert len(lines) == 1
    assert "https://doi.org/10.1523/" in lines[0]


def test_an_assembly_is_cited_with_its_stimulus_set(catalog: Path) -> None:
    table = HEADER + 'doe,On cells,"Doe, J.",2026,Lab,,\nroe,On stimuli,"Roe, R.",2025,,10.1234/5,\n'
    (catalog.parent / "publications.csv").write_text(table)
    add_entry(catalog, "lab.Cells", "doe", stimulus_set_identifier="lab.Pictures")
    add_entry(catalog, "lab.Pictures", "roe", "stimulus_set", **{"class": "StimulusSet"})
    assert brainio.cite("lab.Cells") == (
        "Doe, J. (2026). On cells. Lab.\nRoe, R. (2025). On stimuli. https://doi.org/10.1234/5"
    )
    types = [
        entry.entry_type for entry in bibtexparser.parse_string(brainio.cite("lab.Cells", format="bibtex")).entries
    ]
    assert types == ["article", "misc"]


def test_an_assembly_with_an_unlisted_stimulus_set_is_cited_with_a_warning(catalog: Path) -> None:
    add_entry(catalog, "lab.Cells", stimulus_set_identifier="lab.Pictures")
    with pytest.warns(CatalogWarning, match=r"'lab.Cells' is cited alone: no stimulus set 'lab.Pictures'"):
        assert brainio.cite("lab.Cells").startswith("lab.Cells. ")


def test_an_entry_without_publication_is_cited_with_its_known_facts(catalog: Path) -> None:
    add_entry(catalog, "lab.Cells", license="CC-BY-4.0")
    assert brainio.cite("lab.Cells") == (
        f"lab.Cells. Assembly of catalog lab; sha1 of its nc file: {'0' * 40}; licence: CC-BY-4.0; "
        "no publication is known."
    )
    (entry,) = bibtexparser.parse_string(brainio.cite("lab.Cells", format="bibtex")).entries
    assert (entry.entry_type, entry.key, entry["title"]) == ("misc", "lab.Cells-assembly", "{lab.Cells}")


def test_facts_from_the_card_are_cited(catalog: Path) -> None:
    card = {"citation": "Doe, J. (2026). Cells.", "authors": [{"name": "Doe, J."}], "doi": "10.1234/5"}
    (catalog.parent / "card.json").write_text(json.dumps(card))
    add_entry(catalog, "lab.Cells", card="card.json")
    assert "Doe, J. (2026). Cells." in brainio.cite("lab.Cells")
    (entry,) = bibtexparser.parse_string(brainio.cite("lab.Cells", format="bibtex")).entries
    assert (entry["author"], entry["doi"]) == ("Doe, J.", "10.1234/5")


def test_an_entry_with_a_version_is_cited_in_addition_to_its_publication(catalog: Path) -> None:
    (catalog.parent / "publications.csv").write_text(HEADER + "doe,On cells,,2026,Lab,,\n")
    add_entry(catalog, "lab.Cells", "doe", version="2")
    assert brainio.cite("lab.Cells").splitlines() == [
        "(2026). On cells. Lab.",
        f"lab.Cells, version 2. Assembly of catalog lab; sha1 of its nc file: {'0' * 40}.",
    ]


def test_manuscripts_are_unpublished_works(catalog: Path) -> None:
    (catalog.parent / "publications.csv").write_text(HEADER + "doe,On cells,Doe,2026,in prep,,\n")
    add_entry(catalog, "lab.Cells", "doe")
    (entry,) = bibtexparser.parse_string(brainio.cite("lab.Cells", format="bibtex")).entries
    assert (entry.entry_type, entry["note"]) == ("unpublished", "in prep")


def test_works_with_equal_authors_and_titles_get_different_keys(catalog: Path) -> None:
    rows = 'a,Deep nets I,"Doe, J.",2026,,,\nb,Deep nets II,"Doe, J.",2026,,,\n'
    (catalog.parent / "publications.csv").write_text(HEADER + rows)
    add_entry(catalog, "lab.A", "a")
    add_entry(catalog, "lab.B", "b")
    keys = [entry.key for entry in bibtexparser.parse_string(brainio.cite("lab.A", "lab.B", format="bibtex")).entries]
    assert len({*keys}) == 2
    assert all(key.startswith("doe2026deep_nets-") for key in keys)


def test_works_without_latin_letters_get_different_keys(catalog: Path) -> None:
    (catalog.parent / "publications.csv").write_text(HEADER + "x,漢字,漢字,,,,\ny,かな,,,,,\n")
    add_entry(catalog, "lab.A", "x")
    add_entry(catalog, "lab.B", "y")
    keys = [entry.key for entry in bibtexparser.parse_string(brainio.cite("lab.A", "lab.B", format="bibtex")).entries]
    assert len({*keys}) == 2


def test_invalid_arguments_raise_errors() -> None:
    with pytest.raises(ExchangeError, match="'ris'; expected one of text, bibtex"):
        brainio.cite("modelfest.Carney1999", format="ris")
    with pytest.raises(ExchangeError, match="name an identifier"):
        brainio.cite()
    with pytest.raises(EntryLookupError, match=r"modelfest\.Carney1999"):
        brainio.cite("modelfest.Carny1999")


def test_the_command_prints_text_bibtex_and_json() -> None:
    assert command("cite", "herz.Rokem2006").stdout == brainio.cite("herz.Rokem2006") + "\n"
    done = command("cite", "herz.Rokem2006", "modelfest.Carney1999", "--format", "bibtex")
    assert [entry.key for entry in bibtexparser.parse_string(done.stdout).entries] == [
        "rokem2006spike_timing",
        "carney1999development_image",
    ]
    (record, _) = json.loads(command("cite", "herz.Rokem2006", "--json").stdout)
    assert record["works"][0]["doi"] == "10.1152/jn.00891.2005"
    assert command("cite").returncode == 2
    assert command("cite", "nobody.Knows").returncode == 3


def test_manuscript_states_are_not_journals() -> None:
    assert Work("k", "t", journal="Nature").is_published
    assert not Work("k", "t", journal="Under review").is_published


def add_entry_with_card(catalog: Path, **facts: object) -> None:
    (catalog.parent / "card.json").write_text(json.dumps(facts))
    add_entry(catalog, "lab.Cells", card="card.json")


@pytest.mark.parametrize("doi", ["10.1234/ABC", "https://doi.org/10.1234/abc", "doi: 10.1234/abc."])
def test_the_doi_of_a_card_is_cited_if_the_table_has_no_row(catalog: Path, doi: str) -> None:
    add_entry_with_card(catalog, doi=doi, license="cc-by-4.0", authors=[{"name": "Doe, J."}])
    assert brainio.cite("lab.Cells") == (
        f"Doe, J. lab.Cells. Assembly of catalog lab; sha1 of its nc file: {'0' * 40}; licence: CC-BY-4.0. "
        "https://doi.org/10.1234/abc"
    )


def test_the_url_of_a_doi_is_printed_once(catalog: Path) -> None:
    add_entry_with_card(catalog, doi="10.1234/abc", citation="Doe, J. (2026). Cells. doi:10.1234/ABC")
    cited = brainio.cite("lab.Cells")
    assert cited.lower().count("10.1234/abc") == 1
    assert cited.startswith("(2026). lab.Cells. Assembly of catalog lab;")


@pytest.mark.parametrize("doi", ["https://doi.org/10.1234/ABC", "http://dx.doi.org/10.1234/abc", "DOI:10.1234/abc"])
def test_the_doi_of_a_table_is_printed_as_one_url(catalog: Path, doi: str) -> None:
    table = HEADER + f"doe,On cells,Doe,2026,Lab,{doi},https://doi.org/10.1234/abc\n"
    (catalog.parent / "publications.csv").write_text(table)
    add_entry(catalog, "lab.Cells", "doe")
    assert brainio.cite("lab.Cells") == "Doe (2026). On cells. Lab. https://doi.org/10.1234/abc"
    (entry,) = bibtexparser.parse_string(brainio.cite("lab.Cells", format="bibtex")).entries
    assert entry["doi"] == "10.1234/abc"
    assert "url" not in entry.fields_dict


def test_a_row_without_a_doi_uses_that_of_the_card(catalog: Path) -> None:
    (catalog.parent / "publications.csv").write_text(HEADER + "doe,On cells,Doe,2026,Lab,,\n")
    (catalog.parent / "card.json").write_text(json.dumps({"doi": "10.1234/5"}))
    add_entry(catalog, "lab.Cells", "doe", card="card.json")
    assert brainio.cite("lab.Cells") == "Doe (2026). On cells. Lab. https://doi.org/10.1234/5"


def test_volume_number_and_pages_are_cited_in_every_format(catalog: Path) -> None:
    details = {"volume": "7", "number": "2", "pages": "1-9", "publisher": "Press"}
    paper = {"publication": "doe", "title": "On cells", "authors": "Doe", "year": "2026", "journal": "Lab"}
    brainio.catalogs.add_publication(catalog, paper | details)
    add_entry(catalog, "lab.Cells", "doe")
    assert brainio.cite("lab.Cells") == "Doe (2026). On cells. Lab, 7(2), 1-9, Press."
    (entry,) = bibtexparser.parse_string(brainio.cite("lab.Cells", format="bibtex")).entries
    assert {name: entry[name] for name in details} == details
    (record,) = json.loads(command("cite", "lab.Cells", "--json", BRAINIO_CATALOGS=str(catalog)).stdout)
    assert {name: record["works"][0][name] for name in details} == details


def test_an_entry_with_a_version_is_cited_with_its_authors_hash_and_licence(catalog: Path) -> None:
    (catalog.parent / "publications.csv").write_text(HEADER + "doe,On cells,,2026,Lab,,\n")
    (catalog.parent / "card.json").write_text(json.dumps({"authors": [{"name": "Roe, R."}], "doi": "10.1234/5"}))
    hashes = {"sha1": "", "sha256": "b" * 64, "license": "CC0-1.0"}
    add_entry(catalog, "lab.Cells", "doe", version="2", card="card.json", **hashes)
    facts = f"Assembly of catalog lab; sha256 of its nc file: {'b' * 64}; licence: CC0-1.0."
    assert brainio.cite("lab.Cells").splitlines()[1] == f"Roe, R. lab.Cells, version 2. {facts}"
