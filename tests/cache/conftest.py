"""Fixtures: an empty cache, and a record of the files that it hashes."""

from pathlib import Path

import pytest

from brainio.cache import Cache, hash_file


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def hashed_files(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose bytes were hashed again, in order."""
    paths: list[Path] = []

    def record(path: Path, algorithm: str = "sha1") -> str:
        paths.append(Path(path))
        return hash_file(path, algorithm)

    for module in ("content", "content_store"):
        monkeypatch.setattr(f"brainio.cache.{module}.hash_file", record)
    return paths
