"""Columns of a stimulus set that collide with other names of the assembly are refused or reported."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import brainio
from brainio.assemblies import BehavioralAssembly, NeuroidAssembly
from brainio.cards import compute_card
from brainio.errors import FormatWarning, PackagingError
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.validation import validate

if TYPE_CHECKING:
    from pathlib import Path

    from brainio.stimuli import StimulusSet

NAME = "lab.Doe2026"
COLUMNS = {"region": ["sky", "sea", "sky"], "animal": ["cat", "dog", "cat"], "subject": ["owl", "owl", "cow"]}


@pytest.fixture
def colliding(stimuli: StimulusSet) -> StimulusSet:
    """Stimuli with a column `region`, which is also a coordinate of the neuroids of `assembly`."""
    return stimuli.assign(**COLUMNS)


def packaged(folder: Path, stimuli: StimulusSet, array: Any, cls: str = "NeuroidAssembly") -> Any:
    package_stimulus_set(folder / "lab.csv", stimuli, NAME, folder / "store")
    plain = array.copy()
    plain.attrs = {}
    package_data_assembly(folder / "lab.csv", plain, NAME, NAME, cls, bucket_name=folder / "store")
    brainio.add_catalog(folder / "lab.csv")
    return brainio.get_assembly(NAME)


@pytest.mark.parametrize("is_at_hand", [True, False])
def test_packaging_refuses_a_column_with_the_name_of_a_coordinate_and_proposes_another(
    colliding: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path, is_at_hand: bool
) -> None:
    package_stimulus_set(tmp_path / "lab.csv", colliding, NAME, tmp_path / "store")
    described = assembly.assign_attrs(stimulus_set=colliding) if is_at_hand else assembly
    with pytest.raises(PackagingError, match=r"column 'region': found a coordinate along neuroid.*'stimulus_region'"):
        package_data_assembly(tmp_path / "lab.csv", described, NAME, NAME, bucket_name=tmp_path / "store")
    renamed = colliding.rename(columns={"region": "stimulus_region"})
    assert "stimulus-column-collides" in [item.code for item in validate(assembly, colliding).errors]
    assert validate(assembly, renamed).ok


@pytest.mark.parametrize("name", ["neuroid", "presentation", "time_bin"])
def test_packaging_refuses_a_column_with_the_name_of_a_dimension(
    stimuli: StimulusSet, assembly: NeuroidAssembly, name: str
) -> None:
    errors = validate(assembly, stimuli.assign(**{name: 1})).errors
    assert [(item.code, item.found) for item in errors] == [("stimulus-column-collides", "a dimension of that name")]


def loaded_with(stimuli: StimulusSet, assembly: NeuroidAssembly, folder: Path) -> NeuroidAssembly:
    from brainio.packaging import write_netcdf

    write_netcdf(assembly, folder / "assembly.nc")
    return NeuroidAssembly.from_files(folder / "assembly.nc", stimulus_set_identifier=NAME, stimulus_set=stimuli)


def test_loading_a_collision_keeps_the_coordinate_and_warns_once(
    colliding: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    with pytest.warns(
        FormatWarning, match=r"'region' \(a coordinate along neuroid\).*attrs\['stimulus_set'\]\['region'\]"
    ):
        loaded = loaded_with(colliding, assembly, tmp_path)
    assert loaded["region"].values.tolist() == ["V4", "V4", "IT", "IT"]
    assert loaded["animal"].dims == ("presentation",)
    assert loaded.attrs["stimulus_set"]["region"].tolist() == COLUMNS["region"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded_with(colliding, assembly, tmp_path)


def test_loading_reports_only_values_that_differ(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    sizes = [4, 5, 6, 4, 5, 6]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded_with(stimuli, assembly.assign_coords(size_px=("presentation", sizes)), tmp_path)
    with pytest.warns(FormatWarning, match=r"'size_px' \(a coordinate along presentation with other values\)"):
        loaded_with(stimuli, assembly.assign_coords(size_px=("presentation", [*sizes[:5], 7])), tmp_path)


def test_animals_in_pictures_do_not_count_as_recorded_animals(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    shown = stimuli.assign(animal=COLUMNS["animal"], subject=COLUMNS["subject"])
    loaded = packaged(tmp_path, shown, assembly.drop_vars("region"))
    assert loaded["animal"].values.tolist() == ["cat", "dog", "cat"] * 2
    html = loaded._repr_html_()
    assert "by animal" not in html
    assert not {"Animals", "Subjects"} & set(html.replace("<", ">").split(">"))
    for card in (compute_card(loaded), compute_card(assembly.drop_vars("region").assign_attrs(stimulus_set=shown))):
        assert "counts" not in card
        assert "populations" not in card.get("pictures", {})
    with_animal = loaded.assign_coords(animal=("neuroid", ["m1", "m1", "m2", "m2"]))
    counts = compute_card(with_animal)["counts"]
    assert [(item["coordinate"], item["dim"], item["distinct"]) for item in counts] == [("animal", "neuroid", 2)]


@pytest.mark.filterwarnings("ignore:.*can be packaged, but check:brainio.errors.PackagingWarning")
def test_the_subject_of_a_trial_is_recorded_although_the_stimuli_have_a_column_subject(
    stimuli: StimulusSet, tmp_path: Path
) -> None:
    trials = {"stimulus_id": ("presentation", ["s0", "s1", "s2"]), "subject": ("presentation", ["p1", "p2", "p1"])}
    answers = BehavioralAssembly(np.array([1.0, 0.0, 1.0]), coords=trials, dims=["presentation"])
    shown = stimuli.assign(subject=COLUMNS["subject"])
    with pytest.warns(FormatWarning, match="subject"):
        loaded = packaged(tmp_path, shown, answers, "BehavioralAssembly")
    assert loaded["subject"].values.tolist() == ["p1", "p2", "p1"]
    card = compute_card(loaded)
    assert [item["value"] for item in card["counts"][0]["counts"]] == ["p1", "p2"]
    assert "subject" in [item["name"] for item in card["coordinates"]]


def test_missing_values_agree_with_missing_values(stimuli: StimulusSet, assembly: NeuroidAssembly) -> None:
    from brainio.assemblies.stimulus_metadata import join_stimuli, stimulus_coordinates

    described = stimuli.assign(
        note=pd.Series(["x", None, np.nan], dtype=object), count=pd.array([1, None, 3], dtype="Int64")
    )
    joined = join_stimuli(assembly, described, "a.nc").assign_attrs(stimulus_set=described)
    names = ["note", "count", "size_px", "region", "repetition", "stimulus_id"]
    assert stimulus_coordinates(joined, names) == {"note", "count", "size_px", "stimulus_id"}
