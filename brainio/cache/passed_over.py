"""What is said of shared caches that cannot be used as they are: each thing once a process, in the log.

They belong to somebody else, so that nothing can be done about them here, and every file would say the same.
"""

from pathlib import Path

from brainio.logs import get_logger

_log = get_logger("brainio.cache")
_said: set[tuple[Path, str]] = set()


def say_once(folder: Path, problem: str, detail: object = "") -> None:
    """Warn that something below a folder is had from elsewhere, unless the same problem of it was told before.

    Parameters
    ----------
    folder : Path
        The shared cache, or what is damaged in it.
    problem : str
        What is wrong, as it follows the name of the folder.
    detail : str
        What may differ from time to time, such as the text of an error.
    """
    if (folder, problem) in _said:
        return
    _said.add((folder, problem))
    _log.warning("%s %s%s; it is passed over, and files are had from elsewhere", folder, problem, detail)
