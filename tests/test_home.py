"""An unknown, read-only or missing home folder is an error that names the setting to change."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brainio.errors import CacheError, LocationError, PackagingError
from brainio.local_files import absolute_path, home_folder
from brainio.packaging.output_files import explain_os_errors, temporary_folder

UNKNOWN = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
UNKNOWN += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # to read this Python, wherever it is
CHANGES_USER = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv"
)
COMMAND = [sys.executable, "-c", "from brainio.cli import main; main(prog_name='brainio')"]


def without_home(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"HOME", "BRAINIO_HOME"}} | variables


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, setpriv"
)
@pytest.mark.parametrize("command", [("get", "modelfest.Carney1999"), ("cache", "ls"), ("search", "modelfest")])
def test_an_unknown_user_without_a_home_gets_an_error_that_names_brainio_home(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [*UNKNOWN, *COMMAND, *command], env=without_home(), cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 10
    assert "no home folder is known for the user ID 12345, and HOME is not set. Set BRAINIO_HOME to" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, setpriv"
)
def test_catalogs_are_read_without_a_home_folder() -> None:
    done = subprocess.run(
        [*UNKNOWN, *COMMAND, "info", "modelfest.Carney1999"],
        env=without_home(),
        cwd="/",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, setpriv"
)
def test_a_read_only_home_is_an_error_that_names_brainio_home() -> None:
    command = [*UNKNOWN, *COMMAND, "get", "modelfest.Carney1999"]
    done = subprocess.run(command, env=without_home(HOME="/"), cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 10
    assert "set BRAINIO_HOME to a writable folder" in done.stderr


@pytest.mark.parametrize("path", ["~nobody_has_this_name/x", "~nobody_has_this_name"])
def test_the_home_of_an_unknown_user_is_an_error_that_shows_the_path(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    with pytest.raises(LocationError, match=rf"^'{path}' cannot be expanded: there is no such user"):
        absolute_path(path)
    monkeypatch.setenv("BRAINIO_HOME", path)
    with pytest.raises(CacheError, match=r"there is no such user. Set BRAINIO_HOME to an absolute path"):
        home_folder()


def test_a_relative_path_in_a_deleted_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(LocationError, match=r"^'lab\.csv' is relative, and the working folder was deleted"):
        absolute_path("lab.csv")
    assert absolute_path("/lab.csv") == Path("/lab.csv")
    monkeypatch.setenv("BRAINIO_HOME", "cache")
    with pytest.raises(CacheError, match=r"the working folder was deleted. Set BRAINIO_HOME"):
        home_folder()


def test_no_folder_for_temporary_files_is_an_error_that_names_tmpdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with (
        pytest.raises(PackagingError, match=r"could not be read or written .*set TMPDIR to another folder"),
        temporary_folder(),
    ):
        pass


def test_packaging_into_an_unwritable_folder_is_a_packaging_error(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="Input/output error"), explain_os_errors(tmp_path):
        raise OSError(5, "Input/output error")
    with pytest.raises(CacheError, match="as it is"), explain_os_errors(tmp_path):
        raise CacheError("as it is")
