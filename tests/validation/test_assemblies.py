"""Checks of assemblies, alone and against their stimulus set."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainio.assemblies import BehavioralAssembly, DataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.errors import UnknownClassError
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet
from brainio.validation import Report, validate


def found(report: Report) -> list[tuple[str, str]]:
    return [(item.code, item.place) for item in report.problems]


def test_dimensions_must_be_those_of_the_class(assembly: NeuroidAssembly) -> None:
    wrong = assembly.rename({"neuroid": "unit"})
    assert ("dims-wrong", "dimensions") in found(validate(wrong))
    assert ("dims-wrong", "dimensions") in found(validate(xr.DataArray(wrong), class_name="NeuroidAssembly"))
    with pytest.raises(UnknownClassError, match="Neuroids"):
        validate(assembly, class_name="Neuroids")


def test_a_dimension_without_elements_is_found(assembly: NeuroidAssembly) -> None:
    assert ("dim-empty", "dimension 'neuroid'") in found(validate(assembly.isel(neuroid=[])))


def test_a_class_that_is_joined_needs_the_ids_of_stimuli(assembly: NeuroidAssembly) -> None:
    assert ("stimulus-id-missing", "coordinate 'stimulus_id'") in found(validate(assembly.drop_vars("stimulus_id")))
    spikes = SpikeTimesAssembly([1.0], coords={"neuroid_id": ("event", ["a"])}, dims=["event"])
    assert found(validate(spikes)) == []


def test_a_presentation_without_a_stimulus_is_named() -> None:
    shown = np.array(["a", None, ""], dtype=object)
    answers = BehavioralAssembly(np.ones(3), coords={"stimulus_id": ("presentation", shown)}, dims=["presentation"])
    assert found(validate(answers)) == [
        ("presentation-without-stimulus", "presentation 1"),
        ("presentation-without-stimulus", "presentation 2"),
    ]


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (["a", "b", "a", "c"], ("neuroid-id-doubled", "neuroid 2")),
        (np.array(["a", None, "b", "c"], dtype=object), ("neuroid-id-missing", "neuroid 1")),
    ],
)
def test_each_neuroid_needs_a_unique_id(assembly: NeuroidAssembly, ids: object, problem: tuple[str, str]) -> None:
    assert problem in found(validate(assembly.assign_coords(neuroid_id=("neuroid", ids))))


@pytest.mark.parametrize(
    ("starts", "ends", "problem"),
    [
        ([70, 170], [170, 160], ("time-bin-reversed", "time_bin 1")),
        ([70, 170], [170, 170], ("time-bin-empty", "time_bin 1")),
        ([70, 160], [170, 270], ("time-bin-overlap", "time_bin 1")),
        ([160, 70], [270, 170], ("time-bin-overlap", "time_bin 0")),
        ([70, np.nan], [170, 270], ("time-bin-not-number", "time_bin 1")),
        (["70", "170"], [170, 270], ("time-bin-not-number", "coordinate 'time_bin_start'")),
        ([70, 170], None, ("time-bin-incomplete", "coordinate 'time_bin_end'")),
    ],
)
def test_time_bins_follow_one_another(
    assembly: NeuroidAssembly, starts: object, ends: object, problem: tuple[str, str]
) -> None:
    bins = assembly.assign_coords(time_bin_start=("time_bin", starts))
    bins = bins.drop_vars("time_bin_end") if ends is None else bins.assign_coords(time_bin_end=("time_bin", ends))
    assert found(validate(bins)) == [problem]


def test_the_share_of_missing_values_is_reported(assembly: NeuroidAssembly) -> None:
    assembly[:, 2, :] = np.nan
    report = validate(assembly)
    assert found(report) == [("neuroid-all-missing", "neuroid 2"), ("values-missing", "values")]
    assert "48 of 192 values are missing (25.00%)" in report.notes[0].found
    assembly[:] = np.nan
    assert found(validate(assembly)) == [("values-all-missing", "values")]


def test_infinite_values_are_reported(assembly: NeuroidAssembly) -> None:
    assembly[0, 0, 0] = np.inf
    assert found(validate(assembly)) == [("values-infinite", "values")]


def test_values_in_chunks_are_checked(assembly: NeuroidAssembly) -> None:
    assembly[0, 0, 0] = np.nan
    assert found(validate(assembly.chunk({"presentation": 5}))) == [("values-missing", "values")]


def test_values_of_any_type_can_be_validated() -> None:
    shown = {"stimulus_id": ("presentation", ["a", "b"])}
    for values in (["yes", "no"], [True, False], np.array(["x", None], dtype=object), np.array([1, 2], "M8[ns]")):
        assert validate(BehavioralAssembly(values, coords=shown, dims=["presentation"])).ok


def test_a_coordinate_of_mixed_types_is_found(assembly: NeuroidAssembly) -> None:
    mixed = assembly.assign_coords(depth=("neuroid", np.array([1, "deep", 2, None], dtype=object)))
    assert found(validate(mixed)) == [("coordinate-mixed-type", "coordinate 'depth'")]


def test_names_of_extras_are_checked(assembly: NeuroidAssembly) -> None:
    assembly.attrs["region"] = DataAssembly([1.0], dims=["bin"])
    assert found(validate(assembly)) == [("extra-name", "the extra 'region'")]


def test_a_text_id_must_be_spelled_as_in_the_set(folder: Path) -> None:
    stimuli = StimulusSet({"stimulus_id": ["007"]})
    stimuli.stimulus_paths = {"007": folder / "im0.png"}
    answers = BehavioralAssembly([1.0], coords={"stimulus_id": ("presentation", ["7"])}, dims=["presentation"])
    assert found(validate(answers, stimuli)) == [("stimulus-id-spelling", "presentation 0")]
    numbered = BehavioralAssembly([1.0], coords={"stimulus_id": ("presentation", [7])}, dims=["presentation"])
    assert validate(numbered, stimuli).ok  # older files have numbers, which loading spells as the set does


def test_stimuli_that_were_not_shown_are_a_note(assembly: NeuroidAssembly, stimuli: StimulusSet) -> None:
    report = validate(assembly[1:12], stimuli)
    assert found(report) == [("stimulus-unused", "column 'stimulus_id'")]
    assert "'s0'" in report.notes[0].found


def test_a_set_with_another_identifier_is_reported(assembly: NeuroidAssembly, stimuli: StimulusSet) -> None:
    assembly.attrs["stimulus_set_identifier"] = "lab.Roe2026"
    assert found(validate(assembly, stimuli)) == [("set-identifier-differs", "attrs['stimulus_set_identifier']")]


def test_equal_numbers_and_missing_values_do_not_differ(assembly: NeuroidAssembly, stimuli: StimulusSet) -> None:
    stimuli["hue"] = [np.nan, *range(11)]
    hues = [np.nan, *map(float, range(11))] * 2
    assert found(validate(assembly.assign_coords(hue=("presentation", hues)), stimuli)) == []


def test_a_loaded_assembly_is_compared_with_its_own_set(assembly: NeuroidAssembly, stimuli: StimulusSet) -> None:
    assembly.attrs["stimulus_set"] = stimuli.iloc[1:]
    assert found(validate(assembly)) == [("stimulus-unknown", "presentation 0")]


def test_a_netcdf_file_is_validated_with_its_stimuli(assembly: NeuroidAssembly, folder: Path, tmp_path: Path) -> None:
    write_netcdf(assembly, tmp_path / "recording.nc")
    assert found(validate(tmp_path / "recording.nc", folder)) == []
    (folder / "im3.png").unlink()
    lines = (folder / "table.csv").read_text().splitlines()
    (folder / "table.csv").write_text("\n".join(lines[:-1]))
    assert found(validate(tmp_path / "recording.nc", folder)) == [
        ("file-missing", "line 5, file im3.png"),
        ("stimulus-unknown", "presentation 11"),
        ("file-unlisted", "files"),
    ]


def test_a_file_of_another_format_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "recording.nc").write_bytes(b"no netCDF")
    assert found(validate(tmp_path / "recording.nc")) == [("assembly-unreadable", "file recording.nc")]


def test_a_coordinate_with_the_name_of_its_dimension_is_checked_like_any_other() -> None:
    names = np.array([1, "x"], dtype=object)
    areas = NeuroidAssembly(np.zeros((1, 2)), dims=["presentation", "neuroid"], coords={"neuroid": names})
    assert "coordinate-mixed-type" in [item.code for item in validate(areas).errors]
    crossed = xr.DataArray(np.zeros((2, 2)), dims=["presentation", "neuroid"])
    crossed = crossed.assign_coords(neuroid=("presentation", [1, 2]))
    assert ("coordinate-name", "coordinate 'neuroid'") in found(validate(crossed))


def test_an_array_within_an_extra_is_found(assembly: NeuroidAssembly) -> None:
    assembly.attrs["sessions"] = DataAssembly(
        [1.0], dims=["session"], attrs={"days": DataAssembly([2.0], dims=["day"])}
    )
    assert found(validate(assembly)) == [("extra-nested", "the extra 'sessions'")]
