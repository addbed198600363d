"""Where the earlier public implementation, `brainscore-brainio` 1.1.0, leaves what it fetched below BRAINIO_HOME.

A file NAME lies in a folder of its own that is named like it without its last extension:
``assy_lab_A/assy_lab_A.nc``, ``stimulus_lab_A/stimulus_lab_A.csv``. Its files are read here, never written or moved.
"""

from pathlib import Path


def earlier_file(root: Path, name: str) -> Path | None:
    """Return the file that the earlier implementation keeps under that name, None where it keeps none.

    Examples
    --------
    >>> earlier_file(Path("/nowhere"), "assy_lab_A.nc") is None
    True
    """
    stem = Path(name).stem
    if not stem:
        return None
    path = root / stem / name
    return path if path.is_file() else None
