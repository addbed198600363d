"""Texts of catalogs, cards, tables, archives and file names control neither a terminal nor a log."""

import ast
import io
import json
import logging
import os
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import brainio
import brainio.cli
from brainio.assemblies import BehavioralAssembly
from brainio.catalogs import Catalog
from brainio.catalogs.csv_format import line_of
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.cli.commands import main
from brainio.errors import BrainioError, BrainioWarning, CatalogError, CatalogWarning, TransferError
from brainio.progress import TransferBar
from brainio.stimuli import StimulusSet
from brainio.text import get_logger, printable, printable_json, printable_line
from tests.lab import sha1, stimulus_files

EVIL = "\x1b]0;title\x07\x9b31m\u202e\u2066\u2028\u200b\x7f\x00\x85"
IN_TABLES = EVIL.replace("\x00", "")  # NUL is refused there
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
HEADER = [*REQUIRED_COLUMNS, "aliases", "version", "status", "successor", "publication", "license", "card"]
NAME = f"lab.{IN_TABLES}Doe"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog each of whose texts tries to control the terminal, with its publications, card and files."""
    table, archive = stimulus_files()
    for name, body in (("stimuli.csv", table), ("stimuli.zip", archive), ("assembly.nc", b"")):
        (tmp_path / name).write_bytes(body)
    common = {"location_type": "file", "publication": f"key{IN_TABLES}", "license": IN_TABLES, "version": IN_TABLES}
    common |= {"identifier": NAME, "aliases": f"alias{IN_TABLES.replace(' ', '')}", "status": "deprecated"}
    common |= {"successor": f"next{IN_TABLES}"}
    rows = [
        {"class": "StimulusSet", "location": "stimuli.csv", "sha1": sha1(table), "lookup_type": "stimulus_set"},
        {"class": "", "location": "stimuli.zip", "sha1": sha1(archive), "lookup_type": "stimulus_set"},
        {"class": f"X{IN_TABLES}", "location": f"{IN_TABLES}.nc", "lookup_type": "assembly", "card": "card.json"},
        {"class": "X", "lookup_type": f"movie{IN_TABLES}", "location": "x"},
    ]
    lines = [line_of([(common | row).get(name, "") for name in HEADER], "\n") for row in rows]
    (tmp_path / "lab.csv").write_text(line_of(HEADER, "\n") + "".join(lines), encoding="utf-8", newline="")
    paper = [
        f"key{IN_TABLES}",
        f"On {IN_TABLES}",
        f"Doe{IN_TABLES}, J.",
        f"2026{IN_TABLES}",
        IN_TABLES,
        IN_TABLES,
        IN_TABLES,
    ]
    columns = ["publication", "title", "authors", "year", "journal", "doi", "url"]
    (tmp_path / "publications.csv").write_text(
        line_of(columns, "\n") + line_of(paper, "\n"), encoding="utf-8", newline=""
    )
    card = {"identifier": NAME, "species": [EVIL], "status_reason": EVIL, EVIL: EVIL, "dims": [EVIL], "shape": [1]}
    card |= {"coordinates": [{"name": EVIL, "dim": EVIL, "kind": EVIL, "most_common": [[EVIL, 3]]}], "citation": EVIL}
    (tmp_path / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "lab.csv"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    """Run a command and return its exit code and all that it printed, on stdout and stderr."""
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.output


COMMANDS = [
    ("list",),
    ("list", "catalogs"),
    ("info", NAME),
    ("history", NAME),
    ("search", "lab", "--include-superseded"),
    ("search", "--facets"),
    ("search", EVIL),
    ("search", "--region", EVIL),
    ("cite", NAME),
    ("cite", NAME, "--format", "bibtex"),
    ("cite", "--catalog", "lab"),
    ("card", "show", NAME),
    ("card", "build", NAME),
    ("check", NAME),
    ("check", "--catalog", "lab"),
    ("catalog", "check", "lab.csv", "--files", "all"),
    ("catalog", "check", EVIL.replace("\0", "")),
    ("get", NAME),
    ("get", NAME, "--dry-run"),
    ("get", f"nothing{EVIL}"),
    ("info", f"lab{EVIL}"),
    ("export", NAME),
    ("overlap", NAME, NAME),
    ("validate", NAME),
    ("profile", "build", NAME),
    ("profile", "list"),
    ("deprecate", NAME, "--reason", EVIL, "--dry-run"),
    ("cache", "rm", f"x{EVIL}"),
    ("catalog", "init", f"x{EVIL}"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: printable_line(" ".join(command))[:30])
def test_no_command_lets_a_catalog_control_the_terminal(lab: Path, command: tuple[str, ...]) -> None:
    _, output = run(*command)
    assert output
    assert HIDDEN.findall(output) == []


@pytest.mark.parametrize("command", ["list", "info", "history", "cite", "search"])
def test_json_has_the_exact_texts_in_escapes(lab: Path, command: str) -> None:
    subject = {"list": [], "search": ["lab", "--include-superseded"]}.get(command, [NAME])
    result = CliRunner().invoke(main, [command, *subject, "--json"])
    assert HIDDEN.findall(result.stdout) == []
    texts = [text for record in records(json.loads(result.stdout)) for text in record.values()]
    assert NAME in texts


def records(value: object) -> list[dict[str, object]]:
    if isinstance(value, dict):
        return [value, *(record for part in value.values() for record in records(part))]
    return [record for part in value for record in records(part)] if isinstance(value, list) else []


def test_names_in_the_cache_do_not_control_the_terminal(lab: Path) -> None:
    run("get", NAME, "--kind", "stimulus_set")
    for command in (
        ("cache", "ls"),
        ("cache", "verify", "--deep"),
        ("cache", "where"),
        ("cache", "prune", "--max-size", "0"),
    ):
        assert HIDDEN.findall(run(*command)[1]) == []


def test_members_and_rows_that_are_validated_do_not_control_the_terminal(lab: Path) -> None:
    folder = lab / "set"
    folder.mkdir()
    with zipfile.ZipFile(folder / "table.zip", "w") as archive:
        archive.writestr(f"{IN_TABLES}.txt", b"text")
    text = line_of(["stimulus_id", "filename", f"c{IN_TABLES}"], "\n") + line_of(
        [IN_TABLES, f"{IN_TABLES}.txt", IN_TABLES], "\n"
    )
    (folder / "table.csv").write_text(text, encoding="utf-8", newline="")
    for command in (
        ("validate", "set/table.csv"),
        ("package", "stimulus-set", "set/table.csv", "--identifier", "lab.New", "--to", "store", "--catalog", "x.csv"),
    ):
        assert HIDDEN.findall(run(*command)[1]) == []


@pytest.mark.skipif(os.name != "posix", reason="other systems have no undecodable names of files")
def test_file_names_that_are_not_text_are_shown_with_escapes(lab: Path) -> None:
    (lab / "folder").mkdir()
    Path(os.fsdecode(b"folder/a\xff\x1b.txt")).write_text("stimulus")
    code, output = run(
        "package", "stimulus-set", "folder", "--identifier", "lab.New", "--to", "store", "--catalog", "x.csv"
    )
    assert (code, HIDDEN.findall(output)) == (1, [])
    assert r"\udcff" in output


@pytest.mark.parametrize("kind", [BrainioError, CatalogError, TransferError])
def test_an_error_shows_no_character_that_controls_the_terminal(kind: type[BrainioError]) -> None:
    error = kind(f"the file {EVIL} is not there\nnext step")
    assert HIDDEN.findall(str(error)) == []
    assert str(error).endswith("\nnext step")
    assert error.args == (f"the file {EVIL} is not there\nnext step",)
    assert HIDDEN.findall(str(TransferError(5, EVIL))) == []


def test_a_warning_shows_no_character_that_controls_the_terminal() -> None:
    shown = warnings.formatwarning(CatalogWarning(EVIL), CatalogWarning, "x.py", 1, "")
    assert HIDDEN.findall(shown) == []
    assert HIDDEN.findall(str(BrainioWarning(EVIL))) == []


def test_the_log_gets_single_lines_without_control_characters() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logger = get_logger("brainio.cache")
    logger.addHandler(handler)
    logger.warning("%s is damaged", f"{EVIL}\nERROR forged")
    logger.removeHandler(handler)
    assert HIDDEN.findall(out.getvalue()) == []
    assert out.getvalue().count("\n") == 1


def test_a_progress_bar_shows_no_character_that_controls_the_terminal() -> None:
    assert HIDDEN.findall(TransferBar(EVIL, 3)._name) == []


@pytest.mark.filterwarnings("ignore:.*lookup_type is:brainio.errors.CatalogWarning")
@pytest.mark.filterwarnings("ignore:.*publication:brainio.errors.CatalogWarning")
def test_objects_in_a_session_show_no_character_that_controls_the_terminal(lab: Path) -> None:
    assembly = BehavioralAssembly(
        xr.DataArray([1.0, 2.0], {"stimulus_id": ("presentation", ["a", EVIL])}, ["presentation"], attrs={"x": EVIL})
    )
    stimuli = StimulusSet({"stimulus_id": ["1"], "text": [f"a{EVIL}"], EVIL: [1]})
    catalog = Catalog.from_files("lab", lab / "lab.csv")
    found = brainio.search("lab")
    for shown in (
        assembly,
        assembly["stimulus_id"],
        stimuli,
        catalog,
        found,
        found.hits,
        brainio.validate(assembly, stimuli),
    ):
        assert HIDDEN.findall(repr(shown)) == []
        assert HIDDEN.findall(str(shown)) == []
    assert np.array_equal(assembly["stimulus_id"].values, ["a", EVIL])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ümlaut, 日本語, \u05d0\u05d1", "plain text, ümlaut, 日本語, \u05d0\u05d1"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("a\rb", r"a\rb"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("admin\u202ecod.exe", r"admin\u202ecod.exe"),
        ("lab\u200bDoe", r"lab\u200bDoe"),
        ("la\u200db", r"la\u200db"),
        ("\U0001f469\u200d\U0001f52c", "\U0001f469\u200d\U0001f52c"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_only_invisible_and_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", [EVIL, "\ud83d", "\U000e0041\x7f", "a\n\t\u2028"])
def test_json_with_escapes_is_the_same_document(text: str) -> None:
    document = printable_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(document) == {text: [text]}
    assert HIDDEN.findall(document) == []


def test_commands_print_only_through_the_output_module() -> None:
    folder = Path(brainio.cli.__file__).parent
    printing = {
        f"{path.name}: {ast.unparse(node.func)}"
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"click.echo", "print", "click.secho", "sys.stdout.write"}
    }
    assert printing == {"output.py: click.echo"}


def test_one_module_creates_all_loggers() -> None:
    folder = Path(brainio.__file__).parent
    others = {
        "text.py",
        "stores/http_sessions.py",
        "cli/output.py",
    }
    plain = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if "logging.getLogger(" in path.read_text(encoding="utf-8")
    }
    assert plain <= others
