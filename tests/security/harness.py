"""Fuzz a function for some seconds with a coverage-guided fuzzer (atheris) and a few seeds.

Each fuzzing module has `SEEDS` and a function `check`, which raises an error for a wrong result. Run it alone, such as
`python -m tests.security.fuzz_csv --seconds 60`: it reports the number of inputs, and writes a failing input to a file.
The project does not depend on atheris: without it, the module prints how to install it.
"""

import argparse
import importlib.util
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MOST_MEMORY = 4 * 2**30  # bytes of address space
LONGEST_INPUT = 20  # seconds


def main(instrumented: Sequence[str], load: Callable[[], tuple[Sequence[bytes], Callable[[bytes], None]]]) -> None:
    """Fuzz the function that `load` returns. `load` imports the modules whose coverage guides the fuzzer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path, default=None, help="folder for inputs that fail")
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: nothing was fuzzed. pip install atheris")
        return
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=list(instrumented)):
        seeds, check = load()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    corpus = Path(tempfile.mkdtemp(prefix="brainio-corpus-"))
    for number, seed in enumerate(seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    keep = given.keep or Path(tempfile.mkdtemp(prefix="brainio-failures-"))
    keep.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={given.seconds}", f"-timeout={LONGEST_INPUT}", "-max_len=8192", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, "-rss_limit_mb=4096", f"-artifact_prefix={keep}/", str(corpus)], check)
    print(f"failures go to {keep}; began {time.ctime()}", flush=True)
    atheris.Fuzz()
