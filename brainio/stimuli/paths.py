"""Paths of the files of stimuli, built when they are used. Accesses no disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from brainio.member_names import path_below

STIMULUS_ID = "stimulus_id"
IMAGE_ID = "image_id"
FILENAME = "filename"

Directory: TypeAlias = "str | Path | Callable[[str], Path]"


class StimulusPaths(MutableMapping[Any, Path]):
    """A mutable mapping from stimulus_id to Path that builds paths at each access; equal to a dict of the same paths.

    Parameters
    ----------
    paths : mapping, optional
        Stimulus id -> path.
    directory : path or function, optional
        The folder of relative paths, or a function that converts a relative path at each access (and may have a method
        `find_local` that returns a path only if the file is on this machine). Default: paths are not converted.
    """

    def __init__(self, paths: Mapping[Any, str | Path] | None = None, directory: Directory | None = None) -> None:
        self._names: dict[Any, str | Path] = dict(paths or {})
        self._directory = Path(directory) if isinstance(directory, str) else directory

    def __getitem__(self, stimulus_id: Any) -> Path:
        name = self._names[stimulus_id]
        if isinstance(name, Path):
            return name
        if callable(self._directory):
            return self._directory(name)
        return Path(name) if self._directory is None else path_below(self._directory, name)

    def __setitem__(self, stimulus_id: Any, path: str | Path) -> None:
        self._names[stimulus_id] = Path(path)

    def __delitem__(self, stimulus_id: Any) -> None:
        del self._names[stimulus_id]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, stimulus_id: object) -> bool:
        return stimulus_id in self._names

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StimulusPaths) and self._directory == other._directory and self._names == other._names:
            return True
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return repr(dict(self))

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Path]:
        return {**self, **other}

    def find_local(self, stimulus_id: Any) -> Path | None:
        """Return a path if no fetching or unpacking is needed for it, else None."""
        name = self._names.get(stimulus_id)
        if name is None or isinstance(name, Path) or not callable(self._directory):
            return None if name is None else self[stimulus_id]
        find_local = getattr(self._directory, "find_local", None)
        return None if find_local is None else cast("Path | None", find_local(name))

    def copy(self) -> StimulusPaths:
        """Return an independent copy."""
        return StimulusPaths(self._names, self._directory)

    __copy__ = copy
