"""Loader of stimulus sets: from a CSV file to a checked table, with the path of each stimulus.

Paths are built when they are used, and no disk is accessed before.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from brainio.errors import StimulusSetFormatError
from brainio.local_files import read_regular
from brainio.member_names import leaves_folder, path_below
from brainio.stimuli.typed_csv import (
    FILENAME,
    IMAGE_ID,
    MOST_COLUMNS,
    STIMULUS_ID,
    TEXT_COLUMNS,
    TypedCsv,
    is_typed,
    refuse_nul,
)
from brainio.text import some

if TYPE_CHECKING:
    import _csv

_QUOTED = re.compile(rb'"[^"]*"')
# The missing values of pandas by default; in columns of text, only an empty field is a missing value.
_MISSING = (
    *("", "#N/A N/A", "#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)

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


class StimulusSetLoader:
    """Load a stimulus set from its CSV file.

    Parameters
    ----------
    cls : type
        The class to create, `StimulusSet` or a subclass.
    csv_path : path
        The table. The column `stimulus_id` (older: `image_id`) has unique text; the column `filename` has paths
        relative to `stimuli_directory`.
    stimuli_directory : path or function
        The folder of the unpacked archive, or a function that returns the path of a file in it. The disk is not
        accessed until a path is used.
    """

    def __init__(self, cls: type[pd.DataFrame], csv_path: str | Path, stimuli_directory: Directory) -> None:
        self.stimulus_set_class = cls
        self.csv_path = Path(csv_path)
        self.stimuli_directory = Path(stimuli_directory) if isinstance(stimuli_directory, str) else stimuli_directory

    def load(self) -> Any:
        """Read the table and build the paths.

        Ids are text, even if they look like numbers (`007` stays `007`). Other columns of a typed CSV file have the
        types of the file (see `brainio.stimuli.typed_csv`); those of other files have the types that `pandas.read_csv`
        guesses (with `low_memory=False`: one type for each column). Text columns have objects of `str`, and NaN for
        missing values.

        Raises
        ------
        StimulusSetFormatError
            The table cannot be read; the key or filename column is missing; an id is missing or duplicate; a filename
            is missing or leads out of the folder. The message names file and row.
        """
        table = self.correct_stimulus_id_name(self._read())
        self._check_ids(table)
        stimulus_set = self.stimulus_set_class(table)
        names = self._check_filenames(table)
        object.__setattr__(
            stimulus_set,
            "stimulus_paths",
            StimulusPaths(dict(zip(table[STIMULUS_ID].tolist(), names, strict=True)), self.stimuli_directory),
        )
        return stimulus_set

    @classmethod
    def correct_stimulus_id_name(cls, stimulus_set: pd.DataFrame) -> pd.DataFrame:
        """Add the column `stimulus_id` to a table with the column `image_id` of older packages."""
        if IMAGE_ID in stimulus_set.columns and STIMULUS_ID not in stimulus_set.columns:
            stimulus_set[STIMULUS_ID] = stimulus_set[IMAGE_ID]
        return stimulus_set

    def _read(self) -> pd.DataFrame:
        try:
            content = read_regular(self.csv_path)
            if is_typed(content):
                return TypedCsv(content, str(self.csv_path)).table()
            table = _parse_table(content, self._check_header(content))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error) as error:
            raise StimulusSetFormatError(f"{self.csv_path} cannot be read as a CSV table: {error}") from error
        except OSError as error:
            if error.errno is not None and not isinstance(error, IsADirectoryError):
                raise  # a disk error, which `translate_read_errors` of `brainio.cache.files` handles
            raise StimulusSetFormatError(f"{self.csv_path} cannot be read: {error}. Name a file") from error
        for number, dtype in enumerate(table.dtypes):
            if isinstance(dtype, pd.StringDtype):
                # pandas' own text type breaks joining and aligning in xarray
                values = table.iloc[:, number].to_numpy(dtype=object, na_value=np.nan)
                table.isetitem(number, pd.Series(values, dtype=object, copy=False))  # type: ignore[arg-type]  # not in the stubs
        return table

    def _check_header(self, content: bytes) -> list[str]:
        """Return the column names after checking that all rows have as many fields: pandas shifts or drops fields.

        Counts commas, and parses fields only if the commas differ: parsing twice would take half the time of loading.
        """
        refuse_nul(content, f"{self.csv_path}:")
        header = next(filter(None, _rows_of(content)), [])
        if len(header) > MOST_COLUMNS:
            raise StimulusSetFormatError(
                f"{self.csv_path} has {len(header):,} columns; a stimulus set has at most {MOST_COLUMNS:,}. "
                f"Package the others as an assembly"
            )
        duplicates = sorted(name for name, count in Counter(filter(None, header)).items() if count > 1)
        if duplicates:
            raise StimulusSetFormatError(f"{self.csv_path}: the header repeats {some(duplicates)}; rename columns")
        bare = _QUOTED.sub(b"", content) if b'"' in content else content
        if {line.count(b",") for line in bare.splitlines() if line} != {len(header) - 1}:
            rows = _rows_of(content)
            for row in rows:
                if len(row) != len(header) and "".join(row).strip():
                    raise StimulusSetFormatError(
                        f"{self.csv_path} cannot be read as a CSV table: line {rows.line_num} has {len(row)} fields, "
                        f"expected {len(header)} as in the header. Quote texts that contain commas."
                    )
        return [name or f"Unnamed: {number}" for number, name in enumerate(header)]

    def _check_ids(self, table: pd.DataFrame) -> None:
        if STIMULUS_ID not in table.columns:
            raise StimulusSetFormatError(
                f"{self.csv_path} has no column 'stimulus_id' (nor 'image_id'); it has {some(table.columns)}"
            )
        ids = table[STIMULUS_ID]
        missing = ids.isna().to_numpy()
        if missing.any():
            raise StimulusSetFormatError(
                f"{self.csv_path}: the stimulus_id is missing in {_rows(missing)}; expected one in each row"
            )
        is_duplicate = ids.duplicated(keep=False).to_numpy()
        if is_duplicate.any():
            names = ids[is_duplicate].unique()[:5].tolist()
            raise StimulusSetFormatError(
                f"{self.csv_path}: stimulus_id is not unique: {names} in {_rows(is_duplicate)}; keep one row for each"
            )

    def _check_filenames(self, table: pd.DataFrame) -> list[str]:
        if FILENAME not in table.columns:
            raise StimulusSetFormatError(
                f"{self.csv_path} has no column 'filename' with the file of each stimulus; it has {some(table.columns)}"
            )
        missing = table[FILENAME].isna().to_numpy()
        if missing.any():
            raise StimulusSetFormatError(
                f"{self.csv_path}: the filename is missing in {_rows(missing)}; expected one in each row"
            )
        names = table[FILENAME].tolist()
        if _are_clearly_safe(names):
            return names
        unsafe = np.array([leaves_folder(name) for name in names], dtype=bool)
        if unsafe.any():
            name = names[int(np.argmax(unsafe))]
            raise StimulusSetFormatError(
                f"{self.csv_path}: the filename {name!r} in {_rows(unsafe)} leads out of the folder of the set; "
                f"expected a path relative to it, without '..'"
            )
        return names


def _rows_of(content: bytes) -> _csv.Reader:
    return csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""))


def _parse_table(content: bytes, names: list[str]) -> pd.DataFrame:
    """Parse a table; repeat with explicit types if pandas guesses another type than text for keys and file names.

    Explicit types at once would take twice the time for usual tables, in which ids look like text and none is missing.
    """

    def read(**options: Any) -> pd.DataFrame:
        return pd.read_csv(io.BytesIO(content), index_col=False, keep_default_na=False, low_memory=False, **options)

    table = read(na_values=_MISSING)
    doubtful = [table[name] for name in TEXT_COLUMNS if name in table.columns]
    if all(isinstance(column.dtype, pd.StringDtype) and not column.hasnans for column in doubtful):
        return table
    missing = {name: [""] if name in TEXT_COLUMNS else list(_MISSING) for name in names}
    text = dict.fromkeys(TEXT_COLUMNS, object)
    return read(na_values=missing, dtype=text)


def _are_clearly_safe(names: list[str]) -> bool:
    """Return whether all names are clearly safe: checking them together is faster than one by one."""
    joined = "\n".join(["", *names, ""])
    return not any(sign in joined for sign in ("..", ":", "\0", "\n/", "\n\\", "\n\n"))


def _rows(mask: np.ndarray) -> str:
    """Return the line numbers of rows in an editor (the header is line 1), apart from line breaks in texts."""
    lines = (np.flatnonzero(mask) + 2).tolist()
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines[:5]))}{more}"
