"""The installed distribution, `brainio-data`: its version, the command that adds an extra, and conflicts with others.

Two other distributions install a package named `brainio`: `brainio` (0.0.20, 2020) and `brainscore-brainio`. Next to
either of them, pip mixes the files of two projects in one folder. Imports no library.
"""

import json
import os
import re
import shlex
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from brainio.errors import InstallationWarning

DISTRIBUTION = "brainio-data"
_CONFLICTING = re.compile(r"(brainio|brainscore[-_.]brainio)-(\d[^-]*?)(-py[\d.]+)?\.(dist|egg)-info", re.IGNORECASE)


def install_command(extra: str) -> str:
    """Return the shell command that adds an extra to the installation that is running.

    The command names the clone, wheel or repository from which pip installed the distribution, as PEP 610 records it,
    or else the distribution's name.

    Parameters
    ----------
    extra : str
        An extra of the distribution, such as `'sql'`.

    Examples
    --------
    >>> from brainio.installation import install_command
    >>> install_command("sql").startswith("pip install ")
    True
    """
    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        text = None
    return _command(json.loads(text) if text else {}, extra)


def _command(origin: dict[str, dict[str, str]], extra: str) -> str:
    url = str(origin.get("url", ""))
    if not url:
        return f"pip install {shlex.quote(f'{DISTRIBUTION}[{extra}]')}"
    if "dir_info" in origin:
        editable = "-e " if origin["dir_info"].get("editable") else ""
        folder = unquote(urlsplit(url).path)
        return f"pip install {editable}{shlex.quote(f'{folder}[{extra}]')}"
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return f"pip install {shlex.quote(f'{DISTRIBUTION}[{extra}] @ {url}')}"


@cache
def warn_of_conflicts() -> None:
    """Warn once per process if another distribution of a package `brainio` is installed in the same folder.

    Warns
    -----
    InstallationWarning
        With the commands that remove the other distribution and restore the files of this one.
    """
    others = conflicting_distributions(Path(__file__).parents[1])
    if others:
        names = " ".join(name for name, _ in others)
        found = ", ".join(f"{name} {version}" for name, version in others)
        warnings.warn(
            f"{found} is installed in the same folder as {DISTRIBUTION}, and its files replace or miss some of "
            f"{DISTRIBUTION}. Run: pip uninstall --yes {names} {DISTRIBUTION}; then install {DISTRIBUTION} again",
            InstallationWarning,
            stacklevel=2,
        )


def conflicting_distributions(folder: Path) -> list[tuple[str, str]]:
    """Return the name and version of each installed distribution in a folder that also contains a package `brainio`."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - `Path.iterdir` takes twice as long
    except OSError:
        return []
    matches = (_CONFLICTING.fullmatch(name) for name in sorted(names))
    return [(match[1].lower().replace("_", "-").replace(".", "-"), match[2]) for match in matches if match]
