"""Folders that one process of a test run fills for all processes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_folder(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """Return a folder that is filled once per test run, by the first process that needs it.

    Parameters
    ----------
    factory : pytest.TempPathFactory
        Factory of the fixture `tmp_path_factory`.
    name : str
        Name of the folder, unique in the test run.
    fill : callable
        Creates and fills a folder, given its path.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_name(f"{name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            fill(unfinished)
            unfinished.rename(folder)
    return folder
