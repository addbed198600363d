"""Every command answers invalid paths, URLs and identifiers with a `BrainioError`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from brainio.catalogs.registry import source_from
from brainio.cli.commands import main
from brainio.errors import CatalogError, LocationError
from brainio.local_files import require_possible_path
from brainio.stores import parse_location

HOSTILE = [
    "\udcff",
    "x" * 10_000,
    "..",
    "😀",
    "",
    "~nobody_has_this_name",
    "\n",
    "a::b",
    "http://[::1",
    "s3://b/\udcff",
]
PACKAGE = ("--identifier", "lab.Doe2026", "--to", "files", "--catalog", "c.csv")
COMMANDS = [
    ("info", "@"),
    ("get", "@", "--dry-run"),
    ("search", "@"),
    ("search", "--year", "@"),
    ("list", "--catalog", "@"),
    ("cite", "@"),
    ("card", "show", "@"),
    ("check", "@"),
    ("catalog", "check", "@", "--files", "none"),
    ("catalog", "copy", "brainio_demo", "@"),
    ("catalog", "init", "@"),
    ("validate", "@"),
    ("validate", "table.csv", "--stimuli", "@"),
    ("overlap", "@", "@"),
    ("export", "modelfest.Carney1999", "-o", "@"),
    ("get", "--locked", "@"),
    ("cache", "rm", "@"),
    ("package", "stimulus-set", "@", *PACKAGE),
    ("package", "stimulus-set", "table.csv", *PACKAGE[:2], "--to", "@", "--catalog", "c.csv", "--dry-run"),
    ("package", "stimulus-set", "table.csv", *PACKAGE[:4], "--catalog", "@", "--dry-run"),
    ("package", "assembly", "@", *PACKAGE, "--stimulus-set", "modelfest.Carney1999"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_argument_makes_a_command_end_with_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    Path("table.csv").write_text("stimulus_id,filename\na,a.txt\n")
    Path("a.txt").write_text("stimulus")
    for text in HOSTILE:
        result = CliRunner().invoke(main, [text if part == "@" else part for part in command])
        assert isinstance(result.exception, SystemExit | None), (text[:20], result.exc_info)
        assert len(result.output) < 60_000


@pytest.mark.parametrize("text", ["a\0b", "x" * 256, "a/" * 3000])
def test_an_impossible_path_is_refused_without_a_system_call(text: str) -> None:
    with pytest.raises(LocationError, match=r"can be no path: it (holds a NUL|has [0-9,]+ characters)") as caught:
        require_possible_path(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("url", ["http://[::1", "https://lab.org/\udcff.csv", "https://"])
def test_a_malformed_catalog_url_is_a_catalog_error(url: str) -> None:
    with pytest.raises(CatalogError, match="does not name a catalog file"):
        source_from(url)


def test_a_location_with_a_lone_surrogate_is_a_location_error() -> None:
    with pytest.raises(LocationError, match=r"holds the lone surrogate U\+DCFF"):
        parse_location("files/\udcff", base="/data")
