"""Lock files: what a script or a block loaded, written down, and loading exactly that again.

=========== ====================================================================
`recording` `brainio.lock`: what is loaded is written down
`locking`   `brainio.locked`: what is loaded is what was written down
`records`   entries as records, and which entry of the catalogs in force is the recorded one
`form`      records as a file that people read
=========== ====================================================================

What is loaded is told by `brainio.fetch.uses`. docs/citing.md describes the file.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.lockfile.locking import locked, plan_locked
    from brainio.lockfile.recording import lock

__all__ = ["lock", "locked", "plan_locked"]

_MODULES = {"lock": "recording", "locked": "locking", "plan_locked": "locking"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
