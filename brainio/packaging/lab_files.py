"""Lab files: read folders of stimuli, tables, NumPy and netCDF files as objects to package.

One error lists everything that is missing or inconsistent. `package_stimulus_set` and `package_data_assembly` check
later whether the result can be published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainio.errors import PackagingError
from brainio.home import require_possible_path
from brainio.local_files import irregular_kind
from brainio.member_names import path_below
from brainio.packaging.checks import raise_for_problems
from brainio.stimuli import STIMULUS_ID, StimulusSet
from brainio.text import some
from brainio.validation import problem
from brainio.validation.sources import RecordingFiles, read_recording_files, read_stimulus_files
from brainio.validation.values import CellRules, is_missing

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


def _require_regular(source: Path) -> None:
    require_possible_path(source)
    kind = irregular_kind(source)
    if kind is not None:
        raise PackagingError(
            f"{source}: expected a regular file, found {kind}. Write its bytes to a file and package that"
        )
