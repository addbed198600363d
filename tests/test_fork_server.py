"""Forked processes behave like processes of a new interpreter."""

import os
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.command import PREFIX, brainio
from tests.fork_server import COMMAND_MODULES, SERVICE_MODULES, fork


@pytest.mark.parametrize("name", sorted({*COMMAND_MODULES, *SERVICE_MODULES}))
def test_every_preloaded_module_exists(name: str) -> None:
    assert find_spec(name) is not None


def test_a_forked_command_has_the_output_and_exit_code_of_a_new_interpreter(tmp_path: Path) -> None:
    for arguments in (["info", "modelfest.Carney1999"], ["info", "no.such"], ["--no-such-option"], ["catalog", "ls"]):
        expected = subprocess.run([*PREFIX, *arguments], capture_output=True, text=True, cwd=tmp_path)
        forked = brainio(*arguments)
        assert (forked.returncode, forked.stdout) == (expected.returncode, expected.stdout), arguments
        assert forked.stderr == expected.stderr, arguments


def test_a_forked_command_has_its_own_environment_and_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.csv").write_text("not a catalog")
    assert "lab.csv" in brainio("list", BRAINIO_CATALOGS="lab.csv").stderr
    assert "lab.csv" not in brainio("list").stderr


def test_an_environment_that_only_a_new_interpreter_reads_is_never_forked() -> None:
    with tempfile.TemporaryFile() as output:
        outputs = {"stdout": output.fileno(), "stderr": output.fileno()}
        assert fork(["list"], os.environ | {"PYTHONUTF8": "0"}, COMMAND_MODULES, **outputs) is None


def test_a_signal_ends_a_forked_process_and_is_its_exit_code() -> None:
    with tempfile.TemporaryFile() as output:
        outputs = {"stdout": output.fileno(), "stderr": output.fileno()}
        process = fork(["serve", "--port", "0"], {**os.environ}, COMMAND_MODULES, **outputs)
        assert process is not None
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait(20) == process.returncode == -signal.SIGKILL
        process.send_signal(signal.SIGTERM)  # has no effect
        end = time.monotonic() + 5
        while Path(f"/proc/{process.pid}").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert not Path(f"/proc/{process.pid}").exists()
