"""Data assemblies: arrays from experiments with the metadata that give them meaning.

This package knows no catalog, no network and no cache. `core` and `classes` hold the classes, `keeping` and
`functions` what xarray would lose, `align` and `assign` what assemblies do with other arrays and with their own
coordinates, `index` and `gather` the index of each dimension, `codes` the integer codes under it, `groupby` grouping,
`reductions` its arithmetic, `mapping` functions of groups, `apply` those of groups of all dimensions, `reliability`
repetitions, `spikes` binning of spike times, `merge` merging, `joining` the metadata of stimuli, `coords` listing of
coordinates, `loaders` and `reading` reading of files, `chunks` and `lazy` values that stay there and their groups,
`hdf5` the lock under which files are read.
"""

from brainio.assemblies.alignment import merge_data_arrays
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
from brainio.assemblies.operations import keep_class_of_first_assembly
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
