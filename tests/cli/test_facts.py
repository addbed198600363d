"""Options for facts of a card are validated before anything is written, and appear in the card."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import brainio as run

NAME = "lab.Doe2026"
PUBLISH = ("--identifier", NAME, "--to", "files", "--catalog", "lab.csv")
FACTS = (
    *("--license", "CC-BY-4.0", "--species", "Macaca mulatta", "--species", "Homo sapiens"),
    *("--author", "Josiah Carberry <0000-0002-1825-0097>", "--author", "Richard Roe"),
    *("--doi", "https://doi.org/10.1152/jn.00891.2005", "--citation", "Doe, J. (2026). On cards."),
)
IN_CARD = {
    "license": "CC-BY-4.0",
    "species": ["Macaca mulatta", "Homo sapiens"],
    "authors": [{"name": "Josiah Carberry", "orcid": "0000-0002-1825-0097"}, {"name": "Richard Roe"}],
    "doi": "10.1152/jn.00891.2005",
    "citation": "Doe, J. (2026). On cards.",
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a lab, with two images and the answers of a subject."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for number in range(2):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "images" / f"im{number}.png")
    (tmp_path / "answers.csv").write_text("stimulus_id,choice\nim1,0\nim0,1\n")
    return tmp_path


ANSWERS = ("answers.csv", "--value", "choice", "--class", "BehavioralAssembly", "--stimulus-set", NAME)


def card(lab: Path, kind: str) -> dict[str, object]:
    return json.loads((lab / "cards" / kind / f"{NAME}.json").read_text())


def facts_in(card: dict[str, object]) -> dict[str, object]:
    return {name: card[name] for name in IN_CARD if name in card}


def test_facts_appear_in_the_card_and_the_licence_also_in_the_rows(lab: Path) -> None:
    assert run("package", "stimulus-set", "images", *PUBLISH, *FACTS).returncode == 0
    assert run("package", "assembly", *ANSWERS, *PUBLISH, *FACTS).returncode == 0
    assert facts_in(card(lab, "stimulus_set")) == facts_in(card(lab, "assembly")) == IN_CARD
    header, *rows = (lab / "lab.csv").read_text().splitlines()
    licences = [row.split(",")[header.split(",").index("license")] for row in rows]
    assert licences == ["CC-BY-4.0"] * 3


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (("--author", "Josiah Carberry <0000-0002-1825-0098>"), "0000-0002-1825-0098 is mistyped"),
        (("--author", "<0000-0002-1825-0097>"), "a text that is not empty"),
        (("--author", "Josiah Carberry <>", "--doi", "jn.00891"), "'doi' is 'jn.00891': expected a DOI such as"),
        (("--species", " "), "'species' is [' ']: expected a text that is not empty"),
        (("--license", "do what you like"), "expected an SPDX expression such as 'CC0-1.0', 'CC-BY-4.0', 'MIT', or"),
        (("--fact", "license=CC BY 4.0"), "expected an SPDX expression such as 'CC-BY-4.0'"),
        (("--fact", "publication=nowhere"), "['publication'] is 'nowhere', a"),
        (("--fact", "doi=10.1152/jn.00891.2005"), "(on the command line: --doi)"),
        (("--fact", "species=Homo sapiens"), "(on the command line: --species)"),
        (("--fact", f"successor={NAME}"), f"successors form a circle: {NAME} -> {NAME}"),
    ],
)
def test_a_malformed_fact_fails_before_anything_is_written(lab: Path, facts: tuple[str, ...], message: str) -> None:
    done = run("package", "stimulus-set", "images", *PUBLISH, *facts)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (lab / "lab.csv").exists()
    assert not (lab / "files").exists()


def test_two_different_licences_are_wrong_usage(lab: Path) -> None:
    done = run("package", "stimulus-set", "images", *PUBLISH, "--license", "CC0-1.0", "--fact", "license=MIT")
    assert done.returncode == 2
    assert "--license is 'CC0-1.0', but --fact gives license=MIT" in done.stderr
    done = run("package", "stimulus-set", "images", *PUBLISH, "--license", "mit", "--fact", "license=MIT")
    assert done.returncode == 0, done.stderr
    assert ",MIT," in (lab / "lab.csv").read_text()


@pytest.mark.parametrize(
    "options", [("--fact", "study=one", "--fact", "study=two"), ("--coords", "neuroid=one", "--coords", "neuroid=two")]
)
def test_two_values_of_one_name_are_wrong_usage(lab: Path, options: tuple[str, ...]) -> None:
    kind = ("stimulus-set", "images") if "--fact" in options else ("assembly", "rates.npy", "--stimulus-set", NAME)
    done = run("package", *kind, *PUBLISH, *options)
    assert done.returncode == 2
    assert "is given twice, as 'one' and 'two'; pass it once" in " ".join(done.stderr.split())
    assert not (lab / "lab.csv").exists()


def test_the_doi_of_the_command_line_is_cited(lab: Path) -> None:
    assert run("package", "stimulus-set", "images", *PUBLISH, "--doi", "https://doi.org/10.1152/JN.00891.2005").stdout
    cited = run("cite", NAME, BRAINIO_CATALOGS=str(lab / "lab.csv")).stdout
    assert cited.endswith(" https://doi.org/10.1152/jn.00891.2005\n")
    assert cited.count("doi.org") == 1


def test_a_rebuilt_card_gets_new_facts_and_keeps_old_ones(lab: Path) -> None:
    run("package", "stimulus-set", "images", *PUBLISH, "--license", "CC-BY-4.0", "--species", "Mus musculus")
    run("package", "assembly", *ANSWERS, *PUBLISH)
    in_force = {"BRAINIO_CATALOGS": str(lab / "lab.csv")}
    done = run("card", "build", NAME, "--author", "Richard Roe", **in_force)
    assert done.returncode == 0, done.stderr
    assert facts_in(card(lab, "stimulus_set")) == {
        "license": "CC-BY-4.0",
        "species": ["Mus musculus"],
        "authors": [{"name": "Richard Roe"}],
    }
    assert facts_in(card(lab, "assembly")) == {"authors": [{"name": "Richard Roe"}]}
    assert run("card", "build", NAME, *FACTS, **in_force).returncode == 0
    assert facts_in(card(lab, "assembly")) == facts_in(card(lab, "stimulus_set")) == IN_CARD


def test_a_card_does_not_contradict_the_licence_of_its_catalog(lab: Path) -> None:
    run("package", "stimulus-set", "images", *PUBLISH, "--license", "CC-BY-4.0")
    before = card(lab, "stimulus_set")
    done = run("card", "build", NAME, "--license", "MIT", BRAINIO_CATALOGS=str(lab / "lab.csv"))
    assert done.returncode == 1
    assert "is 'CC-BY-4.0' in catalog 'lab', and its card cannot state 'MIT'" in done.stderr
    assert card(lab, "stimulus_set") == before


@pytest.mark.parametrize("command", [("package", "stimulus-set"), ("package", "assembly"), ("card", "build")])
def test_help_names_every_option_with_an_example(command: tuple[str, ...]) -> None:
    shown = run(*command, "--help").stdout
    for option in (
        "--license",
        "--species",
        "--author",
        "--doi",
        "--citation",
        "Josiah Carberry <0000-0002-1825-0097>",
    ):
        assert option in " ".join(shown.split())
