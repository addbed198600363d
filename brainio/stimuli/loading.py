"""Reads the table of a stimulus set from its CSV file, strictly, and names the paths of its files."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.errors import StimulusSetFormatError
from brainio.local_files import read_regular
from brainio.member_names import leaves_folder
from brainio.stimuli.paths import FILENAME, IMAGE_ID, STIMULUS_ID, Directory, StimulusPaths
from brainio.stimuli.typed_csv import MOST_COLUMNS, TEXT_COLUMNS, TypedCsv, is_typed, refuse_nul
from brainio.text import some

if TYPE_CHECKING:
    import _csv

_QUOTED = re.compile(rb'"[^"]*"')
# What pandas takes for a missing value by default; in columns of text, only an empty field is one.
_MISSING = (
    *("", "#N/A N/A", "#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)


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

        Ids are text, also when they look like numbers (`007` stays `007`). Other columns of a typed CSV file have the
        types that the file states (see `brainio.stimuli.typed_csv`); of another file, those that `pandas.read_csv`
        guesses (with `low_memory=False`, so that a column has one type). Text columns are objects of `str` with NaN
        where a value is missing.

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
        """Return a table with the column `image_id` of older packages the column `stimulus_id` as well."""
        if IMAGE_ID in stimulus_set.columns and STIMULUS_ID not in stimulus_set.columns:
            stimulus_set[STIMULUS_ID] = stimulus_set[IMAGE_ID]
        return stimulus_set

    def _read(self) -> pd.DataFrame:
        try:
            content = read_regular(self.csv_path)
            if is_typed(content):
                return TypedCsv(content, str(self.csv_path)).table()
            table = _parsed(content, self._checked_header(content))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error) as error:
            raise StimulusSetFormatError(f"{self.csv_path} cannot be read as a CSV table: {error}") from error
        except OSError as error:
            if error.errno is not None and not isinstance(error, IsADirectoryError):
                raise  # of the disk: `brainio.cache.files.reading` translates it, and asks again for what was pruned
            raise StimulusSetFormatError(f"{self.csv_path} cannot be read: {error}. Name a file") from error
        for number, dtype in enumerate(table.dtypes):
            if isinstance(dtype, pd.StringDtype):
                # pandas' own text type breaks joining and aligning in xarray
                values = table.iloc[:, number].to_numpy(dtype=object, na_value=np.nan)
                table.isetitem(number, pd.Series(values, dtype=object, copy=False))  # type: ignore[arg-type]  # not in the stubs
        return table

    def _checked_header(self, content: bytes) -> list[str]:
        """Return the names of columns after checking that no row has another number: pandas shifts or drops fields.

        Commas are counted, and fields only where that leaves a doubt: to read them twice would take half the time.
        """
        refuse_nul(content, f"{self.csv_path}:")
        header = next(filter(None, _rows_of(content)), [])
        if len(header) > MOST_COLUMNS:
            raise StimulusSetFormatError(
                f"{self.csv_path} has {len(header):,} columns; a stimulus set has at most {MOST_COLUMNS:,}. "
                f"Package the others as an assembly"
            )
        doubled = sorted(name for name, count in Counter(filter(None, header)).items() if count > 1)
        if doubled:
            raise StimulusSetFormatError(
                f"{self.csv_path}: the header names {some(doubled)} more than once; rename columns"
            )
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
                f"{self.csv_path} has no column 'stimulus_id' (nor 'image_id'); it has {some(table.columns)}"
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
                f"{some(table.columns)}"
            )
        missing = table[FILENAME].isna().to_numpy()
        if missing.any():
            raise StimulusSetFormatError(f"{self.csv_path}: the filename is missing in {_rows(missing)}")
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


def _parsed(content: bytes, names: list[str]) -> pd.DataFrame:
    """Parse a table whose columns of text are text; where pandas takes them for something else, it has to be told.

    Telling it right away would take twice the time for the usual table, where ids look like text and none is missing.
    """

    def read(**how: Any) -> pd.DataFrame:
        return pd.read_csv(io.BytesIO(content), index_col=False, keep_default_na=False, low_memory=False, **how)

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


def _rows(bad: np.ndarray) -> str:
    """Name lines of the file as an editor counts them (the header is line 1; text with line breaks shifts them)."""
    lines = (np.flatnonzero(bad) + 2).tolist()
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines[:5]))}{more}"
