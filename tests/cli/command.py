"""Run the command `brainio` in its own process, as a person or a program does."""

import os
import subprocess
import sys
import tempfile

from tests.fork_server import COMMAND_MODULES, fork

PREFIX = [sys.executable, "-c", "from brainio.cli import main; main(prog_name='brainio')"]


def brainio(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command with further environment variables, and return its exit code and output."""
    variables = os.environ | environment
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = fork(
            [*arguments], variables, COMMAND_MODULES, stdout=stdout.fileno(), stderr=stderr.fileno()
        ) or subprocess.Popen([*PREFIX, *arguments], env=variables, stdout=stdout, stderr=stderr)
        exit_code = process.wait()
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess([*PREFIX, *arguments], exit_code, stdout.read(), stderr.read())
