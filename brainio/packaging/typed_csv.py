"""Typed CSV files: the tables of stimulus sets, written so that they are loaded with the same values and types.

`brainio.stimuli.typed_csv` describes and reads the format; `brainio.stimuli.columns` defines the types of columns.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainio.cache import hash_file
from brainio.errors import PackagingError, StimulusSetFormatError
from brainio.packaging.output_files import write_atomically
from brainio.packaging.readback import table_differences
from brainio.stimuli import IMAGE_ID, STIMULUS_ID
from brainio.stimuli.columns import DATES, FLOATS, TEXT, ColumnFault, ColumnValues, column_values
from brainio.stimuli.typed_csv import NAN, TypedCsv, is_typed
from brainio.text import fault_of_text, some
from brainio.validation import PATH_IN_STORE

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from brainio.stimuli import StimulusSet


def extract_specific(proto_stimulus_set: StimulusSet) -> list[str]:
    """Return the columns that the CSV file of a stimulus set contains, in the order of the table.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        Only its columns are read.

    Returns
    -------
    list of str
        All columns except `stimulus_path_within_store`.

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> extract_specific(StimulusSet({"stimulus_id": ["a"], "stimulus_path_within_store": ["x"], "hue": [1]}))
    ['stimulus_id', 'hue']
    """
    return [str(column) for column in proto_stimulus_set.columns if column != PATH_IN_STORE]


def create_stimulus_csv(proto_stimulus_set: StimulusSet, target_path: str | os.PathLike[str]) -> str:
    """Write the table of a stimulus set as a typed CSV file, and verify that it loads with the same values and types.

    Text is quoted, numbers are not, and missing values are empty; see `docs/stimulus-csv.md`.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        All columns except `stimulus_path_within_store` are written.
    target_path : path
        Replaced atomically after everything is written.

    Returns
    -------
    str
        The SHA-1 of the file.

    Raises
    ------
    PackagingError
        The table cannot be stored without a change: two columns have the same name, a column has values of several
        types or of a type that a CSV file cannot represent, or a text is not valid Unicode. The message lists columns
        and rows. Nothing was written.

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> stimuli = StimulusSet({"stimulus_id": ["a", "b"], "filename": ["a.png", "b.png"], "code": ["007", None]})
    >>> sha1 = create_stimulus_csv(stimuli, "stimuli.csv")
    >>> print(Path("stimuli.csv").read_text())
    stimulus_id,"filename","code"
    "a","a.png","007"
    "b","b.png",
    <BLANKLINE>
    """
    table = _columns_to_store(proto_stimulus_set)
    content = _format_typed_csv(table)
    _raise_for_faults(_differences(table, content))
    return _write(content, Path(target_path))


def write_stimulus_csv(stimulus_set: StimulusSet, target: Path) -> str:
    """Do the same as `create_stimulus_csv` except verify the file; the caller reads it back."""
    return _write(_format_typed_csv(_columns_to_store(stimulus_set)), target)


def _columns_to_store(stimulus_set: StimulusSet) -> pd.DataFrame:
    table = pd.DataFrame(stimulus_set)
    return table.loc[:, table.columns != PATH_IN_STORE]


def _write(content: bytes, target: Path) -> str:
    with write_atomically(target) as temporary:
        temporary.write_bytes(content)
        return hash_file(temporary)


def _format_typed_csv(table: pd.DataFrame) -> bytes:
    r"""Return a table as a typed CSV file.

    Parameters
    ----------
    table : pandas.DataFrame
        With a column `stimulus_id` (or `image_id`) and at least one more.

    Raises
    ------
    PackagingError
        A column, its name or its values cannot be stored without a change; all of them are listed.

    Examples
    --------
    >>> import pandas as pd
    >>> _format_typed_csv(pd.DataFrame({"stimulus_id": ["a", "b"], "code": ["007", None], "size": [1, 2]}))
    b'stimulus_id,"code","size"\n"a","007",1\n"b",,2\n'
    """
    _raise_for_faults(_name_faults(table))
    stored = {str(name): column_values(str(name), column) for name, column in table.items()}
    row_names = [f"row {number}" for number in range(len(table))]
    _raise_for_faults(
        [
            f"column {name!r}: found {fault.in_rows(row_names)}; expected {fault.expected}. Fix: {fault.fix}"
            for name, fault in stored.items()
            if isinstance(fault, ColumnFault)
        ]
    )
    columns = {name: values for name, values in stored.items() if isinstance(values, ColumnValues)}
    key = STIMULUS_ID if STIMULUS_ID in columns else IMAGE_ID
    header = ",".join(name if name == key else _quote(name) for name in columns)
    rows = map(",".join, zip(*map(_cells, columns.values()), strict=True))
    content = "\n".join([header, *rows, ""]).encode()
    if len(columns) > 1 and not is_typed(content):  # ids alone need no types
        _raise_for_faults(["the names of the columns would change when the file is read; use letters and digits"])
    return content


def _raise_for_faults(faults: Sequence[str]) -> None:
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in faults)
        raise PackagingError(f"the table of the stimulus set cannot be stored as CSV; nothing was written:{listed}")


def _name_faults(table: pd.DataFrame) -> list[str]:
    names = list(table.columns)
    faults = [
        f"the name of the column {name!r}: expected a text that is not empty, without NUL characters and lone "
        f"surrogates; rename the column"
        for name in names
        if not isinstance(name, str) or not name or fault_of_text(name)
    ]
    faults += [
        f"{count} columns are named {name!r}; rename or drop {'one' if count == 2 else 'all but one'} of them"
        for name, count in Counter(names).items()
        if count > 1
    ]
    if not {STIMULUS_ID, IMAGE_ID} & {*names}:
        faults.append(f"there is no column 'stimulus_id'; there are {some(names) or 'none'}. Add it")
    if table.empty:
        faults.append("there are no rows; add one for each stimulus")
    named = [name for name in table.index.names if name is not None and name not in names]
    if named:
        faults.append(f"the index is named {some(named)} and would be lost; make columns of it with .reset_index()")
    return faults


def _cells(column: ColumnValues) -> list[str]:
    if column.kind == FLOATS and column.is_missing.all():
        return [NAN] * len(column.values)
    if column.kind == TEXT:
        return ["" if text is None else _quote(text) for text in column.values.tolist()]
    if column.kind == DATES:
        values = np.datetime_as_string(column.values).tolist()
    else:
        values = list(map(repr, column.values.tolist()))
    return ["" if missing else value for value, missing in zip(values, column.is_missing.tolist(), strict=True)]


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _differences(table: pd.DataFrame, content: bytes) -> list[str]:
    """List the columns that change when the file is read."""
    if table.shape[1] == 1:
        return []  # ids alone need no types
    try:
        return list(table_differences(table, TypedCsv(content, "the CSV file").table()))
    except StimulusSetFormatError as error:
        return [str(error)]
