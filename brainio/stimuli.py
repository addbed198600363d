"""Stimulus sets: a table of stimuli, and where the file of each lies.

`StimulusSet` is a pandas DataFrame that carries its identifier and its stimulus paths along. Reading a set needs its
CSV and the folder of its unpacked archive; fetching either is not this module's business, and no file of a stimulus is
looked for before somebody asks for it.
"""

from __future__ import annotations

import copy
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import numpy as np
import pandas as pd

from brainio.errors import StimulusSetFormatError
from brainio.nearest import nearest

if TYPE_CHECKING:
    import _csv

STIMULUS_ID = "stimulus_id"
IMAGE_ID = "image_id"
FILENAME = "filename"
_TEXT_COLUMNS = (STIMULUS_ID, IMAGE_ID, FILENAME)
_QUOTED = re.compile(rb'"[^"]*"')
# What pandas takes for a missing value by default; in columns of text, only an empty field is one.
_MISSING = (
    *("", "#N/A N/A", "#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)


Directory: TypeAlias = "str | Path | Callable[[str], Path]"


class StimulusPaths(MutableMapping[Any, Path]):
    """A dict from stimulus_id to Path, each Path being made when it is looked at; equal to a dict of equal content.

    Parameters
    ----------
    paths : mapping, optional
        Stimulus id -> path.
    directory : path or function, optional
        The folder that relative paths lie in, or what makes a path of a relative one whenever it is looked at. Default:
        paths are taken as they are.
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
        return Path(name) if self._directory is None else self._directory / name

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

    __hash__ = None  # type: ignore[assignment]  # a mutable mapping, as dict

    def __repr__(self) -> str:
        return repr(dict(self))

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Path]:
        return {**self, **other}

    def copy(self) -> StimulusPaths:
        """Give an independent copy."""
        return StimulusPaths(self._names, self._directory)

    __copy__ = copy


class StimulusSet(pd.DataFrame):
    """A table of stimuli, one a row, with the column `stimulus_id` and any metadata.

    `identifier` and `stimulus_paths` are set by the loader, or by assignment, and survive slicing, filtering, copying,
    grouping, merging, pickling and `pd.concat`: there paths are united, and the identifier stays if all have the same,
    else it is None. Asking for one that was never set is an AttributeError.

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
        """Carry identifier and paths over from the table, or the tables, that this one was made from."""
        result = cast("Self", super().__finalize__(other, method=method, **kwargs))  # type: ignore[misc]  # not in the stubs
        parts = getattr(other, "input_objs", None)
        if parts is not None:
            result._unite([part for part in parts if isinstance(part, StimulusSet)])
        for name in self._metadata:
            if isinstance(other, pd.DataFrame) and name not in other.__dict__:
                result.__dict__.pop(name, None)  # pandas carries over "not set" as None
        return result

    def _unite(self, parts: Sequence[StimulusSet]) -> None:
        identifiers = [part.__dict__["identifier"] for part in parts if "identifier" in part.__dict__]
        if identifiers:
            same = len(identifiers) == len(parts) and len(set(identifiers)) == 1
            object.__setattr__(self, "identifier", identifiers[0] if same else None)
        paths = [part.__dict__["stimulus_paths"] for part in parts if "stimulus_paths" in part.__dict__]
        if paths:
            first = paths[0]
            if all(other is first for other in paths):
                united = first
            else:
                united = dict(first)
                for other in paths:
                    _add_paths(united, other)
            object.__setattr__(self, "stimulus_paths", united)

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
        """Give the path of one stimulus.

        Raises
        ------
        KeyError
            The set has no path for this id; the message names near ids.
        """
        paths = self.stimulus_paths
        if stimulus_id not in paths and isinstance(stimulus_id, int | np.integer) and str(stimulus_id) in paths:
            stimulus_id = str(stimulus_id)
        if stimulus_id not in paths:
            known = [str(known) for known in paths]
            near = nearest(str(stimulus_id), known) or known[:5]
            name = self.__dict__.get("identifier")
            raise KeyError(f"stimulus set {name} has no stimulus {stimulus_id!r}; near ids: {near}")
        return Path(paths[stimulus_id])

    @classmethod
    def get_loader_class(cls) -> type[StimulusSetLoader]:
        """Give the class that loads stimulus sets."""
        return StimulusSetLoader

    @classmethod
    def from_files(cls, csv_path: str | Path, dir_path: str | Path, **kwargs: Any) -> Self:
        """Load a stimulus set from its CSV file and the folder with its files, see `StimulusSetLoader`."""
        return cast("Self", cls.get_loader_class()(cls, csv_path, dir_path, **kwargs).load())


class StimulusSetLoader:
    """Read a stimulus set.

    Parameters
    ----------
    cls : type
        The class to make, `StimulusSet` or a subclass.
    csv_path : path
        The table. Column `stimulus_id` (older: `image_id`) is text, unique; column `filename` is where the stimulus
        lies below `stimuli_directory`.
    stimuli_directory : path or function
        The folder of the unpacked archive, or what makes a path of a name in it. Nothing is asked of the disk before a
        path is looked at.
    """

    def __init__(self, cls: type[pd.DataFrame], csv_path: str | Path, stimuli_directory: Directory) -> None:
        self.stimulus_set_class = cls
        self.csv_path = Path(csv_path)
        self.stimuli_directory = Path(stimuli_directory) if isinstance(stimuli_directory, str) else stimuli_directory

    def load(self) -> Any:
        """Read the table and name the paths.

        Ids are text, also when they look like numbers (`007` stays `007`). Other columns are what `pandas.read_csv`
        makes of them (with `low_memory=False`, so that a column has one type); text columns are objects of `str` with
        NaN where a value is missing.

        Raises
        ------
        StimulusSetFormatError
            The table cannot be read; a key or filename column is missing; an id is missing or doubled; a filename is
            missing or leads out of the folder. The message names file and row.
        """
        table = self.correct_stimulus_id_name(self._read())
        self._check_ids(table)
        stimulus_set = self.stimulus_set_class(table)
        names = self._checked_filenames(table)
        object.__setattr__(
            stimulus_set,
            "stimulus_paths",
            StimulusPaths(dict(zip(table[STIMULUS_ID].tolist(), names, strict=True)), self.stimuli_directory),
        )
        return stimulus_set

    @classmethod
    def correct_stimulus_id_name(cls, stimulus_set: pd.DataFrame) -> pd.DataFrame:
        """Give a table with the column `image_id` of older packages the column `stimulus_id` as well."""
        if IMAGE_ID in stimulus_set.columns and STIMULUS_ID not in stimulus_set.columns:
            stimulus_set[STIMULUS_ID] = stimulus_set[IMAGE_ID]
        return stimulus_set

    def _read(self) -> pd.DataFrame:
        try:
            content = self.csv_path.read_bytes()
            table = _parsed(content, self._checked_header(content))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error) as error:
            raise StimulusSetFormatError(f"{self.csv_path} cannot be read as a CSV table: {error}") from error
        for number, dtype in enumerate(table.dtypes):
            if isinstance(dtype, pd.StringDtype):
                # pandas' own text type breaks joining and aligning in xarray
                values = table.iloc[:, number].to_numpy(dtype=object, na_value=np.nan)
                table.isetitem(number, pd.Series(values, dtype=object, copy=False))  # type: ignore[arg-type]  # not in the stubs
        return table

    def _checked_header(self, content: bytes) -> list[str]:
        """Give the names of columns after checking that no row has another number: pandas shifts or drops fields.

        Commas are counted, and fields only where that leaves a doubt: to read them twice would take half the time.
        """
        header = next(filter(None, _rows_of(content)), [])
        doubled = sorted({name for name in header if name and header.count(name) > 1})
        if doubled:
            raise StimulusSetFormatError(f"{self.csv_path}: the header names {doubled} more than once; rename columns")
        bare = _QUOTED.sub(b"", content) if b'"' in content else content
        if {line.count(b",") for line in bare.splitlines() if line} != {len(header) - 1}:
            rows = _rows_of(content)
            for row in rows:
                if len(row) != len(header) and "".join(row).strip():
                    raise StimulusSetFormatError(
                        f"{self.csv_path} cannot be read as a CSV table: line {rows.line_num} has {len(row)} fields, "
                        f"expected {len(header)} as in the header. Quote texts that hold commas."
                    )
        return [name or f"Unnamed: {number}" for number, name in enumerate(header)]

    def _check_ids(self, table: pd.DataFrame) -> None:
        if STIMULUS_ID not in table.columns:
            raise StimulusSetFormatError(
                f"{self.csv_path} has no column 'stimulus_id' (nor 'image_id'); it has {list(table.columns)}"
            )
        ids = table[STIMULUS_ID]
        missing = ids.isna().to_numpy()
        if missing.any():
            raise StimulusSetFormatError(
                f"{self.csv_path}: the stimulus_id is missing in {_rows(missing)}; each needs one"
            )
        doubled = ids.duplicated(keep=False).to_numpy()
        if doubled.any():
            names = ids[doubled].unique()[:5].tolist()
            raise StimulusSetFormatError(
                f"{self.csv_path}: stimulus_id is not unique: {names} stand in {_rows(doubled)}; keep one row each"
            )

    def _checked_filenames(self, table: pd.DataFrame) -> list[str]:
        if FILENAME not in table.columns:
            raise StimulusSetFormatError(
                f"{self.csv_path} has no column 'filename' that says which file each stimulus is; it has "
                f"{list(table.columns)}"
            )
        missing = table[FILENAME].isna().to_numpy()
        if missing.any():
            raise StimulusSetFormatError(f"{self.csv_path}: the filename is missing in {_rows(missing)}")
        names = table[FILENAME].tolist()
        unsafe = np.array([_leaves_folder(name) for name in names], dtype=bool)
        if unsafe.any():
            name = names[int(np.argmax(unsafe))]
            raise StimulusSetFormatError(
                f"{self.csv_path}: the filename {name!r} in {_rows(unsafe)} leads out of the folder of the set; "
                f"expected a path relative to it, without '..'"
            )
        return names


def _add_paths(united: dict[Any, Path], paths: Mapping[Any, Path]) -> None:
    """Add the paths of one more table; one stimulus cannot have two."""
    for stimulus_id, path in paths.items():
        known = united.setdefault(stimulus_id, path)
        if known is not path and Path(known) != Path(path):
            raise StimulusSetFormatError(
                f"cannot concatenate stimulus sets: the stimulus_id {stimulus_id!r} has the path {known} in one and "
                f"{path} in another; give one of both another stimulus_id"
            )


def _rows_of(content: bytes) -> _csv.Reader:
    return csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""))


def _parsed(content: bytes, names: list[str]) -> pd.DataFrame:
    """Parse a table whose columns of text are text; where pandas takes them for something else, it has to be told.

    Telling it right away would take twice the time for the usual table, where ids look like text and none is missing.
    """

    def read(**how: Any) -> pd.DataFrame:
        return pd.read_csv(io.BytesIO(content), index_col=False, keep_default_na=False, low_memory=False, **how)

    table = read(na_values=_MISSING)
    doubtful = [table[name] for name in _TEXT_COLUMNS if name in table.columns]
    if all(isinstance(column.dtype, pd.StringDtype) and not column.hasnans for column in doubtful):
        return table
    missing = {name: [""] if name in _TEXT_COLUMNS else list(_MISSING) for name in names}
    text = dict.fromkeys(_TEXT_COLUMNS, object)
    return read(na_values=missing, dtype=text)


def _leaves_folder(name: str) -> bool:
    if name[:1] not in "/\\" and ":" not in name and ".." not in name and "\0" not in name:
        return not name  # nearly every name: nothing in it could lead anywhere
    windows = PureWindowsPath(name)
    return "\0" in name or PurePosixPath(name).is_absolute() or bool(windows.anchor) or ".." in windows.parts


def _rows(bad: np.ndarray) -> str:
    """Name lines of the file as an editor counts them (the header is line 1; text with line breaks shifts them)."""
    lines = (np.flatnonzero(bad) + 2).tolist()
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines[:5]))}{more}"
