"""Which folder of this machine is brainio's own, as the environment says."""

import os
from pathlib import Path

BRAINIO_HOME = "BRAINIO_HOME"


def home_folder() -> Path:
    """Return what the environment variable `BRAINIO_HOME` names, else `~/.brainio`; it need not exist.

    Examples
    --------
    >>> home_folder() == Path(os.environ.get("BRAINIO_HOME") or "~/.brainio").expanduser().absolute()
    True
    """
    return Path(os.environ.get(BRAINIO_HOME) or "~/.brainio").expanduser().absolute()
