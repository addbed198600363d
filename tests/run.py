"""Pass all checks on a machine that has Python and nothing of ours: `python3 tests/run.py [arguments of pytest]`.

Makes the virtual environment `.venv-test` (once), installs the project with its test tools into it, and runs the
linter, the type checker and the tests. Needs the standard library only.
"""

import os
import subprocess
import sys
import time
import venv
from pathlib import Path

TOP = Path(__file__).parents[1]
ENVIRONMENT = TOP / ".venv-test"
PYTHON = ENVIRONMENT / "bin" / "python"
# Neighbours share services, browsers and databases, so they stay together; who is done takes from the others.
SIDE_BY_SIDE = ("--numprocesses", str(os.cpu_count() or 1), "--dist", "worksteal")


def step(name: str, *command: str | Path) -> None:
    """Run one command; say how long it took, and stop at the first that fails."""
    print(f"== {name}", flush=True)
    begin = time.monotonic()
    code = subprocess.run(command, cwd=TOP, check=False).returncode
    print(
        f"== {name}: {'passed' if code == 0 else f'failed with exit code {code}'} in {time.monotonic() - begin:.0f} s"
    )
    if code:
        sys.exit(code)


def main() -> None:
    """Run every step."""
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    step("install", PYTHON, "-m", "pip", "install", "--quiet", "--editable", f"{TOP}[test]")
    # Its metadata want an older numpy; its data and its drawing do not.
    step("install the source of the demo", PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "stimupy==1.2.0")
    # Tests start hundreds of processes, which else would compile it anew where PYTHONDONTWRITEBYTECODE is set.
    step("compile", PYTHON, "-m", "compileall", "-q", "brainio")
    step("ruff check", PYTHON, "-m", "ruff", "check")
    step("ruff format", PYTHON, "-m", "ruff", "format", "--check")
    step("mypy", PYTHON, "-m", "mypy")
    step("pytest", PYTHON, "-m", "pytest", *SIDE_BY_SIDE, *sys.argv[1:])


if __name__ == "__main__":
    main()
