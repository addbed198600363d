"""Starts the workers and speaks with them; runs whole processes; finds or installs the peer's environment."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PEER = "brainscore-brainio"
PEER_REQUIREMENTS = (f"{PEER}==1.1.0", "numpy==1.26.4", "pandas==2.0.3", "xarray==2022.3.0")
_PEER_PYTHON = "python3.11"
_HERE = Path(__file__).resolve().parent


class SideError(Exception):
    """A side could not do what it was asked for; the message is what it said."""


class Position:
    """Where the workers of one run start: in a folder from which each finds `benchmarks` and the brainio of its own."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder = folder
        self.mode = mode
        self.start = folder / "start"
        self.start.mkdir(parents=True, exist_ok=True)
        link = self.start / "benchmarks"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(_HERE, target_is_directory=True)

    def command(self, python: str, side: str, *more: str) -> list[str]:
        """Return the command that starts a worker."""
        return [python, "-m", "benchmarks.worker", side, str(self.folder), self.mode, *more]

    def make_data(self, python: str, seed: int, factors: tuple[int, ...]) -> None:
        """Make the data in a process of its own: a parent's peak memory would count for its children."""
        command = [python, "-m", "benchmarks.data", str(self.folder), self.mode, str(seed), *map(str, factors)]
        subprocess.run(command, cwd=self.start, check=True)


class Side:
    """A running worker: of this project (`'ours'`), of the peer (`'peer'`) or of the floors (`'floor'`)."""

    def __init__(self, place: Position, python: str, name: str) -> None:
        self.name = name
        self.python = python
        self.place = place
        self._log = (place.folder / f"{name}.log").open("a")
        try:
            self._process = subprocess.Popen(
                place.command(python, name),
                cwd=place.start,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
            )
        except OSError as error:
            self._log.close()
            raise SideError(f"the interpreter {python} cannot be started: {error}") from error

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one command and return the answer.

        Raises
        ------
        SideError
            The command failed or the worker is gone.
        """
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None
        assert source is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=sink, flush=True)
            line = source.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": f"the worker ended; see {self._log.name}"}
        if "error" in answer:
            raise SideError(answer["error"])
        return dict(answer)

    def fresh(self) -> "Side":
        """Start another worker of the same side."""
        return Side(self.place, self.python, self.name)

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the worker may be gone already
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def process_seconds(self, code: str) -> float:
        """Time a whole process that runs some code."""
        begin = time.perf_counter()
        done = subprocess.run(
            [self.python, "-c", code], cwd=self.place.start, check=False, capture_output=True, text=True
        )
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise SideError(done.stderr.strip().rpartition("\n")[2])
        return seconds

    def peak_bytes(self, workload: str) -> int:
        """Measure the peak memory of a workload in a fresh process, above the imports."""
        command = self.place.command(self.python, self.name, workload)
        done = subprocess.run(command, cwd=self.place.start, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SideError(done.stderr.strip().rpartition("\n")[2])
        return int(json.loads(done.stdout)["bytes"])


def install_peer(cache: Path) -> str:
    """Make the peer's environment below a folder, unless it is there, and return its interpreter.

    Raises
    ------
    SideError
        Python 3.11 is not on the path, or the installation failed.
    """
    environment = cache / "peer"
    python = environment / "bin" / "python"
    done = environment / "installed"
    if done.exists():
        return str(python)
    found = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which(_PEER_PYTHON)
    if found is None:
        raise SideError(
            f"the peer needs {_PEER_PYTHON}, which is not on the path: install it, or name an interpreter by --peer"
        )
    steps = (
        [found, "-m", "venv", "--clear", str(environment)],
        [str(python), "-m", "pip", "install", "--quiet", *PEER_REQUIREMENTS],
    )
    for step in steps:
        if subprocess.run(step, check=False).returncode:
            raise SideError(f"the peer could not be installed: {' '.join(step)} failed")
    done.touch()
    return str(python)
