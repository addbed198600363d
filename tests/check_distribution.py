"""Check the distribution as its users get it: `python -m tests.check_distribution`.

Builds the wheel and the source distribution, checks their metadata, installs the wheel with the extra `demo` into an
empty environment, and runs the first example of the README from there. Takes about a minute.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

TOP = Path(__file__).parents[1]


def _run(*command: str | Path, folder: Path) -> str:
    print("+", *command, flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BRAINIO_HOME")}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def build(folder: Path) -> tuple[Path, Path]:
    """Build both distributions from a copy of the source, and return the paths of the wheel and the archive."""
    source = folder / "source"
    shutil.copytree(TOP, source, ignore=shutil.ignore_patterns(".*", "*.egg-info", "build", "__pycache__"))
    _run(sys.executable, "-m", "build", "--outdir", folder / "dist", source, folder=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    (archive,) = (folder / "dist").glob("*.tar.gz")
    return wheel, archive


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into an empty environment, and return the folder of its programs."""
    venv.create(folder / "environment", with_pip=True)
    programs = folder / "environment" / "bin"
    _run(programs / "pip", "install", "--quiet", f"brainio-data[demo] @ {wheel.as_uri()}", folder=folder)
    return programs


def main() -> None:
    """Build, check, install and run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel, archive = build(folder)
        _run(sys.executable, "-m", "twine", "check", "--strict", wheel, archive, folder=folder)
        programs = install(wheel, folder)
        example = folder / "example"
        example.mkdir()
        shutil.copy(TOP / "docs" / "first_look.py", example)
        print(_run(programs / "python", "first_look.py", folder=example))
        if not [*example.glob("*.png")]:
            sys.exit("the first example wrote no picture")
        print(_run(programs / "brainio", "--version", folder=example))


if __name__ == "__main__":
    main()
