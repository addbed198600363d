"""Workloads for this project and the peer: each function prepares its inputs and returns the call to time."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contexts import GROUP_LEVELS, SPLITS, Context
from benchmarks.data_files import ASSEMBLY, STIMULI
from benchmarks.file_operations import OPERATIONS


class TimedCall(NamedTuple):
    """A call to time, repeated `number` times per run if one call is too short; `clear` runs before each run."""

    call: Callable[[], Any]
    number: int = 1
    clear: Callable[[], object] = lambda: None


_CALLS_PER_RUN = {"ours": 200, "peer": 20}  # of calls that take microseconds (in the peer: milliseconds)


def resolve(context: Context) -> TimedCall:
    """Resolve an identifier in a catalog of three rows."""
    find = context.resolve
    return TimedCall(lambda: find(ASSEMBLY), _CALLS_PER_RUN[context.implementation])


def resolve_large(context: Context) -> TimedCall:
    """Resolve an identifier in a large catalog."""
    context.activate_catalog(context.paths.large_catalog)
    find, last = context.resolve, f"lab.Name{context.sizes.entries - 1}"
    return TimedCall(lambda: find(last), _CALLS_PER_RUN["ours"] if context.implementation == "ours" else 1)


def lookup_assembly(context: Context) -> TimedCall:
    """Look up the row of an assembly."""
    from brainio.lookup import lookup_assembly as look_up

    return TimedCall(lambda: look_up(ASSEMBLY), _CALLS_PER_RUN[context.implementation])


def get_stimulus_set(_: Context) -> TimedCall:
    """Load a stimulus set from the cache."""
    import brainio

    return TimedCall(lambda: brainio.get_stimulus_set(STIMULI))


def get_assembly(_: Context) -> TimedCall:
    """Load an assembly from the cache, with its values."""
    import brainio

    return TimedCall(lambda: brainio.get_assembly(ASSEMBLY).load())


def read_back(context: Context) -> TimedCall:
    """Compare the file written by this project with the assembly, as `write_netcdf` does."""
    from brainio.packaging.readback import check_arrays

    path, arrays = _written_file(context), {"": context.assembly}
    return TimedCall(lambda: check_arrays(path, arrays))


def read_written(context: Context) -> TimedCall:
    """Read the file written by this project."""
    from brainio.assemblies import NeuronRecordingAssembly

    path = _written_file(context)
    return TimedCall(
        lambda: NeuronRecordingAssembly.from_files(path, stimulus_set_identifier=STIMULI, stimulus_set=None).load()
    )


def _written_file(context: Context) -> Path:
    """Return the file written by this project, which writes it if it is missing."""
    path = context.paths.written_path("ours", ".nc")
    if context.implementation == "ours" and not path.exists():
        write_netcdf(context).call()
    return path


def multi_groupby_mean(context: Context) -> TimedCall:
    """Average over repetitions."""
    assembly = context.assembly
    return TimedCall(lambda: assembly.multi_groupby(GROUP_LEVELS).mean(dim="presentation"))


def multi_groupby_mean_nan(context: Context) -> TimedCall:
    """Average over repetitions with missing values."""
    assembly = context.assembly_with_missing
    return TimedCall(lambda: assembly.multi_groupby(GROUP_LEVELS).mean(dim="presentation"))


def multi_groupby_std(context: Context) -> TimedCall:
    """Compute the standard deviation over repetitions."""
    assembly = context.assembly
    return TimedCall(lambda: assembly.multi_groupby(GROUP_LEVELS).std(dim="presentation"))


def multi_groupby_median(context: Context) -> TimedCall:
    """Compute the median over repetitions."""
    assembly = context.assembly
    return TimedCall(lambda: assembly.multi_groupby(GROUP_LEVELS).median(dim="presentation"))


def multi_groupby_apply(context: Context) -> TimedCall:
    """Apply a function to the repetitions of each stimulus."""
    sizes = context.sizes
    is_used = context.assembly["stimulus"].values < sizes.apply_stimuli
    assembly = context.assembly[: sizes.apply_neuroids, is_used]
    return TimedCall(lambda: assembly.multi_groupby(GROUP_LEVELS).apply(lambda group: group.max("presentation")))


def groupby_mean(context: Context) -> TimedCall:
    """Average over the presentations of each stimulus with the `groupby` of xarray."""
    assembly = context.assembly
    return TimedCall(lambda: assembly.groupby("stimulus_id").mean(dim="presentation"))


def average_repetition(context: Context) -> TimedCall:
    """Average the presentations that differ only in repetition."""
    from brainio.assemblies import average_repetition as average

    assembly = context.assembly
    return TimedCall(lambda: average(assembly))


def split_half_reliability(context: Context) -> TimedCall:
    """Compute the reliability from ten random split halves of the repetitions."""
    from brainio.assemblies import split_half_reliability as reliability

    assembly = context.assembly
    return TimedCall(lambda: reliability(assembly, n_splits=SPLITS, seed=0))


def multi_dim_apply(context: Context) -> TimedCall:
    """Apply a function to each value of a small assembly."""
    sizes = context.sizes
    assembly = context.averaged[: sizes.apply_neuroids, : sizes.apply_stimuli]
    return TimedCall(lambda: assembly.multi_dim_apply(["neuroid_id", "stimulus_id"], lambda value, **_: value))


def subset(context: Context) -> TimedCall:
    """Reduce the averaged recording to a quarter of the stimuli."""
    from brainio.transform import subset as reduce_to

    source = context.averaged
    target = source[:, ::4]
    return TimedCall(lambda: reduce_to(source, target, subset_dims=["stimulus_id"]))


def sel_scalar(context: Context) -> TimedCall:
    """Select the neuroids of one region."""
    assembly = context.assembly
    return TimedCall(lambda: assembly.sel(region="IT"))


def write_netcdf(context: Context) -> TimedCall:
    """Write the recording with the metadata of its stimuli."""
    from brainio.packaging import write_netcdf as write

    assembly, target = context.assembly, context.paths.written_path(context.implementation, ".nc")
    return TimedCall(lambda: write(assembly, str(target)))


def create_stimulus_zip(context: Context) -> TimedCall:
    """Write the archive of the stimulus set."""
    from brainio.packaging import create_stimulus_zip as create

    stimulus_set, target = context.stimulus_set, context.paths.written_path(context.implementation, ".zip")
    return TimedCall(lambda: create(stimulus_set, str(target)))


def inspect(context: Context) -> TimedCall:
    """Inspect the structure of the file written by this project, without using stored results."""
    from brainio.netcdf.inspection import inspect as inspect_file

    path = _written_file(context)
    return TimedCall(
        lambda: inspect_file(path), clear=lambda: os.utime(path)
    )  # a new time makes the stored result invalid


def _peak_of(operation: Callable[[Path], None]) -> Callable[[Context], TimedCall]:
    return lambda context: TimedCall(lambda: operation(context.paths.netcdf))


def get_and_mean(_: Context) -> TimedCall:
    """Load the recording and average over repetitions."""
    import brainio

    return TimedCall(lambda: brainio.get_assembly(ASSEMBLY).multi_groupby(GROUP_LEVELS).mean(dim="presentation"))


WORKLOADS: dict[str, Callable[[Context], TimedCall]] = {
    function.__name__: function
    for function in (
        resolve,
        resolve_large,
        lookup_assembly,
        get_stimulus_set,
        get_assembly,
        multi_groupby_mean,
        multi_groupby_mean_nan,
        multi_groupby_std,
        multi_groupby_median,
        multi_groupby_apply,
        groupby_mean,
        average_repetition,
        split_half_reliability,
        multi_dim_apply,
        subset,
        sel_scalar,
        write_netcdf,
        read_back,
        read_written,
        inspect,
        create_stimulus_zip,
        get_and_mean,
    )
} | {f"{name}_peak": _peak_of(operation) for name, operation in OPERATIONS.items()}
