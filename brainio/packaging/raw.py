"""Reads what a lab has - folders of stimuli, tables, NumPy and netCDF files - into what packaging takes.

Says all at once what is missing or does not fit together. Whether the result can be published is not asked here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.errors import AssemblyFormatError, PackagingError
from brainio.home import require_possible_path
from brainio.local_files import irregular_kind
from brainio.stimuli import FILENAME, STIMULUS_ID, StimulusSet
from brainio.text import fault_of_text, some
from brainio.validation.reading import read_table
from brainio.validation.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TABLES = (".csv", ".parquet")
_PRESENTATION = "presentation"
_LOADED_BYTES = 16 << 20  # of a NumPy file


def read_stimuli(source: Path, files: Path | None = None) -> StimulusSet:
    """Read a stimulus set from a table and a folder of stimuli, or from a folder alone.

    Parameters
    ----------
    source : Path
        A CSV or parquet file with a column `stimulus_id`, or a folder. A folder that holds one such table beside the
        stimuli is read by it; in one without, each file is a stimulus, and its path without extension is the id.
    files : Path, optional
        The folder of the stimuli; default: the folder of the table. A column `filename` says which file each stimulus
        is; without one it is the file that is named as the stimulus_id.

    Returns
    -------
    StimulusSet
        With `stimulus_paths`, also to files that do not exist: packaging says which.

    Raises
    ------
    PackagingError
        The table cannot be read; a folder holds no files, or several tables; or several files are named as one id.

    Examples
    --------
    >>> folder = Path("sentences").absolute()
    >>> folder.mkdir()
    >>> _ = (folder / "garden1.txt").write_text("The horse raced past the barn fell.")
    >>> read_stimuli(folder)["stimulus_id"].tolist()
    ['garden1']
    """
    _require_regular(source)
    table = source if source.is_file() else _table_in(source)
    if table is None:
        names = _files_below(source)
        if not names:
            raise PackagingError(f"{source} holds no files that could be stimuli. Name a folder of stimuli, or a table")
        found = pd.DataFrame({STIMULUS_ID: [Path(name).with_suffix("").as_posix() for name in names], FILENAME: names})
    else:
        found = _read(table)
    return _with_paths(found, files or (source if table is None else table.parent), table or source)


def read_recording(
    source: Path, *, dims: Sequence[str] = (), coords: Mapping[str, Path] | None = None, value: str | None = None
) -> xr.DataArray:
    r"""Read a recording from a netCDF file, a NumPy file with a table for each dimension, or one table.

    Numbers of netCDF and NumPy files stay there: packaging reads them block by block, with and without dask.

    Parameters
    ----------
    source : Path
        A netCDF file with one data variable; a `.npy` file; or a CSV or parquet file with a row for each presentation.
    dims : sequence of str
        Of a `.npy` file: the names of its dimensions, in order, such as `('presentation', 'neuroid')`.
    coords : mapping, optional
        Dimension -> CSV or parquet file with a row for each of its positions; every column becomes a coordinate.
    value : str, optional
        Of a table: the column with the values. All others become coordinates of the presentations.

    Raises
    ------
    PackagingError
        Something cannot be read, or sizes do not fit; everything that does not is listed.

    Examples
    --------
    >>> np.save("rates.npy", np.ones((2, 3)))
    >>> _ = Path("trials.csv").write_text("stimulus_id,repetition\ngarden1,0\ngarden1,1\n")
    >>> trials = {"presentation": Path("trials.csv")}
    >>> rates = read_recording(Path("rates.npy"), dims=["presentation", "neuroid"], coords=trials)
    >>> rates.sizes["neuroid"], rates["repetition"].values.tolist()
    (3, [0, 1])
    """
    _require_regular(source)
    if not source.is_file():
        raise PackagingError(f"there is no file {source}. Name a .nc, .npy, .csv or .parquet file")
    suffix = source.suffix.lower()
    if suffix in TABLES:
        return _with_coords(_of_table(source, value), coords or {}, source)
    if suffix == ".npy":
        return _with_coords(_of_numpy(source, dims), coords or {}, source)
    return _with_coords(_of_netcdf(source), coords or {}, source)


def _require_regular(source: Path) -> None:
    require_possible_path(source)
    kind = irregular_kind(source)
    if kind is not None:
        raise PackagingError(
            f"{source}: expected a regular file, found {kind}. Write its bytes to a file and package that"
        )


def _table_in(folder: Path) -> Path | None:
    if not folder.is_dir():
        raise PackagingError(f"there is no file or folder {folder}. Name a folder of stimuli, or a table of them")
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES and path.is_file())
    if len(tables) > 1:
        raise PackagingError(f"{folder} holds several tables: {some([path.name for path in tables])}. Name one of them")
    return tables[0] if tables else None


def _files_below(folder: Path) -> list[str]:
    """Name the files of a folder that are not hidden, and the links that lead nowhere."""
    found = (path for path in folder.rglob("*") if not os.path.isdir(path))  # noqa: PTH112
    paths = (path.relative_to(folder) for path in found)
    names = sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    undecodable = [name for name in names if fault_of_text(name)]
    if undecodable:
        raise PackagingError(f"{folder} has files whose names are not UTF-8: {some(undecodable)}. Rename them")
    return names


def _read(path: Path) -> pd.DataFrame:
    """Read a table, or list everything that keeps it from being read."""
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    table, problems = read_table(path)
    wrong = [one for one in problems if one.severity == "error"]
    if wrong:
        listed = "".join(f"\n  - {one}" for one in wrong)
        raise PackagingError(f"{path} cannot be read; correct it and try again:{listed}")
    return table.frame


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise PackagingError(f"reading {path} needs pyarrow: pip install 'brainio[parquet]'") from error
    except (OSError, ValueError) as error:
        raise PackagingError(f"{path} cannot be read as parquet: {error}") from error
    texts = {name: column.astype(object) for name, column in frame.items() if pd.api.types.is_string_dtype(column)}
    return frame.assign(**{str(name): column.where(column.notna(), np.nan) for name, column in texts.items()})


def _with_paths(table: pd.DataFrame, folder: Path, source: Path) -> StimulusSet:
    if STIMULUS_ID not in table.columns:
        raise PackagingError(
            f"{source} has no column 'stimulus_id'; it has {some(list(table.columns))}. Add one, or rename the column "
            f"that names the stimuli"
        )
    stimuli = StimulusSet(table)
    names = table[FILENAME] if FILENAME in table.columns else _named_as(table[STIMULUS_ID], folder)
    pairs = zip(table[STIMULUS_ID], names, strict=True)
    object.__setattr__(
        stimuli, "stimulus_paths", {one: folder / str(name) for one, name in pairs if not is_missing(name)}
    )
    return stimuli


def _named_as(ids: Iterable[object], folder: Path) -> list[str]:
    """Find for each id the file that is named so, but for its extension."""
    by_stem: dict[str, list[str]] = {}
    for name in _files_below(folder):
        by_stem.setdefault(Path(name).with_suffix("").as_posix(), []).append(name)
    found = [by_stem.get(str(one), [str(one)]) for one in ids]
    several = dict.fromkeys(tuple(names) for names in found if len(names) > 1)
    if several:
        listed = "".join(f"\n  - {some(names)}" for names in several)
        raise PackagingError(
            f"{folder} has several files for one stimulus; say in a column 'filename' which is meant, or move the "
            f"others away:{listed}"
        )
    return [names[0] for names in found]


def _of_table(source: Path, value: str | None) -> xr.DataArray:
    table = _read(source)
    if value is None or value not in table.columns:
        raise PackagingError(
            f"which column of {source} holds the values? Expected one of {some(list(table.columns))}, found {value!r}"
        )
    coords = {str(name): (_PRESENTATION, column.to_numpy()) for name, column in table.drop(columns=value).items()}
    return xr.DataArray(table[value].to_numpy(), dims=[_PRESENTATION], coords=coords, name=value)


def _of_numpy(source: Path, dims: Sequence[str]) -> xr.DataArray:
    try:
        values = _numpy_values(source)
    except (OSError, ValueError, EOFError) as error:
        raise PackagingError(f"{source} cannot be read as a NumPy array of numbers: {error}") from error
    if len(dims) != values.ndim:
        raise PackagingError(
            f"{source} has {values.ndim} dimensions, of {values.shape} elements; {len(dims)} names were given: "
            f"{some(list(dims)) or 'none'}. Name each in order, such as presentation,neuroid,time_bin"
        )
    doubled = sorted({dim for dim in dims if list(dims).count(dim) > 1})
    if doubled:
        raise PackagingError(
            f"the {values.ndim} dimensions of {source} need names of their own; {some(doubled)} was given more than "
            f"once. Name each in order, such as presentation,neuroid,time_bin"
        )
    return xr.DataArray(xr.Variable(list(dims), values, fastpath=True))


def _numpy_values(source: Path) -> Any:
    """Open a NumPy file; numbers are left there and read block by block."""
    if source.stat().st_size <= _LOADED_BYTES:
        return np.load(source, allow_pickle=False)
    mapped = np.load(source, mmap_mode="r", allow_pickle=False)
    if mapped.dtype.kind not in "biuf" or not mapped.flags.c_contiguous:
        return np.array(mapped)
    return indexing.LazilyIndexedArray(_NumpyFile(source, mapped.shape, mapped.dtype))


class _NumpyFile(BackendArray):
    """The values of a NumPy file. It is mapped anew for each block: a mapping counts as memory while it is open."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._path, self.shape, self.dtype = path, shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: Any) -> np.ndarray:
        return np.array(np.load(self._path, mmap_mode="r", allow_pickle=False)[key])


def _of_netcdf(source: Path) -> xr.DataArray:
    try:
        return AssemblyLoader(DataAssembly, source, in_blocks=True).load()
    except AssemblyFormatError as error:
        if source.suffix.lower() == ".nc":
            raise
        raise PackagingError(f"{source} cannot be read: name a .nc, .npy, .csv or .parquet file") from error


def _with_coords(array: xr.DataArray, coords: Mapping[str, Path], source: Path) -> xr.DataArray:
    problems = []
    added: dict[str, tuple[str, np.ndarray]] = {}
    for dim, path in coords.items():
        if dim not in array.dims:
            problems.append(f"{path} is for the dimension {dim!r}; {source} has {', '.join(map(str, array.dims))}")
            continue
        try:
            table = _read(path)
        except PackagingError as error:
            problems.append(str(error).replace("\n", "\n  "))
            continue
        if len(table) != array.sizes[dim]:
            problems.append(f"{path} has {len(table)} rows; {source} has {array.sizes[dim]} along {dim!r}")
        problems += [
            f"{path} has the column {name!r}, which the table of {added[name][0]!r} has as well: rename or drop one"
            for name in map(str, table.columns)
            if name in added
        ]
        added |= {str(name): (dim, column.to_numpy()) for name, column in table.items()}
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise PackagingError(f"{source} and its coordinates do not fit together:{listed}")
    return array.assign_coords(added) if added else array
