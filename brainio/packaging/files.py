"""Gives a file its name when all of it is written. Knows no format."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def in_one_step(target: Path) -> Iterator[Path]:
    """Give a temporary name beside `target`; the target is replaced when the block ends, and left alone if it fails.

    Parameters
    ----------
    target : Path
        In a folder that exists.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
