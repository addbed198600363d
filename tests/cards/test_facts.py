"""Facts that people state: problems are reported together, and facts of catalogs are collected."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from brainio.cards import collect_facts, normalize_facts
from brainio.cards.facts import format_citation, update_facts
from brainio.catalogs import add_catalog, resolve
from brainio.errors import PackagingError


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(PackagingError) as caught:
        normalize_facts(
            {
                "licence": "MIT",
                "doi": "1234",
                "species": [""],
                "citation": 5,
                "authors": [{"name": "Jane Doe", "orcid": "0000-0002-1825-0098"}],
            }
        )
    for problem in (
        "'licence' is not a fact",
        "expected a DOI such as",
        "'species' is ['']",
        "'citation' is 5",
        "check digit would be 7",
    ):
        assert problem in str(caught.value)


@pytest.mark.parametrize("orcid", ["0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X"])
def test_orcids_are_verified_by_their_check_digit(orcid: str) -> None:
    normalized = normalize_facts({"authors": [{"name": "A", "orcid": f"https://orcid.org/{orcid}"}]})
    assert normalized["authors"] == [{"name": "A", "orcid": orcid}]
    other = orcid[:-1] + ("1" if orcid[-1] != "1" else "2")
    with pytest.raises(PackagingError, match="mistyped"):
        normalize_facts({"authors": [{"name": "A", "orcid": other}]})


@pytest.mark.parametrize(
    "authors", ["Jane Doe", ["Jane Doe"], [{"name": "Jane Doe"}], {"name": "Jane Doe", "orcid": ""}]
)
def test_authors_are_names_or_records(authors: object) -> None:
    assert normalize_facts({"authors": authors})["authors"] == [{"name": "Jane Doe"}]


@pytest.mark.parametrize("authors", [5, [5], [{"orcid": "0000-0002-1825-0097"}], [{"name": "A", "email": "a@b"}]])
def test_malformed_authors_are_refused(authors: object) -> None:
    with pytest.raises(PackagingError, match="authors"):
        normalize_facts({"authors": authors})


@pytest.mark.parametrize("doi", ["10.1117/12.348473", "https://doi.org/10.1117/12.348473", "doi: 10.1117/12.348473"])
def test_a_doi_is_stored_without_its_resolver(doi: str) -> None:
    assert normalize_facts({"doi": doi}) == {"doi": "10.1117/12.348473"}


def test_empty_facts_are_left_out() -> None:
    assert normalize_facts({"species": [], "license": "", "authors": None}) == {}


def test_facts_come_from_the_catalog_and_its_publications() -> None:
    facts = collect_facts(resolve("assembly", "dicarlo.Rust2012.array"))
    assert facts["citation"].startswith("Rust, Nicole C.; DiCarlo, James J. (2012). Balanced Increases in Selectivity")
    assert normalize_facts(facts) == facts


def test_malformed_facts_of_a_card_are_left_out(tmp_path: Path) -> None:
    card = {"citation": "Doe 2026", "doi": "<script>", "authors": [5], "species": "human", "regions": {"IT": 1}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier,card\n"
        "lab.Doe2026,assembly,NeuroidAssembly,file,a.nc,,,card.json\n"
    )
    add_catalog(tmp_path / "lab.csv")
    assert collect_facts(resolve("assembly", "lab.Doe2026")) == {"citation": "Doe 2026", "species": ["human"]}


def test_a_citation_ends_with_the_doi() -> None:
    facts = collect_facts(replace(resolve("assembly", "modelfest.Carney1999"), card=""))
    assert facts["citation"].endswith("https://doi.org/10.1117/12.348473")
    assert facts["doi"] == "10.1117/12.348473"


def test_each_publication_is_cited_on_a_separate_line(tmp_path: Path) -> None:
    (tmp_path / "publications.csv").write_text("publication,title\ndoe2026,Cells\ndoe2026,Nets\n")
    entry = replace(resolve("assembly", "modelfest.Carney1999"), publication="doe2026", base=str(tmp_path), card="")
    assert collect_facts(entry)["citation"].splitlines() == ["Cells.", "Nets."]


def test_omitted_authors_are_marked() -> None:
    publication = {"authors": "A and others and B and others", "year": "2026", "title": "T"}
    assert format_citation(publication) == "A; ...; B; et al. (2026). T."


@pytest.mark.parametrize("license_", ["do what you like", "CC BY 4.0", "LicenseRef-two words", "MIT AND"])
def test_a_licence_that_spdx_does_not_list_is_refused_with_choices(license_: str) -> None:
    with pytest.raises(PackagingError, match=r"'license' is '.*': expected an SPDX expression such as '.*'LicenseRef-"):
        normalize_facts({"license": license_})


def test_a_licence_is_stored_in_its_canonical_case() -> None:
    assert normalize_facts({"license": "cc-by-4.0"}) == {"license": "CC-BY-4.0"}


def test_a_published_licence_that_spdx_does_not_list_is_collected_and_kept(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier,license\n"
        "lab.Doe2026,assembly,NeuroidAssembly,file,a.nc,,,custom (ask us)\n"
        "lab.Roe2026,assembly,NeuroidAssembly,file,b.nc,,,cc-by-4.0\n"
    )
    add_catalog(tmp_path / "lab.csv")
    custom, lower = resolve("assembly", "lab.Doe2026"), resolve("assembly", "lab.Roe2026")
    assert update_facts(custom, {"species": "Homo sapiens"})["license"] == "custom (ask us)"
    assert update_facts(lower, {"license": "CC-BY-4.0"})["license"] == "CC-BY-4.0"
    with pytest.raises(PackagingError, match=r"the licence of the assembly 'lab\.Roe2026' is 'cc-by-4\.0'"):
        update_facts(lower, {"license": "MIT"})
