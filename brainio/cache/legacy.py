"""Files of `brainscore-brainio` 1.1.0, the previous implementation, below BRAINIO_HOME.

It stored the file NAME in a folder named like the file without its last extension: ``assy_lab_A/assy_lab_A.nc``,
``stimulus_lab_A/stimulus_lab_A.csv``. This package only reads these files.
"""

from pathlib import Path

from brainio.cache.files import hash_file
from brainio.local_files import Fingerprint


def find_legacy_file(root: Path, name: str, sha1: str) -> tuple[Path, Fingerprint] | None:
    """Return the file that the previous implementation stored under a name, and the fingerprint it was hashed under.

    Return None if there is no such file, if it has other bytes, or if it is unreadable or removed meanwhile.

    Examples
    --------
    >>> find_legacy_file(Path("/nowhere"), "assy_lab_A.nc", "a9993e364706816aba3e25717850c26c9cd0d89d") is None
    True
    """
    stem = Path(name).stem
    if not stem:
        return None
    try:
        path = root / stem / name
        if not path.is_file():
            return None
        path = path.resolve()  # a hard link to a symbolic link would not refer to the bytes
        hashed_as = Fingerprint.of(path)
        return (path, hashed_as) if hash_file(path) == sha1 else None
    except OSError:
        return None
