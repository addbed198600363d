"""Makes profiles in a process of its own at low priority: `python -m brainio.service.apart`, which the service starts.

It is told entries in lines of JSON, answers each with a line, and ends when its input does: also where the service was
killed, and also in the middle of a profile.
"""

import json
import os
import queue
import sys
import threading
import warnings
from typing import Any

_NICE = 10  # a tenth of the share of those who answer, on a machine that is busy
_STOPPED = 3  # exit code
_LONGEST = 2000  # characters of an answer


def main() -> None:
    """Answer each line of input: what was asked for, and `error`, which is empty where the profile was made."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    os.nice(_NICE)
    warnings.simplefilter("ignore")
    asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(asked,), daemon=True).start()
    while True:
        one = asked.get()
        answers.write(json.dumps({**one, "error": _made(one)}) + "\n")


def _read(asked: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        asked.put(json.loads(line))
    os._exit(_STOPPED)


def _made(asked: dict[str, Any]) -> str:
    """Make a profile; return why that is impossible, or nothing."""
    from brainio.catalogs import resolve
    from brainio.profiles import make_profile

    try:
        kind, identifier = asked["kind"], asked["identifier"]
        make_profile(resolve(kind, identifier, catalog=asked["catalog"], version=asked["version"]))
    except Exception as error:  # whatever data make of a library: the next entry may be sound
        return f"{type(error).__name__}: {error}"[:_LONGEST]
    return ""


if __name__ == "__main__":
    main()
