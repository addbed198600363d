"""Lab files: folders of stimuli, tables, NumPy and netCDF files, read as objects to package.

One error lists everything that is missing or inconsistent, and `describe_columns` shows how the columns would be
stored. `package_stimulus_set` and `package_data_assembly` check later whether the result can be published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainio.assemblies import flatten_index
from brainio.cards.columns import factorize_column, to_json_value
from brainio.errors import PackagingError
from brainio.local_files import irregular_kind, require_possible_path
from brainio.member_names import path_below
from brainio.netcdf.chunks import iter_blocks
from brainio.packaging.checks import raise_for_problems
from brainio.stimuli import STIMULUS_ID, StimulusSet
from brainio.stimuli.columns import ColumnFault, column_values
from brainio.text import shorten, some
from brainio.validation import problem
from brainio.validation.sources import RecordingFiles, read_recording_files, read_stimulus_files
from brainio.validation.values import CellRules, is_missing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import xarray as xr

_EXAMPLES = 3
_MAX_LENGTH = 20  # characters of an example


def read_stimuli(
    source: Path, files: Path | None = None, *, text: Collection[str] = (), missing: Collection[str] = ()
) -> StimulusSet:
    """Read a stimulus set from a table and a folder of stimuli, or from a folder alone.

    Parameters
    ----------
    source : Path
        A CSV or parquet file with a column `stimulus_id`, or a folder. If the folder contains such a table, the table
        lists the stimuli; otherwise each file is a stimulus, and its path without extension is the id.
    files : Path, optional
        The folder of the stimuli; by default the folder of the table, or the folder next to it with the table's name.
        The column `filename` names the file of each stimulus; by default the stimulus_id does.
    text : collection of str, optional
        Columns of a CSV file to read as text although their cells look like numbers.
    missing : collection of str, optional
        Cells of a CSV file that mean a missing value in addition to empty ones, such as `'NA'`.

    Returns
    -------
    StimulusSet
        Its `stimulus_paths` may name missing files: packaging lists these.

    Raises
    ------
    PackagingError
        The table cannot be read; a column mixes text and numbers; a folder contains no files, or several tables; or
        several files have the same id. All problems are listed.

    Examples
    --------
    >>> from pathlib import Path
    >>> folder = Path("sentences").absolute()
    >>> folder.mkdir()
    >>> _ = (folder / "garden1.txt").write_text("The horse raced past the barn fell.")
    >>> read_stimuli(folder)["stimulus_id"].tolist()
    ['garden1']
    """
    _require_regular(source)
    stimulus_files, problems = read_stimulus_files(source, files, CellRules(text, missing))
    raise_for_problems(f"{source}", [finding for finding in problems if finding.severity == "error"])
    frame = stimulus_files.table.frame
    if STIMULUS_ID not in frame.columns:
        raise PackagingError(
            f"{source} has no column 'stimulus_id'; it has {some(list(frame.columns))}. Add one, or rename the column "
            f"that names the stimuli"
        )
    stimuli = StimulusSet(frame)
    pairs = zip(frame[STIMULUS_ID], stimulus_files.names, strict=True)
    paths = {key: path_below(stimulus_files.folder, str(name)) for key, name in pairs if not is_missing(name)}
    object.__setattr__(stimuli, "stimulus_paths", paths)
    return stimuli


def read_recording(
    source: Path,
    *,
    dims: Sequence[str] = (),
    coords: Mapping[str, Path] | None = None,
    value: str | None = None,
    text: Collection[str] = (),
    missing: Collection[str] = (),
    units: str | None = None,
    long_name: str | None = None,
) -> xr.DataArray:
    r"""Read a recording from a netCDF file, a NumPy file with a table for each dimension, or one table.

    Numbers of netCDF and NumPy files are read lazily: packaging reads them block by block, with and without dask.

    Parameters
    ----------
    source : Path
        A netCDF file with one data variable; a `.npy` file; or a CSV or parquet file with a row for each presentation.
    dims : sequence of str
        For a `.npy` file: the names of its dimensions, in order, such as `('presentation', 'neuroid')`. For a table:
        the name of the dimension of its rows, by default `('presentation',)`.
    coords : mapping, optional
        Dimension -> CSV or parquet file with a row for each of its positions; every column becomes a coordinate.
    value : str, optional
        For a table: the column with the values. All other columns become coordinates of its rows.
    text : collection of str, optional
        Columns of CSV files to read as text although their cells look like numbers.
    missing : collection of str, optional
        Cells of CSV files that mean a missing value in addition to empty ones, such as `'NA'`.
    units : str, optional
        Units of the values, such as `'ms'`; stored as the attribute `units`.
    long_name : str, optional
        The name of the values for labels, such as `'reaction time'`; stored as the attribute `long_name`. Without it,
        labels show the name of the array, which is the column of values.

    Raises
    ------
    PackagingError
        Something cannot be read, a column mixes text and numbers, sizes differ, or values with `units` are not
        numbers; all problems are listed.
    AssemblyFormatError
        A netCDF file cannot be read, or is unsafe to read.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> np.save("rates.npy", np.ones((2, 3)))
    >>> _ = Path("trials.csv").write_text("stimulus_id,code\ngarden1,007\ngarden1,012\n")
    >>> trials = {"presentation": Path("trials.csv")}
    >>> rates = read_recording(Path("rates.npy"), dims=["presentation", "neuroid"], coords=trials, units="Hz")
    >>> rates.sizes["neuroid"], rates["code"].values.tolist(), rates.attrs
    (3, ['007', '012'], {'units': 'Hz'})
    """
    _require_regular(source)
    files = RecordingFiles(source, dims, coords or {}, value, CellRules(text, missing))
    recording, problems = read_recording_files(files)
    raise_for_problems(f"{source}", problems)
    if recording is None:
        raise PackagingError(f"{source} cannot be read")
    if units and recording.dtype.kind in "OUSb":
        fault = f"values that are not numbers, with --units {units}"
        fix = "write numbers, or omit --units"
        raise_for_problems(f"{source}", [problem("value-column", f"file {source.name}", fault, fix=fix)])
    labels = {"units": units, "long_name": long_name}
    return recording.assign_attrs({name: label for name, label in labels.items() if label})


def describe_columns(data: StimulusSet | xr.DataArray) -> list[dict[str, Any]]:
    """Describe the columns of a stimulus set, or the values and coordinates of an assembly.

    Parameters
    ----------
    data : StimulusSet or xarray.DataArray
        Lazy values are read once, block by block.

    Returns
    -------
    list of dict
        The keys are `column` (the name), `of` (the dimensions, or `values`), `type` (such as `'text'` or `'int64'`),
        `distinct` and `missing` (counts; `distinct` is None for values), and `examples` (the first distinct values).

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> described = describe_columns(StimulusSet({"stimulus_id": ["007", "008"], "depth": [1.5, None]}))
    >>> [(column["column"], column["type"], column["missing"], column["examples"]) for column in described]
    [('stimulus_id', 'text', 0, ["'007'", "'008'"]), ('depth', 'float64', 1, ['1.5'])]
    """
    if isinstance(data, pd.DataFrame):
        return [_stimulus_column(str(name), column) for name, column in data.items()]
    flat = flatten_index(data)
    coords = [
        _describe_column(str(name), ", ".join(map(str, coord.dims)), coord.values)
        for name, coord in flat.coords.items()
    ]
    return [_values(flat), *coords]


def _require_regular(source: Path) -> None:
    require_possible_path(source)
    kind = irregular_kind(source)
    if kind is not None:
        raise PackagingError(
            f"{source}: expected a regular file, found {kind}. Write its bytes to a file and package that"
        )


def _stimulus_column(name: str, column: pd.Series) -> dict[str, Any]:
    converted = column_values(name, column)
    stored = column if isinstance(converted, ColumnFault) else converted.to_series()
    if isinstance(stored.dtype, np.dtype):
        return _describe_column(name, "stimulus", stored.to_numpy())
    return _describe_column(name, "stimulus", stored.to_numpy(dtype=object)) | {"type": str(stored.dtype)}


def _describe_column(name: str, subject: str, values: np.ndarray) -> dict[str, Any]:
    column = factorize_column(values)
    distinct = None if column.values is None else len(column.values)
    examples = [] if column.values is None else list(map(_format_value, column.values[:_EXAMPLES]))
    is_plain = values.dtype.kind in "biufmM"
    kind = str(values.dtype) if is_plain else "no value" if column.kind == "none" else column.kind
    return {
        "column": name,
        "of": subject,
        "type": kind,
        "distinct": distinct,
        "missing": column.missing,
        "examples": examples,
    }


def _values(array: xr.DataArray) -> dict[str, Any]:
    missing = 0
    kinds: set[str] = set()
    examples: list[str] = []
    for _, block in iter_blocks(array.variable):
        missing += int(np.asarray(pd.isna(block)).sum())
        if block.dtype.kind not in "biufcmM":
            kinds.add(factorize_column(block).kind)
        if len(examples) < _EXAMPLES:
            flat = block.ravel()[: 100 * _EXAMPLES]
            examples += list(dict.fromkeys(map(_format_value, flat[~pd.isna(flat)].tolist())))
    kinds -= {"none"} if len(kinds) > 1 else set()
    kind = " and ".join(sorted(kinds)) or str(array.dtype)
    name = str(array.name) if array.name is not None else "data"
    values = {"type": kind, "distinct": None, "missing": missing, "examples": examples[:_EXAMPLES]}
    return {"column": name, "of": "values", **values}


def _format_value(value: Any) -> str:
    """Format a value so that text and numbers look different."""
    return shorten(repr(value), _MAX_LENGTH) if isinstance(value, str) else str(to_json_value(value))
