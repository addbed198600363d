"""The workloads of `--scaling`: reading, loading, merging, grouping at 1, 4 and 16 times the presentations."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from benchmarks.cases import FACTORS, STEPS
from benchmarks.contexts import REPETITIONS_AVERAGED, Context
from benchmarks.data_files import STIMULI
from benchmarks.floor_workloads import read_by_xarray
from benchmarks.workloads import Timed


def _load(context: Context, factor: int) -> Any:
    from brainio.assemblies import NeuronRecordingAssembly

    path = context.places.scaled(factor)
    return NeuronRecordingAssembly.from_files(path, stimulus_set_identifier=STIMULI, stimulus_set=None)


def _merge(context: Context, assembly: Any, stimulus_set: pd.DataFrame) -> Any:
    from brainio.assemblies import NeuronRecordingAssembly, StimulusMergeAssemblyLoader

    loader = StimulusMergeAssemblyLoader(NeuronRecordingAssembly, context.places.netcdf)
    return loader.merge_stimulus_set_meta(assembly, stimulus_set)


def _step(step: str, factor: int) -> Callable[[Context], Timed]:
    """Make the workload of one step: the steps before it are its preparation."""

    def prepare(context: Context) -> Timed:
        if step == "read":
            return Timed(lambda: read_by_xarray(context.places.scaled(factor)))
        if step == "load":
            return Timed(lambda: _load(context, factor))
        stimulus_set = context.stimulus_set
        loaded = _load(context, factor)
        if step == "merge":
            return Timed(lambda: _merge(context, loaded, stimulus_set))
        merged = _merge(context, loaded, stimulus_set)
        return Timed(lambda: merged.multi_groupby(REPETITIONS_AVERAGED).mean(dim="presentation"))

    return prepare


SCALING = {f"{step}_{factor}x": _step(step, factor) for factor in FACTORS for step in STEPS}
