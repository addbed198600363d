"""Running the command `brainio` in a process of its own, as a person or a program does."""

import os
import subprocess
import sys

PREFIX = [sys.executable, "-c", "from brainio.cli import main; main(prog_name='brainio')"]


def brainio(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PREFIX, *arguments], capture_output=True, text=True, check=False, env=os.environ | environment
    )
