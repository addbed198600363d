"""Data assemblies: xarray DataArrays of recordings whose coordinates carry the experiment's metadata.

Knows no catalog, no network and no cache. From bottom to top:

- `index`: the multi-index of a dimension; `gathering` builds it from coordinates. `coordinates` lists and flattens
  these, `assignment` assigns and drops them.
- `operations`: xarray's operations with assemblies as results, also on arrays with other indexes.
- `reductions`, `group_functions`, `groupby`: grouping.
- `stimulus_metadata`: the stimulus set of an assembly; `loaders`: files to assemblies.
- `core`, `classes`: the assembly classes.
- `reliability` (computed by `split_halves`), `spikes`: analyses.
- `summaries` computes the numbers of charts, `plots` draws them.
"""

from brainio.assemblies.classes import (
    ASSEMBLY_CLASSES,
    BehavioralAssembly,
    DataPoint,
    MetadataAssembly,
    ModelFeaturesAssembly,
    NeuroidAssembly,
    NeuronRecordingAssembly,
    PropertyAssembly,
    SpikeTimesAssembly,
    named_class,
)
from brainio.assemblies.coordinates import (
    array_is_element,
    coords_for_dim,
    flatten_index,
    get_levels,
    get_metadata,
    walk_coords,
)
from brainio.assemblies.core import DataAssembly, is_fastpath
from brainio.assemblies.gathering import gather_indexes
from brainio.assemblies.groupby import GroupbyBridge
from brainio.assemblies.loaders import (
    BRAINIO_CHUNKS,
    AssemblyLoader,
    GroupAppendAssemblyLoader,
    StimulusMergeAssemblyLoader,
    StimulusReferenceAssemblyLoader,
)
from brainio.assemblies.operations import keep_class_of_first_assembly, merge_data_arrays
from brainio.assemblies.reliability import average_repetition, split_half_reliability
from brainio.assemblies.spikes import spikes_to_rates
from brainio.assemblies.split_halves import spearman_brown_correction
from brainio.errors import GroupbyError
from brainio.netcdf.hdf5_lock import hdf5_access

__all__ = [
    "ASSEMBLY_CLASSES",
    "BRAINIO_CHUNKS",
    "AssemblyLoader",
    "BehavioralAssembly",
    "DataAssembly",
    "DataPoint",
    "GroupAppendAssemblyLoader",
    "GroupbyBridge",
    "GroupbyError",
    "MetadataAssembly",
    "ModelFeaturesAssembly",
    "NeuroidAssembly",
    "NeuronRecordingAssembly",
    "PropertyAssembly",
    "SpikeTimesAssembly",
    "StimulusMergeAssemblyLoader",
    "StimulusReferenceAssemblyLoader",
    "array_is_element",
    "average_repetition",
    "coords_for_dim",
    "flatten_index",
    "gather_indexes",
    "get_levels",
    "get_metadata",
    "hdf5_access",
    "is_fastpath",
    "merge_data_arrays",
    "named_class",
    "spearman_brown_correction",
    "spikes_to_rates",
    "split_half_reliability",
    "walk_coords",
]

keep_class_of_first_assembly()
