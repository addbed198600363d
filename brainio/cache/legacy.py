"""Where the earlier public implementation, `brainscore-brainio` 1.1.0, leaves what it fetched below BRAINIO_HOME.

A file NAME lies in a folder of its own that is named like it without its last extension:
``assy_lab_A/assy_lab_A.nc``, ``stimulus_lab_A/stimulus_lab_A.csv``. Its files are read here, never written or moved.
"""

from pathlib import Path

from brainio.cache.files import hash_file
from brainio.local_files import Fingerprint


def find_legacy_file(root: Path, name: str, sha1: str) -> tuple[Path, Fingerprint] | None:
    """Return the file that the earlier implementation keeps under that name, and the fingerprint it was hashed under.

    None where there is none, where it has other bytes, and where it cannot be read or goes away meanwhile.

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
        path = path.resolve()  # a link to a link would not hold the bytes
        hashed_as = Fingerprint.of(path)
        return (path, hashed_as) if hash_file(path) == sha1 else None
    except OSError:
        return None
