"""Writes the table of a stimulus set as a typed CSV file, and reads it back before anybody else does.

`brainio.stimuli.typed_csv` describes the form, `brainio.stimuli.columns` the types. Touches no file.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from brainio.errors import PackagingError, StimulusSetFormatError
from brainio.packaging.comparison import table_differences
from brainio.stimuli import IMAGE_ID, STIMULUS_ID
from brainio.stimuli.columns import DATES, FLOATS, TEXT, ColumnFault, ColumnValues, column_values
from brainio.stimuli.typed_csv import NAN, TypedCsv, is_typed
from brainio.text import fault_of_text, some

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def typed_csv(table: pd.DataFrame) -> bytes:
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
    >>> typed_csv(pd.DataFrame({"stimulus_id": ["a", "b"], "code": ["007", None], "size": [1, 2]}))
    b'stimulus_id,"code","size"\n"a","007",1\n"b",,2\n'
    """
    _refuse(_name_faults(table))
    stored = {str(name): column_values(str(name), column) for name, column in table.items()}
    row_names = [f"row {number}" for number in range(len(table))]
    _refuse(
        [
            f"column {name!r}: found {fault.in_rows(row_names)}; expected {fault.expected}. Fix: {fault.fix}"
            for name, fault in stored.items()
            if isinstance(fault, ColumnFault)
        ]
    )
    columns = {name: found for name, found in stored.items() if isinstance(found, ColumnValues)}
    key = STIMULUS_ID if STIMULUS_ID in columns else IMAGE_ID
    header = ",".join(name if name == key else _quoted(name) for name in columns)
    rows = map(",".join, zip(*map(_cells, columns.values()), strict=True))
    content = "\n".join([header, *rows, ""]).encode()
    _refuse(_differences(table, content))
    return content


def _refuse(faults: Sequence[str]) -> None:
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
        return ["" if text is None else _quoted(text) for text in column.values.tolist()]
    if column.kind == DATES:
        values = np.datetime_as_string(column.values).tolist()
    else:
        values = list(map(repr, column.values.tolist()))
    return ["" if missing else value for value, missing in zip(values, column.is_missing.tolist(), strict=True)]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _differences(table: pd.DataFrame, content: bytes) -> list[str]:
    """List the columns that would be read otherwise than they are."""
    if table.shape[1] == 1:
        return []  # ids alone need no types
    if not is_typed(content):
        return ["the names of the columns would not be read as they are; rename them with letters and digits"]
    try:
        return list(table_differences(table, TypedCsv(content, "the CSV file").table()))
    except StimulusSetFormatError as error:
        return [str(error)]
