"""`get_assembly(stream=True)` reads only the selected values, and all of them from one state of the file."""

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import brainio
from brainio.assemblies import MetadataAssembly, NeuroidAssembly
from brainio.errors import AssemblyFormatError, ChangedFileError, StreamWarning, TransferError
from brainio.packaging import write_netcdf
from brainio.packaging.netcdf import write_groups
from brainio.stores.range_reader import BLOCK
from tests.lab import Lab, assembly_file
from tests.servers import HttpFolder

pytestmark = pytest.mark.filterwarnings("ignore::brainio.errors.StreamWarning")


def large() -> NeuroidAssembly:
    """An assembly of noise with 64 neuroids and 16,384 presentations, 4 MB in its file."""
    count = 16_384
    return NeuroidAssembly(
        np.random.default_rng(0).normal(size=(64, count)).astype("f4"),
        dims=["neuroid", "presentation"],
        coords={
            "stimulus_id": ("presentation", np.where(np.arange(count) % 2, "2", "1").astype(object)),
            "repetition": ("presentation", np.arange(count) // 2),
            "neuroid_id": ("neuroid", np.arange(64)),
            "region": ("neuroid", ["V4", "IT"] * 32),
        },
        attrs={"stimulus_set_identifier": "lab.Doe2026"},
    )


@pytest.fixture
def large_lab(lab: Lab, tmp_path: Path) -> Lab:
    """A lab with the large assembly and its stimuli."""
    write_netcdf(large(), tmp_path / "large.nc")
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", (tmp_path / "large.nc").read_bytes(), "NeuroidAssembly")
    return lab


def requested_bytes(lab: Lab) -> int:
    """Return the number of requested bytes of the assembly, and forget the requests."""
    spans = [request.headers["Range"] for request in lab.server.requests if request.key.endswith(".nc")]
    lab.server.requests.clear()
    borders = [span.removeprefix("bytes=").split("-") for span in spans]
    return sum(int(last) - int(first) + 1 for first, last in borders)


def test_a_streamed_assembly_equals_the_fetched_one(large_lab: Lab) -> None:
    streamed = brainio.get_assembly("lab.Doe2026", stream=True)
    fetched = brainio.get_assembly("lab.Doe2026")
    assert type(streamed) is NeuroidAssembly
    assert streamed.attrs["identifier"] == "lab.Doe2026"
    assert streamed.identical(fetched)
    assert streamed["object_name"].values.tolist()[:2] == ["car", "face"]


def test_a_selection_reads_only_its_part_of_the_file_once(large_lab: Lab) -> None:
    streamed = brainio.get_assembly("lab.Doe2026", stream=True)
    opening = requested_bytes(large_lab)
    few = streamed.isel(neuroid=slice(16, 32))
    assert requested_bytes(large_lab) == 0
    np.testing.assert_array_equal(few.values, large().values[16:32])
    assert 0 < requested_bytes(large_lab) < 10 * few.nbytes
    few.mean("presentation")
    assert requested_bytes(large_lab) == 0
    window = streamed.isel(presentation=slice(6000, 6600))
    np.testing.assert_array_equal(window.values, large().values[:, 6000:6600])
    assert 0 < requested_bytes(large_lab) < 10 * window.nbytes
    assert opening < 8 * BLOCK


def test_selecting_and_grouping_give_the_same_results_as_a_fetched_assembly(large_lab: Lab) -> None:
    streamed = brainio.get_assembly("lab.Doe2026", stream=True).sel(region="IT")
    expected = large().sel(region="IT")
    assert requested_bytes(large_lab) < 8 * BLOCK
    np.testing.assert_array_equal(
        streamed.multi_groupby(["stimulus_id"]).mean(dim="presentation").values,
        expected.multi_groupby(["stimulus_id"]).mean(dim="presentation").values,
    )


def test_chunks_make_a_stream_a_dask_array(large_lab: Lab) -> None:
    pytest.importorskip("dask")
    streamed = brainio.get_assembly("lab.Doe2026", stream=True, chunks={"neuroid": 16})
    assert dict(streamed.chunksizes)["neuroid"] == (16, 16, 16, 16)
    np.testing.assert_array_equal(streamed.sum("presentation").compute().values, large().sum("presentation").values)


def test_only_the_table_of_the_stimuli_is_fetched_until_a_file_is_accessed(large_lab: Lab) -> None:
    streamed = brainio.get_assembly("lab.Doe2026", stream=True)
    assert "stimulus_lab_Doe2026.zip" not in {request.key for request in large_lab.server.requests}
    paths = pickle.loads(pickle.dumps(streamed.attrs["stimulus_set"])).stimulus_paths
    assert list(paths) == ["1", "2"]
    assert "stimulus_lab_Doe2026.zip" not in {request.key for request in large_lab.server.requests}
    assert paths["2"].read_text() == "picture two.png"


def test_the_validator_of_the_stream_is_logged(large_lab: Lab, tmp_path: Path) -> None:
    with pytest.warns(StreamWarning, match=r"streamed from s3://lab-bucket/assy.*pinned by ETag .*not verified"):
        brainio.get_assembly("lab.Doe2026", stream=True)
    large_lab.publish("assy_v.nc", assembly_file(tmp_path), "NeuroidAssembly", "lab.Versioned", version_id="v7")
    with pytest.warns(StreamWarning, match="pinned by version id 'v7'"):
        brainio.get_assembly("lab.Versioned", stream=True)


def test_a_file_replaced_while_it_is_streamed_is_an_error_that_names_it(large_lab: Lab) -> None:
    streamed = brainio.get_assembly("lab.Doe2026", stream=True)
    key = ("lab-bucket", "assy_lab_Doe2026.nc")
    large_lab.server.objects[key] = large_lab.server.objects[key][::-1]
    with pytest.raises(ChangedFileError, match=r"assy_lab_Doe2026\.nc has changed"):
        _ = streamed.values


def test_a_cached_file_is_streamed_from_the_cache_without_a_warning(large_lab: Lab) -> None:
    fetched = brainio.get_assembly("lab.Doe2026")
    large_lab.server.requests.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error", StreamWarning)
        streamed = brainio.get_assembly("lab.Doe2026", stream=True)
    assert streamed.identical(fetched)
    assert large_lab.server.requests == []


def test_a_mirror_is_streamed_if_the_first_location_fails(large_lab: Lab, http_folder: HttpFolder) -> None:
    body = large_lab.server.objects.pop(("lab-bucket", "assy_lab_Doe2026.nc"))
    (http_folder.folder / "copy.nc").write_bytes(body)
    location = "https://lab-bucket.s3.amazonaws.com/gone.nc"
    large_lab.publish(
        "a.nc", body, "NeuroidAssembly", "lab.Mirrored", location=location, mirrors=f"{http_folder.url}/copy.nc"
    )
    np.testing.assert_array_equal(brainio.get_assembly("lab.Mirrored", stream=True).values, large().values)
    with pytest.raises(TransferError, match=r"assembly 'lab\.Doe2026' of catalog 'lab'"):
        brainio.get_assembly("lab.Doe2026", stream=True)


def test_extras_are_streamed_with_their_assembly(lab: Lab, tmp_path: Path) -> None:
    extra = MetadataAssembly([1.0, 2.0], coords={"name": ("part", ["x", "y"])}, dims=["part"])
    write_groups({"": large(), "notes": extra}, tmp_path / "extra.nc")
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", (tmp_path / "extra.nc").read_bytes(), "NeuroidAssembly")
    notes = brainio.get_assembly("lab.Doe2026", stream=True).attrs["notes"]
    assert isinstance(notes, MetadataAssembly)
    assert notes.sel(name="y").values == [2.0]


def test_a_file_that_is_not_netcdf_is_an_error_that_names_it(lab: Lab) -> None:
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", b"\x89HDF\r\n\x1a\nno netCDF " * 100, "NeuroidAssembly")
    with pytest.raises(AssemblyFormatError, match=r"lab\.Doe2026.*assy_lab_Doe2026\.nc cannot be read as netCDF-4"):
        brainio.get_assembly("lab.Doe2026", stream=True)


def test_without_the_extra_the_error_names_what_to_install() -> None:
    code = (
        "import io, sys; sys.modules['h5netcdf'] = None\n"
        "from brainio.assemblies import DataAssembly\n"
        "from brainio.errors import MissingExtraError\n"
        "try: DataAssembly.from_files(io.BytesIO(b''))\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert "[stream]" in done.stdout
