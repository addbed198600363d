"""An assembly that loading could not join with its stimulus set is not published."""

from pathlib import Path

import numpy as np
import pytest

import brainio
from brainio.assemblies import BehavioralAssembly, DataAssembly, NeuroidAssembly, PropertyAssembly
from brainio.errors import PackagingError, PackagingWarning
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

NAME = "lab.Doe2026"


def answers(ids: object) -> BehavioralAssembly:
    shown = np.asarray(ids)
    return BehavioralAssembly(
        np.zeros(len(shown)), coords={"stimulus_id": ("presentation", shown)}, dims=["presentation"]
    )


def package(assembly: DataAssembly, folder: Path, *, catalog: Path | None = None, stimulus_set: str = NAME) -> None:
    package_data_assembly(catalog, assembly, NAME, stimulus_set, type(assembly).__name__, folder / "store")


def refusal(assembly: DataAssembly, folder: Path, *, catalog: Path | None = None, stimulus_set: str = NAME) -> str:
    with pytest.raises(PackagingError) as caught:
        package(assembly, folder, catalog=catalog, stimulus_set=stimulus_set)
    assert not list(folder.rglob("assy_*"))
    return str(caught.value)


def test_an_unlisted_stimulus_set_must_be_packaged_first(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog = tmp_path / "lab.csv"
    assert "Package the stimulus set first" in refusal(answers(["s0"]), tmp_path, catalog=catalog)
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "store")
    package(answers(["s0"]), tmp_path, catalog=catalog)


def test_a_stimulus_set_can_be_listed_under_an_alias(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog = tmp_path / "lab.csv"
    package_stimulus_set(catalog, stimuli, NAME, tmp_path / "store", entry_facts={"aliases": "doe"})
    package(answers(["s0"]), tmp_path, catalog=catalog, stimulus_set="doe")


def test_presentations_must_show_stimuli_of_the_listed_set(
    stimuli: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, other = tmp_path / "lab.csv", tmp_path / "other.csv"
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "store")
    assert "'s7'" in refusal(answers(["s0", "s7"]), tmp_path, catalog=catalog)
    monkeypatch.setenv("BRAINIO_CATALOGS", str(catalog))
    assert "'s7'" in refusal(answers(["s0", "s7"]), tmp_path, catalog=other)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("stimulus_id\nx\n")])
def test_a_listed_table_that_cannot_be_loaded_is_not_compared(
    stimuli: StimulusSet, tmp_path: Path, damage: object
) -> None:
    catalog = tmp_path / "lab.csv"
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "store")
    assert callable(damage)
    damage(tmp_path / "store" / "stimulus_lab_Doe2026.csv")
    package(answers(["s7"]), tmp_path, catalog=catalog)


def test_ids_must_be_spelled_as_in_the_listed_set(stimuli: StimulusSet, tmp_path: Path) -> None:
    named = stimuli.iloc[:2].assign(stimulus_id=["007", "NA"])
    named.stimulus_paths = dict(zip(["007", "NA"], stimuli.stimulus_paths.values(), strict=False))
    package_stimulus_set(tmp_path / "lab.csv", named, NAME, bucket_name=tmp_path / "store")
    message = refusal(answers(["7", "NA"]), tmp_path, catalog=tmp_path / "lab.csv")
    assert (
        "[stimulus-id-spelling] presentation 0: found stimulus_id '7', which its stimulus set spells '007'" in message
    )
    package(answers(["007", "NA"]), tmp_path, catalog=tmp_path / "lab.csv")


def test_without_a_catalog_no_catalog_is_searched(tmp_path: Path) -> None:
    package(answers(["s7"]), tmp_path, stimulus_set="lab.Unheard2026")


def test_a_class_joined_with_stimuli_needs_their_ids_along_a_dimension(
    assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    without = DataAssembly([1.0, 2.0], coords={"n": ("presentation", [1, 2])}, dims=["presentation"])
    scalar = without.assign_coords(stimulus_id="s0")
    as_dimension = DataAssembly([1.0, 2.0], coords={"stimulus_id": ["s0", "s1"]}, dims=["stimulus_id"])
    for wrong in (without, scalar, as_dimension):
        assert "needs a coordinate 'stimulus_id' along one dimension" in refusal(wrong, tmp_path)
    older = without.assign_coords(image_id=("presentation", ["s0", "s1"]))
    package(older, tmp_path)


def test_a_class_that_is_not_joined_needs_no_stimuli(tmp_path: Path) -> None:
    package(PropertyAssembly([1.0], coords={"neuroid_id": ("neuroid", ["a"])}, dims=["neuroid"]), tmp_path)


@pytest.mark.parametrize("ids", [["s0", ""], [1.0, 2.0], np.array(["s0", None], dtype=object)])
def test_a_presentation_without_a_stimulus_is_refused(tmp_path: Path, ids: object) -> None:
    assert "a non-empty text as stimulus_id" in refusal(answers(ids), tmp_path)


def test_a_passed_stimulus_set_with_duplicate_ids_is_refused(stimuli: StimulusSet, tmp_path: Path) -> None:
    shown = answers(["s0"])
    shown.attrs["stimulus_set"] = stimuli.assign(stimulus_id="s0")
    assert "doubled" in refusal(shown, tmp_path)


@pytest.mark.filterwarnings("ignore:.* keeps its own coordinates:brainio.errors.FormatWarning")
def test_columns_missing_in_the_listed_set_are_stored_with_the_assembly(stimuli: StimulusSet, tmp_path: Path) -> None:
    catalog = tmp_path / "lab.csv"
    package_stimulus_set(catalog, stimuli, NAME, bucket_name=tmp_path / "store")
    own = stimuli.assign(contrast=[0.5, 0.25, 0.125], object_name=["x", "y", "z"])
    assembly = answers(["s0", "s2"]).assign_coords(
        contrast=("presentation", [0.5, 0.125]), object_name=("presentation", ["x", "z"])
    )
    assembly.attrs["stimulus_set"] = own
    with pytest.warns(PackagingWarning, match="coordinate-differs"):
        package(assembly, tmp_path, catalog=catalog)
    brainio.add_catalog(catalog)
    loaded = brainio.get_assembly(NAME)
    assert loaded["contrast"].values.tolist() == [0.5, 0.125]
    assert loaded["object_name"].values.tolist() == ["x", "z"]
    assert loaded["size_px"].values.tolist() == [4, 6]
