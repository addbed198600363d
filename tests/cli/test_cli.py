"""The command `brainio`: listing, information, help, output and exit codes."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from brainio.cli.commands import main
from brainio.cli.output import EXIT_CODES
from tests.cli.command import PREFIX, brainio
from tests.servers import S3Static

if os.name == "posix":
    import pty
    import termios

posix_only = pytest.mark.skipif(os.name != "posix", reason="other systems have no pseudo-terminals")


def test_list_shows_a_table_with_a_line_for_each_entry() -> None:
    lines = brainio("list", "assemblies", "--catalog", "brainscore").stdout.splitlines()
    assert lines[0].split() == ["identifier", "kind", "class", "catalog", "status"]
    assert len(lines) == 2 + 149 + 1  # one superseded assembly of 2021 has no successor of the same name
    assert any(line.startswith("dicarlo.MajajHong2015 ") for line in lines)


def test_list_prints_json_for_programs() -> None:
    records = json.loads(brainio("list", "stimulus-sets", "--json").stdout)
    hvm = next(record for record in records if record["identifier"] == "hvm")
    assert (hvm["kind"], hvm["catalog"], hvm["aliases"]) == ("stimulus_set", "brainscore", ["dicarlo.hvm"])


def test_list_names_the_catalogs_and_their_locations() -> None:
    records = json.loads(brainio("list", "catalogs", "--json").stdout)
    assert [record["catalog"] for record in records] == ["brainio_demo", "brainscore"]
    assert all(Path(record["location"]).is_file() for record in records)


def test_info_shows_both_entries_of_an_identifier_that_names_both() -> None:
    text = brainio("info", "FreemanZiemba2013").stdout
    assert "kind         stimulus_set\n" in text
    assert "NeuronRecordingAssembly" in text
    assert "A functional and perceptual signature of the second visual area in primates (2013)" in text
    assert "StimulusSet" not in brainio("info", "FreemanZiemba2013", "--kind", "assembly").stdout


def test_info_prints_json_and_downloads_nothing(s3_static: S3Static) -> None:
    (record,) = json.loads(brainio("info", "dicarlo.MajajHong2015", "--json").stdout)
    assert record["files"][0]["sha1"] == "bf8f8d01010d727e3db3f85a9bd5f95f9456b7ec"
    assert s3_static.requests == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "hvmm"], 3, "did you mean 'hvm'"),
        (["list", "--catalog", "nope"], 7, "no catalog 'nope' is active"),
        (["list", "movies"], 2, "Invalid value"),
    ],
)
def test_failures_are_printed_on_stderr_with_the_exit_code_of_their_class(
    arguments: list[str], code: int, message: str
) -> None:
    done = brainio(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_every_publication_of_an_entry_is_shown(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier,publication\n"
        "lab.Doe2026,assembly,NeuroidAssembly,file,a.nc,,,doe\n"
    )
    (tmp_path / "publications.csv").write_text("publication,title,year\ndoe,On cells,2025\ndoe,On nets,2026\n")
    text = brainio("info", "lab.Doe2026", BRAINIO_CATALOGS=str(tmp_path / "lab.csv")).stdout
    assert len([line for line in text.splitlines() if "(20" in line]) == 2


def test_another_version_than_the_current_one_can_be_named() -> None:
    (record,) = json.loads(brainio("info", "aru.Kuzovkin2018", "--kind", "assembly", "--version", "1", "--json").stdout)
    assert (record["version"], record["status"], record["successor"]) == ("1", "superseded", "")


def test_python_runs_the_command_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "brainio", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("brainio, version ")


def test_a_broken_row_of_a_catalog_is_a_warning_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\nx,y\n"
    )
    done = brainio("list", "assemblies", BRAINIO_CATALOGS=str(tmp_path / "lab.csv"))
    assert done.returncode == 0
    assert done.stderr.startswith("warning: ")
    assert "lab.csv, line 2: 2 fields; the header has 7" in done.stderr


_CACHE = [["cache", name] for name in ("where", "ls", "verify", "rm", "prune")]


@pytest.mark.parametrize("command", [[], ["list"], ["info"], ["get"], ["cache"], *_CACHE], ids=" ".join)
def test_help_has_examples(command: list[str]) -> None:
    done = brainio(*command, "--help")
    assert done.returncode == 0
    assert f"  Examples:\n    {' '.join(['brainio', *command])}" in done.stdout


def test_help_lists_every_exit_code() -> None:
    text = " ".join(brainio("--help").stdout.partition("Exit codes: ")[2].split())
    assert {int(code) for code in re.findall(r"\b\d+\b", text)} == {0, 2, 130, *(code for _, code in EXIT_CODES)}


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def test_every_command_has_a_help_line_that_fits_80_columns() -> None:
    for path, command in _commands(main):
        line = command.get_short_help_str(limit=62)
        assert not line.endswith("..."), path
        assert line.endswith("."), path


def test_the_help_lists_each_command_in_a_section_with_the_first_sentence_of_its_own_help() -> None:
    text = brainio("--help", COLUMNS="80").stdout
    for title in ("Find data:", "Load data:", "Contribute data:", "Operate a service:"):
        assert f"\n{title}\n" in text
    for path, command in _commands(main):
        if len(path) == 1:
            assert f"  {path[0]:9}  {command.get_short_help_str(limit=62)}\n" in text


def _on_terminal(command: str, columns: int, **environment: str) -> str:
    """Run a command in a pseudo-terminal, and return its output."""
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    variables |= {"TERM": "xterm-256color", "COLUMNS": str(columns)} | environment
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, columns))
    process = subprocess.Popen([*PREFIX, *command.split()], env=variables, stdin=child, stdout=child, stderr=child)
    os.close(child)
    output = b""
    with contextlib.suppress(OSError):  # EIO once the process has closed the terminal
        while block := os.read(parent, 65536):
            output += block
    os.close(parent)
    process.wait()
    return output.decode().replace("\r\n", "\n")


@posix_only
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_tables_fit_the_terminal(columns: int) -> None:
    text = click.unstyle(_on_terminal("list assemblies --catalog brainscore", columns))
    assert max(map(len, text.splitlines())) <= columns
    assert ("…" in text) == (columns < 100)
    assert columns < 80 or "dicarlo.MajajHong2015 " in text


@posix_only
@pytest.mark.parametrize("columns", [60, 200])
@pytest.mark.parametrize(
    "command",
    [
        "search macaque V1 natural images",
        "search --region IT --kind assembly --limit 3",
        "overlap modelfest.Carney1999 modelfest.Carney1999",
        "check modelfest.Carney1999",
    ],
)
def test_tables_of_findings_fit_the_terminal(command: str, columns: int) -> None:
    text = click.unstyle(_on_terminal(command, columns))
    lines = [line.rpartition("\r")[2] for line in text.splitlines()]  # without progress bars
    assert len(lines) > 3
    assert max(map(len, lines)) <= columns


@posix_only
def test_search_on_a_terminal_shows_the_code_that_loads_a_hit_whole() -> None:
    for columns in (80, 200):
        assert "brainio.get_stimulus_set('Cadena2017')" in _on_terminal("search Cadena2017", columns)


@posix_only
def test_packaging_on_a_terminal_shows_progress_and_a_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("texts").mkdir()
    Path("texts", "s1.txt").write_text("a sentence")
    text = _on_terminal("package stimulus-set texts --identifier lab.Doe2026 --to files --catalog lab.csv", 80)
    for label in ("checking files", "packing files", "stimulus_lab_Doe2026.zip"):
        assert f"{label}:" in text
    assert "the stimulus set lab.Doe2026 is published in lab.csv" in text


@posix_only
def test_a_terminal_gets_colours_unless_no_color_is_set() -> None:
    assert "\x1b[" in _on_terminal("list catalogs", 80)
    assert "\x1b[" not in _on_terminal("list catalogs", 80, NO_COLOR="1")
    assert "\x1b[" not in _on_terminal("list catalogs", 80, TERM="dumb")
    assert "\x1b[" not in brainio("list", "catalogs", TERM="xterm-256color").stdout


@posix_only
def test_an_error_on_a_terminal_has_a_line_for_failure_and_for_next_step() -> None:
    lines = click.unstyle(_on_terminal("list --catalog nope", 80)).splitlines()
    assert lines[0].startswith("error: no catalog 'nope' is active")
    assert lines[1] == "  name its file in BRAINIO_CATALOGS or call brainio.add_catalog"


def test_a_pipe_gets_whole_cells() -> None:
    assert "…" not in brainio("list", "assemblies", COLUMNS="40").stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    done = brainio("fetch")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'fetch'" in done.stderr


@pytest.mark.parametrize("command", [["list"], ["info", "hvm"]])
def test_commands_without_transfers_import_no_heavy_library(command: list[str]) -> None:
    program = (
        "import sys; from brainio.cli.commands import main\n"
        f"main({command!r}, standalone_mode=False)\n"
        "print([name for name in ('numpy', 'pandas', 'boto3', 'logging', 'brainio.fetch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
