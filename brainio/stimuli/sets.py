"""`StimulusSet`: a table of stimuli with an identifier and the paths of its files. Reads no files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import pandas as pd

from brainio.errors import StimulusSetFormatError
from brainio.stimuli.loaders import StimulusPaths, StimulusSetLoader
from brainio.stimuli.typed_csv import STIMULUS_ID
from brainio.text import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from PIL import Image


class StimulusSet(pd.DataFrame):
    """A table of stimuli, one in each row, with the column `stimulus_id` and any metadata.

    `identifier` and `stimulus_paths` are set by the loader or by assignment, and are kept by slicing, filtering,
    copying, grouping, merging, pickling and `pd.concat`. The latter merges paths; the identifier is kept if all sets
    have the same, else it is None. Access to one that was never set raises AttributeError.

    >>> stimulus_set = StimulusSet([{"stimulus_id": "a", "object": "car"}, {"stimulus_id": "b", "object": "dog"}])
    >>> stimulus_set.identifier = "lab.Author2020"
    >>> stimulus_set.stimulus_paths = {"a": Path("a.png"), "b": Path("b.png")}
    >>> dogs = stimulus_set[stimulus_set["object"] == "dog"]
    >>> dogs.identifier, dogs.stimulus_paths["b"].name
    ('lab.Author2020', 'b.png')
    """

    identifier: str | None
    stimulus_paths: MutableMapping[Any, Path]

    _metadata = ["identifier", "stimulus_paths"]  # noqa: RUF012 - pandas' protocol

    @property
    def _constructor(self) -> type[StimulusSet]:
        return StimulusSet

    def __getattr__(self, name: str) -> Any:  # type: ignore[misc]  # final in the stubs, not in pandas
        if name in self._metadata:
            raise AttributeError(
                f"this StimulusSet has no {name}; load it with StimulusSet.from_files, or assign `stimulus_set.{name}`"
            )
        return super().__getattr__(name)

    def __finalize__(self, other: Any, method: str | None = None, **kwargs: Any) -> Self:
        """Copy identifier and paths from the source table or tables."""
        result = cast("Self", super().__finalize__(other, method=method, **kwargs))  # type: ignore[misc]  # not in the stubs
        parts = getattr(other, "input_objs", None)
        if parts is not None:
            result._combine_metadata([part for part in parts if isinstance(part, StimulusSet)])
        for name in self._metadata:
            if isinstance(other, pd.DataFrame) and name not in other.__dict__:
                result.__dict__.pop(name, None)  # pandas copies attributes that are not set as None
        return result

    def _combine_metadata(self, parts: Sequence[StimulusSet]) -> None:
        identifiers = [part.__dict__["identifier"] for part in parts if "identifier" in part.__dict__]
        if identifiers:
            same = len(identifiers) == len(parts) and len(set(identifiers)) == 1
            object.__setattr__(self, "identifier", identifiers[0] if same else None)
        paths = [part.__dict__["stimulus_paths"] for part in parts if "stimulus_paths" in part.__dict__]
        if paths:
            first = paths[0]
            if all(other is first for other in paths):
                combined = first
            else:
                combined = dict(first)
                for other in paths:
                    _add_paths(combined, other)
            object.__setattr__(self, "stimulus_paths", combined)

    def __getstate__(self) -> dict[str, Any]:
        state = cast("dict[str, Any]", super().__getstate__())
        return {k: v for k, v in state.items() if k not in self._metadata or k in self.__dict__}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        copied = self.copy(deep=True)
        for name in self._metadata:
            if name in self.__dict__:
                object.__setattr__(copied, name, copy.deepcopy(self.__dict__[name], memo))
        return copied

    def get_stimulus(self, stimulus_id: Any) -> Path:
        """Return the path of one stimulus.

        Raises
        ------
        KeyError
            The set has no path for this id; the message lists similar ids.
        """
        paths = self.stimulus_paths
        if stimulus_id not in paths and isinstance(stimulus_id, int | np.integer) and str(stimulus_id) in paths:
            stimulus_id = str(stimulus_id)
        if stimulus_id not in paths:
            known = [str(known) for known in paths]
            near = nearest(str(stimulus_id), known) or known[:5]
            name = self.__dict__.get("identifier")
            raise KeyError(f"stimulus set {name} has no stimulus {stimulus_id!r}; similar ids: {near}")
        return Path(paths[stimulus_id])

    def contact_sheet(
        self, count: int = 24, *, columns: int = 6, size: int = 128, labels: str | Sequence[str] = STIMULUS_ID
    ) -> Image.Image:
        """Draw the first stimuli in one picture, which notebooks show.

        Shows images, the waveform and spectrogram of sounds, and the first frame of videos (extra `video`). Other
        stimuli are grey tiles with the reason. Fetches no files. Select other stimuli by `s[s["object"] == "car"]` or
        `s.sample(24)`.

        Parameters
        ----------
        count : int, default 24
            Maximum number of stimuli.
        columns : int, default 6
            Number of stimuli in a row.
        size : int, default 128
            Size of the square of a stimulus, in pixels.
        labels : str or sequence of str, default 'stimulus_id'
            Columns whose values are written below each stimulus, one per line.

        Returns
        -------
        PIL.Image.Image
            In mode RGB; `.save("sheet.png")` writes it.

        Raises
        ------
        KeyError
            A column does not exist; the message lists the existing ones.
        ValueError
            A number is below one, the sheet would have more than 100 million pixels, or two columns have one name.

        Examples
        --------
        >>> import brainio
        >>> brainio.get_stimulus_set('modelfest.Carney1999').contact_sheet(12, labels=['stimulus_id', 'kind']).mode
        'RGB'
        """
        from brainio.views import contact_sheet

        named = [labels] if isinstance(labels, str) else list(labels)
        unknown = [name for name in (STIMULUS_ID, *named) if name not in self.columns]
        if unknown:
            raise KeyError(
                f"the stimulus set has no column {unknown[0]!r}; it has {[str(name) for name in self.columns]}"
            )
        if not self.columns.is_unique:
            raise ValueError("columns of the stimulus set have the same name; drop or rename some")
        if min(count, columns, size) < 1:
            raise ValueError(f"count={count}, columns={columns}, size={size}: expected numbers of 1 or more")
        first = self.iloc[:count]
        paths = [self.find_local_path(stimulus_id) for stimulus_id in first[STIMULUS_ID]]
        texts = first[named].itertuples(index=False, name=None)
        return contact_sheet(list(zip(paths, texts, strict=True)), columns, size)

    def __repr__(self) -> str:
        return printable(super().__repr__())

    def _repr_html_(self) -> str | None:
        html = super()._repr_html_()  # type: ignore[misc]  # not in the stubs
        if html is None or STIMULUS_ID not in self.columns or not self.columns.is_unique:
            return cast("str | None", html)
        from brainio.views import stimuli_html

        return stimuli_html(self, self.find_local_path, STIMULUS_ID, self.__dict__.get("identifier"))

    def find_local_path(self, stimulus_id: Any) -> Path | None:
        """Return the path of a stimulus if no fetching or unpacking is needed for it, else None."""
        paths = self.__dict__.get("stimulus_paths")
        try:
            return paths.find_local(stimulus_id) if isinstance(paths, StimulusPaths) else (paths or {}).get(stimulus_id)
        except TypeError:  # an id that is not hashable, such as a list
            return None

    @classmethod
    def get_loader_class(cls) -> type[StimulusSetLoader]:
        """Return the loader class of stimulus sets."""
        return StimulusSetLoader

    @classmethod
    def from_files(cls, csv_path: str | Path, dir_path: str | Path, **kwargs: Any) -> Self:
        """Load a stimulus set from its CSV file and the folder with its files, see `StimulusSetLoader`."""
        return cast("Self", cls.get_loader_class()(cls, csv_path, dir_path, **kwargs).load())


def _add_paths(combined: dict[Any, Path], paths: Mapping[Any, Path]) -> None:
    """Add the paths of another table; raise an error if a stimulus has two different paths."""
    for stimulus_id, path in paths.items():
        known = combined.setdefault(stimulus_id, path)
        if known is not path and Path(known) != Path(path):
            raise StimulusSetFormatError(
                f"cannot concatenate stimulus sets: the stimulus_id {stimulus_id!r} has the path {known} in one and "
                f"{path} in another; change the stimulus_id of one of them"
            )
