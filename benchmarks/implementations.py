"""Implementations under comparison, each in a worker process: this project, the peer, and the floor.

Starts the workers, sends them commands, and installs the environment of the peer.
"""

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
_BENCHMARKS = Path(__file__).resolve().parent


class ImplementationError(Exception):
    """A worker failed to run a command; the message is that of the worker."""


class RunFolder:
    """The folder of a run, with its data, and with a working directory in which workers can import `benchmarks`.

    Each worker imports the `brainio` of its own interpreter, because this working directory does not contain one.
    """

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder = folder
        self.mode = mode
        self.working_directory = folder / "start"
        self.working_directory.mkdir(parents=True, exist_ok=True)
        link = self.working_directory / "benchmarks"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(_BENCHMARKS, target_is_directory=True)

    def command(self, python: str, implementation: str, *options: str) -> list[str]:
        """Return the command that starts a worker."""
        return [python, "-m", "benchmarks.worker", implementation, str(self.folder), self.mode, *options]

    def generate_data(self, python: str, seed: int, factors: tuple[int, ...]) -> None:
        """Generate the data in a separate process, because workers would inherit the peak memory of this one."""
        command = [python, "-m", "benchmarks.data", str(self.folder), self.mode, str(seed), *map(str, factors)]
        subprocess.run(command, cwd=self.working_directory, check=True)


class Implementation:
    """The worker process of this project (`'ours'`), of the peer (`'peer'`) or of the floor (`'floor'`)."""

    def __init__(self, run_folder: RunFolder, python: str, name: str) -> None:
        self.name = name
        self.python = python
        self.run_folder = run_folder
        self._log = (run_folder.folder / f"{name}.log").open("a")
        try:
            self._process = subprocess.Popen(
                run_folder.command(python, name),
                cwd=run_folder.working_directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
            )
        except OSError as error:
            self._log.close()
            raise ImplementationError(f"the interpreter {python} cannot be started: {error}") from error

    def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Run a command in the worker and return its answer.

        Raises
        ------
        ImplementationError
            The command failed, or the worker has ended.
        """
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None
        assert source is not None
        try:
            print(json.dumps({"command": command, **arguments}), file=sink, flush=True)
            line = source.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": f"the worker ended; see {self._log.name}"}
        if "error" in answer:
            raise ImplementationError(answer["error"])
        return dict(answer)

    def start_another(self) -> "Implementation":
        """Start another worker of the same implementation."""
        return Implementation(self.run_folder, self.python, self.name)

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the worker may have ended already
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def process_seconds(self, code: str) -> float:
        """Return the duration of a process that runs some code."""
        begin = time.perf_counter()
        self._run([self.python, "-c", code])
        return time.perf_counter() - begin

    def peak_bytes(self, workload: str) -> int:
        """Return the peak memory of a workload in a new process, above the imports."""
        return int(json.loads(self._run(self.run_folder.command(self.python, self.name, workload)))["bytes"])

    def _run(self, command: list[str]) -> str:
        """Run a command in the working directory and return its output."""
        folder = self.run_folder.working_directory
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode:
            raise ImplementationError(done.stderr.strip().rpartition("\n")[2])
        return done.stdout


def install_peer(cache: Path) -> str:
    """Create the environment of the peer in a folder unless it exists, and return its interpreter.

    Raises
    ------
    ImplementationError
        Python 3.11 is not on the path, or the installation failed.
    """
    environment = cache / "peer"
    python = environment / "bin" / "python"
    done = environment / "installed"
    if done.exists():
        return str(python)
    interpreter = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which(_PEER_PYTHON)
    if interpreter is None:
        raise ImplementationError(
            f"the peer needs {_PEER_PYTHON}, which is not on the path: install it, or name an interpreter with --peer"
        )
    steps = (
        [interpreter, "-m", "venv", "--clear", str(environment)],
        [str(python), "-m", "pip", "install", "--quiet", *PEER_REQUIREMENTS],
    )
    for step in steps:
        if subprocess.run(step, check=False).returncode:
            raise ImplementationError(f"the peer could not be installed: {' '.join(step)} failed")
    done.touch()
    return str(python)
