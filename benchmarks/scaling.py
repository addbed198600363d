"""Workloads of `--scaling`: read, load, merge and group 1, 4 and 16 times the presentations."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from benchmarks.cases import FACTORS, STEPS
from benchmarks.contexts import GROUP_LEVELS, Context
from benchmarks.data_files import STIMULI
from benchmarks.floor_workloads import read_with_xarray
from benchmarks.workloads import TimedCall


def _load(context: Context, factor: int) -> Any:
    from brainio.assemblies import NeuronRecordingAssembly

    path = context.paths.scaled_path(factor)
    return NeuronRecordingAssembly.from_files(path, stimulus_set_identifier=STIMULI, stimulus_set=None)


def _merge(context: Context, assembly: Any, stimulus_set: pd.DataFrame) -> Any:
    from brainio.assemblies import NeuronRecordingAssembly, StimulusMergeAssemblyLoader

    loader = StimulusMergeAssemblyLoader(NeuronRecordingAssembly, context.paths.netcdf)
    return loader.merge_stimulus_set_meta(assembly, stimulus_set)


def _step_workload(step: str, factor: int) -> Callable[[Context], TimedCall]:
    """Return the workload of one step, which runs the preceding steps as its preparation."""

    def prepare(context: Context) -> TimedCall:
        if step == "read":
            return TimedCall(lambda: read_with_xarray(context.paths.scaled_path(factor)))
        if step == "load":
            return TimedCall(lambda: _load(context, factor))
        stimulus_set = context.stimulus_set
        loaded = _load(context, factor)
        if step == "merge":
            return TimedCall(lambda: _merge(context, loaded, stimulus_set))
        merged = _merge(context, loaded, stimulus_set)
        return TimedCall(lambda: merged.multi_groupby(GROUP_LEVELS).mean(dim="presentation"))

    return prepare


SCALING = {f"{step}_{factor}x": _step_workload(step, factor) for factor in FACTORS for step in STEPS}
