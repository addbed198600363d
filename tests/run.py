"""Run all checks: `python3 tests/run.py [--all | --share K/N | --share commit] [arguments of pytest]`.

Creates the virtual environment `.venv-test` (once), installs the project with its test tools into it, and runs the
linter, the type checker, the check of words and the tests of the default tier. `--all` adds the slow tier,
`--share K/N` a part of it; `--share commit` is the share that belongs to the commit, with the random examples that
belong to it. Needs Python's standard library only.
"""

import subprocess
import sys
import time
import venv
from pathlib import Path

TOP = Path(__file__).parents[1]
ENVIRONMENT = TOP / ".venv-test"
PYTHON = ENVIRONMENT / "bin" / "python"
SHARES = 4
NO_COMMIT = "0"  # stands for the commit where there is none, as in an unpacked archive


def step(name: str, *command: str | Path) -> None:
    """Run a command, print its duration, and exit if it fails."""
    print(f"== {name}", flush=True)
    begin = time.monotonic()
    code = subprocess.run(command, cwd=TOP, check=False).returncode
    print(
        f"== {name}: {'passed' if code == 0 else f'failed with exit code {code}'} in {time.monotonic() - begin:.0f} s"
    )
    if code:
        sys.exit(code)


def git(*arguments: str) -> str | None:
    """Return the output of git, or None if it fails or the project is not the top of a repository."""
    try:
        command = ["git", "-C", str(TOP), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 and (TOP / ".git").exists() else None


def commit_options(commit: str) -> list[str]:
    """Return pytest's options that select a commit's share of the slow tier and its random examples."""
    number = int(commit, 16)
    seed = str(number % 2**32)
    return ["--share", f"{number % SHARES + 1}/{SHARES}", "--hypothesis-profile", "ci", "--hypothesis-seed", seed]


def pytest_arguments(arguments: list[str]) -> list[str]:
    """Replace `--share commit` by the options of the commit; print the command that repeats the run."""
    if "commit" not in arguments or arguments[arguments.index("commit") - 1] != "--share":
        return arguments
    at = arguments.index("commit") - 1
    commit = (git("rev-parse", "HEAD") or NO_COMMIT).strip()
    replaced = [*arguments[:at], *commit_options(commit), *arguments[at + 2 :]]
    described = "no commit (git does not know this folder)" if commit == NO_COMMIT else f"commit {commit[:12]}"
    print(f"== {described}; to repeat its tests: python3 tests/run.py {' '.join(replaced)}", flush=True)
    return replaced


def untracked() -> set[str]:
    """Return the files that git neither tracks nor ignores."""
    return set((git("ls-files", "--others", "--exclude-standard") or "").splitlines())


def main() -> None:
    """Run every step."""
    arguments = pytest_arguments(sys.argv[1:])
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    step("install", PYTHON, "-m", "pip", "install", "--quiet", "--editable", f"{TOP}[test]")
    # Its metadata require an older numpy; its data and its drawing do not.
    step("install the source of the demo", PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "stimupy==1.2.0")
    # Tests start hundreds of processes, which would otherwise all compile it where PYTHONDONTWRITEBYTECODE is set.
    step("compile", PYTHON, "-m", "compileall", "-q", "brainio", "tests")
    step("ruff check", PYTHON, "-m", "ruff", "check")
    step("ruff format", PYTHON, "-m", "ruff", "format", "--check")
    step("mypy", PYTHON, "-m", "mypy")
    step("words", PYTHON, "-m", "tests.check_words")
    before = untracked()
    step("pytest", PYTHON, "-m", "pytest", *arguments)
    left_behind = sorted(untracked() - before)
    if left_behind:
        sys.exit(f"== pytest: tests wrote into the checkout; use tmp_path instead: {', '.join(left_behind)}")


if __name__ == "__main__":
    main()
