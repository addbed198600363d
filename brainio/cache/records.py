"""What is known of files without reading them: the fingerprints under which they were verified, and their last use.

A record is small and may be lost, damaged or overwritten by another process at any time: that costs one hash of the
file, never a wrong answer. Nothing here reads the bytes of content.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from brainio.cache.files import read_json, write_in_one_step
from brainio.local_files import Fingerprint

RECORD = ".verified.json"
LAST_USE_EVERY = 3600.0  # seconds: the last use of a file is noted this exactly, and as seldom
_MOST = 16  # fingerprints in one record


def read_record(path: Path) -> dict[Fingerprint, str | None]:
    """Read which fingerprints were verified, each with its sha256 if that was ever computed.

    Entries without a ctime, which earlier versions wrote, are skipped: their files are hashed once more.
    """
    files = read_json(path).get("files")
    known = {}
    for file in files if isinstance(files, list) else ():
        with suppress(TypeError, KeyError, AttributeError):
            known[Fingerprint(*(file[field] for field in Fingerprint._fields))] = file.get("sha256")
    return known


def write_record(root: Path, path: Path, known: Mapping[Fingerprint, str | None]) -> None:
    """Write which fingerprints were verified, the newest last.

    There are several where one file has another device number on every machine that mounts it, and where one content
    was brought twice at the same time under two names.
    """
    files = [{**print_._asdict(), "sha256": sha256} for print_, sha256 in known.items()]
    write_in_one_step(root, path, json.dumps({"files": files[-_MOST:]}))


def note_use(path: Path) -> None:
    """Note in the times of a record or manifest that its content is used now, where that can be written."""
    with suppress(OSError):
        # A clock that was set back must not make anything look older than it is: the time only ever goes forward.
        if time.time() - path.stat().st_mtime > LAST_USE_EVERY:
            os.utime(path)
