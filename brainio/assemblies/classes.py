"""Classes of assemblies, with the dimensions and the loader of each."""

from __future__ import annotations

from typing import Any

from brainio.assemblies.core import DataAssembly
from brainio.assemblies.loaders import (
    AssemblyLoader,
    GroupAppendAssemblyLoader,
    StimulusReferenceAssemblyLoader,
)
from brainio.errors import AssemblyFormatError, UnknownClassError


class DataPoint:
    """One value of a recording, with its neuroid and presentation."""

    def __init__(self, value: Any, neuroid: Any, presentation: Any) -> None:
        self.value = value
        self.neuroid = neuroid
        self.presentation = presentation


class BehavioralAssembly(DataAssembly):
    """Choices or other responses: presentation, or presentation x choice."""

    __slots__ = ()


class NeuroidAssembly(DataAssembly):
    """Responses of neuroids: presentation x neuroid, or presentation x neuroid x time_bin, in any order."""

    __slots__ = ()

    def validate(self) -> None:
        """Check the dimensions; raises AssemblyFormatError."""
        expected = ({"presentation", "neuroid"}, {"presentation", "neuroid", "time_bin"})
        if set(self.dims) not in expected:
            raise AssemblyFormatError(
                f"{type(self).__name__} has the dimensions {self.dims}; expected presentation x neuroid, or "
                f"presentation x neuroid x time_bin, in any order. Rename, add or squeeze dimensions."
            )


class NeuronRecordingAssembly(NeuroidAssembly):
    """Responses recorded from neurons."""

    __slots__ = ()


class ModelFeaturesAssembly(NeuroidAssembly):
    """Activations of a model."""

    __slots__ = ()


class PropertyAssembly(DataAssembly):
    """Properties of neuroids, such as preferred orientation; needs no stimulus set."""

    __slots__ = ()

    @classmethod
    def get_loader_class(cls) -> type[AssemblyLoader]:
        """Return the loader class for assemblies of this class."""
        return StimulusReferenceAssemblyLoader


class SpikeTimesAssembly(NeuronRecordingAssembly):
    """Times of spikes along the dimension `event`; metadata of neuroids and presentations are extras."""

    __slots__ = ()

    @classmethod
    def get_loader_class(cls) -> type[AssemblyLoader]:
        """Return the loader class for assemblies of this class."""
        return GroupAppendAssemblyLoader

    def validate(self) -> None:
        """Check the dimensions; raises AssemblyFormatError."""
        if self.dims != ("event",):
            raise AssemblyFormatError(
                f"{type(self).__name__} has the dimensions {self.dims}; expected ('event',), one spike per position"
            )


class MetadataAssembly(DataAssembly):
    """Metadata of a dimension that the main array of a file lacks (an extra)."""

    __slots__ = ()

    @classmethod
    def get_loader_class(cls) -> type[AssemblyLoader]:
        """Return the loader class for assemblies of this class."""
        return StimulusReferenceAssemblyLoader


AssemblyLoader.extra_class = MetadataAssembly

# The only classes that a catalog or a package may name.
ASSEMBLY_CLASSES: dict[str, type[DataAssembly]] = {
    cls.__name__: cls
    for cls in (
        DataAssembly,
        BehavioralAssembly,
        NeuroidAssembly,
        NeuronRecordingAssembly,
        ModelFeaturesAssembly,
        PropertyAssembly,
        SpikeTimesAssembly,
        MetadataAssembly,
    )
}


def named_class(name: str) -> type[DataAssembly]:
    """Return the assembly class that a catalog or a package names.

    Raises
    ------
    UnknownClassError
        There is no assembly class of that name.

    Examples
    --------
    >>> named_class("NeuroidAssembly").__name__
    'NeuroidAssembly'
    """
    if name not in ASSEMBLY_CLASSES:
        raise UnknownClassError(f"unknown assembly class {name!r}; expected one of {', '.join(ASSEMBLY_CLASSES)}")
    return ASSEMBLY_CLASSES[name]
