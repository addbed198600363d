"""Reads the files of a lab - folders of stimuli, tables, NumPy and netCDF files - for packaging.

Raises one error that lists everything that is missing or does not fit together. Whether the result can be published is
checked later, by `package_stimulus_set` and `package_data_assembly`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainio.errors import PackagingError
from brainio.home import require_possible_path
from brainio.local_files import irregular_kind
from brainio.member_names import path_below
from brainio.packaging.checks import refuse
from brainio.stimuli import STIMULUS_ID, StimulusSet
from brainio.text import some
from brainio.validation import problem
from brainio.validation.cells import CellRules
from brainio.validation.sources import RecordingFiles, read_recording_files, read_stimulus_files
from brainio.validation.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import xarray as xr


def read_stimuli(
    source: Path, files: Path | None = None, *, text: Collection[str] = (), missing: Collection[str] = ()
) -> StimulusSet:
    """Read a stimulus set from a table and a folder of stimuli, or from a folder alone.

    Parameters
    ----------
    source : Path
        A CSV or parquet file with a column `stimulus_id`, or a folder. A folder that holds one such table beside the
        stimuli is read by it; in one without, each file is a stimulus, and its path without extension is the id.
    files : Path, optional
        The folder of the stimuli; default: the folder of the table, or the one beside it that has the table's name. A
        column `filename` names the file of each stimulus; without one it is the file that is named as the stimulus_id.
    text : collection of str, optional
        Columns of a CSV file that are text, although their cells look like numbers.
    missing : collection of str, optional
        Cells of a CSV file that stand for a missing value, beside empty ones, such as `'NA'`.

    Returns
    -------
    StimulusSet
        With `stimulus_paths`, also to files that do not exist: packaging lists these.

    Raises
    ------
    PackagingError
        The table cannot be read; a column mixes text and numbers; a folder holds no files, or several tables; or
        several files are named as one id. All problems are listed.

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
    found, problems = read_stimulus_files(source, files, CellRules(text, missing))
    refuse(f"{source}", [one for one in problems if one.severity == "error"])
    frame = found.table.frame
    if STIMULUS_ID not in frame.columns:
        raise PackagingError(
            f"{source} has no column 'stimulus_id'; it has {some(list(frame.columns))}. Add one, or rename the column "
            f"that names the stimuli"
        )
    stimuli = StimulusSet(frame)
    pairs = zip(frame[STIMULUS_ID], found.names, strict=True)
    paths = {one: path_below(found.folder, str(name)) for one, name in pairs if not is_missing(name)}
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

    Numbers of netCDF and NumPy files stay there: packaging reads them block by block, with and without dask.

    Parameters
    ----------
    source : Path
        A netCDF file with one data variable; a `.npy` file; or a CSV or parquet file with a row for each presentation.
    dims : sequence of str
        Of a `.npy` file: the names of its dimensions, in order, such as `('presentation', 'neuroid')`. Of a table: the
        name of the dimension of its rows, by default `('presentation',)`.
    coords : mapping, optional
        Dimension -> CSV or parquet file with a row for each of its positions; every column becomes a coordinate.
    value : str, optional
        Of a table: the column with the values. All others become coordinates of its rows.
    text : collection of str, optional
        Columns of CSV files that are text, although their cells look like numbers.
    missing : collection of str, optional
        Cells of CSV files that stand for a missing value, beside empty ones, such as `'NA'`.
    units : str, optional
        Units of the values, such as `'ms'`; stored as the attribute `units`.
    long_name : str, optional
        The name of the values for labels, such as `'reaction time'`; stored as the attribute `long_name`. Without it,
        labels show the name of the array: that of the column of values.

    Raises
    ------
    PackagingError
        Something cannot be read, a column mixes text and numbers, sizes do not fit, or values with `units` are not
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
    refuse(f"{source}", problems)
    if recording is None:
        raise PackagingError(f"{source} cannot be read")
    if units and recording.dtype.kind in "OUSb":
        found = f"values that are not numbers, with --units {units}"
        refuse(
            f"{source}", [problem("value-column", f"file {source.name}", found, fix="write numbers, or omit --units")]
        )
    labels = {"units": units, "long_name": long_name}
    return recording.assign_attrs({name: label for name, label in labels.items() if label})


def _require_regular(source: Path) -> None:
    require_possible_path(source)
    kind = irregular_kind(source)
    if kind is not None:
        raise PackagingError(
            f"{source}: expected a regular file, found {kind}. Write its bytes to a file and package that"
        )
