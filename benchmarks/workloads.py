"""The workloads, written once for both implementations: each prepares what it needs and returns the call to time."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contexts import REPETITIONS_AVERAGED, SPLITS, Context
from benchmarks.data_files import ASSEMBLY, STIMULI
from benchmarks.file_operations import OPERATIONS


class Timed(NamedTuple):
    """A call to time, `number` times in a row where once would be too short; `clear` comes before each run."""

    call: Callable[[], Any]
    number: int = 1
    clear: Callable[[], object] = lambda: None


_OFTEN = {"ours": 200, "peer": 20}  # times in a row, where once takes microseconds (the peer: milliseconds)


def resolve(context: Context) -> Timed:
    """Resolve an identifier, three rows being in force."""
    find = context.resolve
    return Timed(lambda: find(ASSEMBLY), _OFTEN[context.side])


def resolve_large(context: Context) -> Timed:
    """Resolve an identifier in a large catalog."""
    context.put_in_force(context.places.large_catalog)
    find, last = context.resolve, f"lab.Name{context.sizes.entries - 1}"
    return Timed(lambda: find(last), _OFTEN["ours"] if context.side == "ours" else 1)


def lookup_assembly(context: Context) -> Timed:
    """Look up the row of an assembly."""
    from brainio.lookup import lookup_assembly as look_up

    return Timed(lambda: look_up(ASSEMBLY), _OFTEN[context.side])


def get_stimulus_set(_: Context) -> Timed:
    """Get a stimulus set that is in the cache."""
    import brainio

    return Timed(lambda: brainio.get_stimulus_set(STIMULI))


def get_assembly(_: Context) -> Timed:
    """Get an assembly that is in the cache, with its values."""
    import brainio

    return Timed(lambda: brainio.get_assembly(ASSEMBLY).load())


def read_back(context: Context) -> Timed:
    """Compare the file that this project's `write_netcdf` wrote with the assembly, as `write_netcdf` does."""
    from brainio.packaging.readback import check_arrays

    path, arrays = _written_file(context), {"": context.assembly}
    return Timed(lambda: check_arrays(path, arrays))


def read_written(context: Context) -> Timed:
    """Read the file that this project's `write_netcdf` wrote."""
    from brainio.assemblies import NeuronRecordingAssembly

    path = _written_file(context)
    return Timed(
        lambda: NeuronRecordingAssembly.from_files(path, stimulus_set_identifier=STIMULI, stimulus_set=None).load()
    )


def _written_file(context: Context) -> Path:
    """Return the file that this project's `write_netcdf` wrote; this project writes it where it is missing."""
    path = context.places.written("ours", ".nc")
    if context.side == "ours" and not path.exists():
        write_netcdf(context).call()
    return path


def multi_groupby_mean(context: Context) -> Timed:
    """Average over repetitions."""
    assembly = context.assembly
    return Timed(lambda: assembly.multi_groupby(REPETITIONS_AVERAGED).mean(dim="presentation"))


def multi_groupby_mean_nan(context: Context) -> Timed:
    """Average over repetitions, some of them missing."""
    assembly = context.assembly_with_nan
    return Timed(lambda: assembly.multi_groupby(REPETITIONS_AVERAGED).mean(dim="presentation"))


def multi_groupby_std(context: Context) -> Timed:
    """Take the standard deviation over repetitions."""
    assembly = context.assembly
    return Timed(lambda: assembly.multi_groupby(REPETITIONS_AVERAGED).std(dim="presentation"))


def multi_groupby_median(context: Context) -> Timed:
    """Take the median over repetitions."""
    assembly = context.assembly
    return Timed(lambda: assembly.multi_groupby(REPETITIONS_AVERAGED).median(dim="presentation"))


def multi_groupby_apply(context: Context) -> Timed:
    """Call a function with the repetitions of each of some stimuli."""
    sizes = context.sizes
    is_used = context.assembly["stimulus"].values < sizes.apply_stimuli
    assembly = context.assembly[: sizes.apply_neuroids, is_used]
    return Timed(lambda: assembly.multi_groupby(REPETITIONS_AVERAGED).apply(lambda group: group.max("presentation")))


def groupby_mean(context: Context) -> Timed:
    """Average over the presentations of each stimulus, by the `groupby` of xarray."""
    assembly = context.assembly
    return Timed(lambda: assembly.groupby("stimulus_id").mean(dim="presentation"))


def average_repetition(context: Context) -> Timed:
    """Average the presentations that agree in all but the repetition."""
    from brainio.assemblies import average_repetition as average

    assembly = context.assembly
    return Timed(lambda: average(assembly))


def split_half_reliability(context: Context) -> Timed:
    """Correlate halves of the repetitions, split at random ten times."""
    from brainio.assemblies import split_half_reliability as reliability

    assembly = context.assembly
    return Timed(lambda: reliability(assembly, n_splits=SPLITS, seed=0))


def multi_dim_apply(context: Context) -> Timed:
    """Call a function on each value of a small assembly."""
    sizes = context.sizes
    assembly = context.averaged[: sizes.apply_neuroids, : sizes.apply_stimuli]
    return Timed(lambda: assembly.multi_dim_apply(["neuroid_id", "stimulus_id"], lambda value, **_: value))


def subset(context: Context) -> Timed:
    """Cut the recording's average to a quarter of the stimuli."""
    from brainio.transform import subset as cut

    source = context.averaged
    target = source[:, ::4]
    return Timed(lambda: cut(source, target, subset_dims=["stimulus_id"]))


def sel_scalar(context: Context) -> Timed:
    """Select the neuroids of one region."""
    assembly = context.assembly
    return Timed(lambda: assembly.sel(region="IT"))


def write_netcdf(context: Context) -> Timed:
    """Write the recording with the metadata of its stimuli."""
    from brainio.packaging import write_netcdf as write

    assembly, target = context.assembly, context.places.written(context.side, ".nc")
    return Timed(lambda: write(assembly, str(target)))


def create_stimulus_zip(context: Context) -> Timed:
    """Write the archive of the stimulus set."""
    from brainio.packaging import create_stimulus_zip as create

    stimulus_set, target = context.stimulus_set, context.places.written(context.side, ".zip")
    return Timed(lambda: create(stimulus_set, str(target)))


def inspect(context: Context) -> Timed:
    """Inspect the structure of the file that this project's `write_netcdf` wrote, as if it was never inspected."""
    from brainio.netcdf.inspection import inspect as inspect_file

    path = _written_file(context)
    return Timed(lambda: inspect_file(path), clear=lambda: os.utime(path))  # structures are remembered by times


def _peak_of(operation: Callable[[Path], None]) -> Callable[[Context], Timed]:
    return lambda context: Timed(lambda: operation(context.places.netcdf))


def get_and_mean(_: Context) -> Timed:
    """Get the recording and average over repetitions, in one go."""
    import brainio

    return Timed(lambda: brainio.get_assembly(ASSEMBLY).multi_groupby(REPETITIONS_AVERAGED).mean(dim="presentation"))


WORKLOADS: dict[str, Callable[[Context], Timed]] = {
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
