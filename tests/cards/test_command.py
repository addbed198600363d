"""The command `brainio card`, and the card in `brainio info`."""

import json
import shutil
from pathlib import Path

import pytest

from brainio.catalogs import amend_rows
from tests.cli.command import brainio

DEMO = Path(__file__).parents[2] / "catalogs" / "brainio_demo"
NAME = "modelfest.Carney1999"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A copy of one entry of the demo catalog without its cards, under another name."""
    shutil.copytree(DEMO, tmp_path / "lab", ignore=shutil.ignore_patterns("cards"))
    demo, lab = (tmp_path / "lab" / name for name in ("brainio_demo.csv", "lab.csv"))
    header, *rows = demo.read_text(encoding="utf-8").splitlines(keepends=True)
    lab.write_text(header + "".join(row for row in rows if row.startswith(NAME)), encoding="utf-8")
    demo.unlink()
    amend_rows(lab, lambda row: {"card": ""})
    return lab


def in_lab(lab: Path, *arguments: str) -> tuple[int, str, str]:
    done = brainio(*arguments, BRAINIO_CATALOGS=str(lab))
    return done.returncode, done.stdout, done.stderr


def test_info_shows_the_card_of_an_entry() -> None:
    text = brainio("info", NAME, "--kind", "assembly").stdout
    assert "shape                    2,752 presentation (float64, 22.0 kB)\n" in text
    assert "repetitions              64 presentations of each of 43 stimuli\n" in text
    assert "reliability              0.99" in text
    assert "species                  Homo sapiens\n" in text
    (line,) = [line for line in text.splitlines() if line.startswith("repetition ")]
    assert line.split()[:5] == ["repetition", "presentation", "integer", "4", "0"]


def test_the_lines_of_a_card_fit_into_a_terminal() -> None:
    for line in brainio("card", "show", NAME).stdout.splitlines():
        assert len(line.rstrip()) <= 120


def test_info_works_without_a_card() -> None:
    done = brainio("info", "hvm")
    assert done.returncode == 0
    assert "stimuli  " not in done.stdout
    assert done.stderr == ""
    assert json.loads(brainio("info", "hvm", "--json").stdout)[0]["card"] is None


def test_json_output_contains_the_whole_card() -> None:
    both = json.loads(brainio("card", "show", NAME, "--json").stdout)
    assert [card["lookup_type"] for card in both] == ["stimulus_set", "assembly"]
    assert [record["card"] for record in json.loads(brainio("info", NAME, "--json").stdout)] == both


def test_cards_are_built_next_to_the_catalog_and_named_in_its_rows(lab: Path) -> None:
    shown = in_lab(lab, "card", "show", NAME, "--catalog", "lab")
    assert (shown[0], shown[1]) == (4, "")
    assert f"brainio card build {NAME}" in shown[2]
    code, out, _ = in_lab(lab, "card", "build", "--catalog", "lab", "--kind", "assembly", "--json")
    (record,) = json.loads(out)
    assert code == 0
    assert Path(record["card"]) == lab.parent / "cards" / "assembly" / f"{NAME}.json"
    assert in_lab(lab, "card", "show", NAME, "--catalog", "lab")[0] == 0


def test_a_dry_run_writes_nothing(lab: Path) -> None:
    before = sorted(lab.parent.rglob("*")), lab.read_bytes()
    code, out, _ = in_lab(lab, "card", "build", NAME, "--catalog", "lab", "--dry-run")
    assert code == 0
    assert out.count(f"{NAME}.json") == 2
    assert (sorted(lab.parent.rglob("*")), lab.read_bytes()) == before


def test_an_output_folder_leaves_the_catalog_unchanged(lab: Path, tmp_path: Path) -> None:
    before = lab.read_bytes()
    code, _, _ = in_lab(lab, "card", "build", NAME, "--catalog", "lab", "--output", str(tmp_path / "out"))
    assert code == 0
    assert len(list((tmp_path / "out").rglob("*.json"))) == 2
    assert lab.read_bytes() == before


def test_a_card_that_fails_does_not_prevent_the_others(lab: Path) -> None:
    (lab.parent / "files" / "assy_modelfest_Carney1999.nc").write_bytes(b"damaged")
    code, out, err = in_lab(lab, "card", "build", "--catalog", "lab")
    assert code == 9
    assert "stimulus_set" in out
    assert f"error: the card of assembly {NAME}: " in err
    assert "Traceback" not in err


def test_invalid_arguments_have_a_separate_exit_code(lab: Path) -> None:
    assert in_lab(lab, "card", "build")[0] == 2
    assert in_lab(lab, "card", "build", "nope.Nobody1900")[0] == 3
    assert in_lab(lab, "card", "build", "--catalog", "lab", "--version", "1")[0] == 2


further_card = pytest.mark.slow(reason="starts further processes for the same guarantee")


@pytest.mark.parametrize(
    "body",
    [
        '{"shape": 5, "counts": [1], "coordinates": [{"name": 3}], "values": {}, "authors": 7}',
        pytest.param('{"coordinates": 5, "counts": {"a": 1}, "species": [1]}', marks=further_card),
        pytest.param(
            '{"shape": [1], "dims": ["a", "b"], "dtype": 1, "bytes": "x", "columns": [[]]}', marks=further_card
        ),
    ],
)
def test_a_malformed_card_is_not_an_error(lab: Path, body: str) -> None:
    in_lab(lab, "card", "build", "--catalog", "lab", "--kind", "assembly")
    (lab.parent / "cards" / "assembly" / f"{NAME}.json").write_text(body)
    for command in ("info", "card show"):
        code, out, err = in_lab(lab, *command.split(), NAME, "--catalog", "lab", "--kind", "assembly")
        assert (code, err) == (0, "")
        assert "Traceback" not in out


def test_a_card_cannot_control_the_terminal(lab: Path) -> None:
    in_lab(lab, "card", "build", "--catalog", "lab", "--kind", "assembly")
    path = lab.parent / "cards" / "assembly" / f"{NAME}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "species": ["\x1b]0;title\x07man"]}))
    out = in_lab(lab, "info", NAME, "--catalog", "lab", "--kind", "assembly")[1]
    assert "\x1b" not in out
    assert r"\x1b]0;title\x07man" in out


@pytest.mark.parametrize("command", [["card"], ["card", "show"], ["card", "build"]], ids=" ".join)
def test_help_has_examples(command: list[str]) -> None:
    assert "  Examples:\n    brainio card " in brainio(*command, "--help").stdout
