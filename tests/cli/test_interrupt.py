"""Ctrl-C ends every command with one line and exit code 130, even during imports."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOW = "import pathlib, time\npathlib.Path({marker!r}).touch()\n{body}\n"
SLEEP = "time.sleep(30)"
CONVERTED = (
    f"try:\n    {SLEEP}\nexcept KeyboardInterrupt:\n    raise ImportError('a library failed to import') from None"
)
DROPPED = f"class Slow:\n    def __del__(self):\n        {SLEEP}\nSlow()\n{SLEEP}"


def interrupted(tmp_path: Path, module: str, body: str, *command: str) -> tuple[int, str, str]:
    """Run a command that imports a slow module, and interrupt it there."""
    marker = tmp_path / "reached"
    (tmp_path / f"{module}.py").write_text(SLOW.format(marker=str(marker), body=body))
    process = subprocess.Popen(
        [sys.executable, "-m", "brainio", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    while not marker.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=20)
    return process.returncode, output, error


@pytest.mark.parametrize("body", [SLEEP, CONVERTED, DROPPED], ids=["import", "converted", "dropped"])
@pytest.mark.parametrize(
    ("module", "command"),
    [("click", ["list"]), ("tabulate", ["list"]), ("sqlalchemy", ["profile", "build", "--all"])],
    ids=["first_imports", "imports_of_output", "imports_of_a_command"],
)
def test_ctrl_c_during_imports_exits_with_130_and_one_line(
    tmp_path: Path, module: str, command: list[str], body: str
) -> None:
    assert interrupted(tmp_path, module, body, *command) == (130, "", "interrupted\n")


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "tabulate.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit(7)")
    done = subprocess.run(
        ["/bin/sh", "-c", f"trap '' INT; exec {sys.executable} -m brainio list"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (7, "")
