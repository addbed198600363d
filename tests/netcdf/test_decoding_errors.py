"""Invalid attributes raise errors of this package that name the file, when the file is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest

from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.errors import AssemblyFormatError
from brainio.stimuli import StimulusSet
from tests.security.hostile_hdf5 import recording

NO_STIMULI: dict[str, Any] = {"stimulus_set_identifier": None, "stimulus_set": None}
ATTRIBUTES = {
    "scale that is text": ("scale_factor", "abc"),
    "scale that is a list": ("scale_factor", np.arange(2.0)),
    "fill value that is text": ("_FillValue", "x"),
    "times without a start": ("units", "days since then"),
    "texts in no encoding": ("_Encoding", "no-such"),
    "texts that are numbers": ("_Encoding", "utf-8"),
    "type without values": ("dtype", "complex"),
    "unknown coordinates": ("coordinates", 7),
    "sign that is a number": ("_Unsigned", 3),
    "dimension number": ("_Netcdf4Dimid", 99),
    "coordinate numbers": ("_Netcdf4Coordinates", np.arange(99)),
    "library that is a number": ("_NCProperties", 3),
    "identifier that is a list": ("identifier", np.arange(3)),
}
READERS: dict[str, Callable[[Path], Any]] = {
    "eager": lambda path: NeuroidAssembly.from_files(path, **NO_STIMULI),
    "chunks": lambda path: NeuroidAssembly.from_files(path, chunks="auto", **NO_STIMULI),
    "stream": lambda path: NeuroidAssembly.from_files(path.open("rb"), **NO_STIMULI),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("place", ["data", "neuroid"])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_invalid_attribute_is_ignored_or_refused_when_the_file_is_opened(
    tmp_path: Path, name: str, place: str, reader: str
) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        recording(file)
        file[place].attrs.create(*ATTRIBUTES[name])
    try:
        assembly = READERS[reader](path)
    except AssemblyFormatError as error:
        assert "a.nc" in str(error)  # noqa: PT017 - it may also be read
    else:
        assert assembly.values.shape == (4, 3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "ids",
    [
        pytest.param(np.array([b"\xff\xfe", b"1", b"2", b"\xc3"], "S4"), id="not-utf8"),
        pytest.param(np.arange(12).reshape(4, 3), id="two-dimensional"),
        pytest.param(np.array([1, np.nan, 2, np.inf]), id="infinite"),
        pytest.param(np.array([2**63, 2**64 - 1, 0, 1], "u8"), id="large"),
        pytest.param(np.int64(1), id="scalar"),
    ],
)
def test_unusual_ids_are_joined_or_refused(tmp_path: Path, ids: Any) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        recording(file)
        file["stimulus_id"] = ids
        if np.shape(ids) == (4,):
            file["stimulus_id"].dims[0].attach_scale(file["presentation"])
    stimuli = StimulusSet({"stimulus_id": ["1", "2"], "size": [1, 2]})
    stimuli.identifier = "lab.Doe2026"
    try:
        assembly = NeuroidAssembly.from_files(path, stimulus_set_identifier="lab.Doe2026", stimulus_set=stimuli)
    except AssemblyFormatError as error:
        assert "a.nc" in str(error)  # noqa: PT017 - they may also be joined
    else:
        assert assembly.shape == (4, 3)


def test_an_error_of_a_third_party_class_is_not_translated(tmp_path: Path) -> None:
    class Score(DataAssembly):
        __slots__ = ()

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            raise TypeError("a mistake in this class")

    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        recording(file)
    with pytest.raises(TypeError, match="a mistake in this class"):
        Score.from_files(path, **NO_STIMULI)
