"""Invalid data are refused before anything is written."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from brainio.assemblies import BehavioralAssembly, NeuroidAssembly
from brainio.errors import PackagingError, UnknownClassError
from brainio.packaging import (
    check_experiment_stimulus_set,
    check_image_format,
    check_naming_convention,
    check_stimulus_naming_convention,
    check_stimulus_numbers,
    package_data_assembly,
    package_stimulus_set,
)
from brainio.stimuli import StimulusSet


def refusal(stimuli: StimulusSet, folder: Path, identifier: str = "lab.Doe2026") -> str:
    with pytest.raises(PackagingError) as caught:
        package_stimulus_set(folder / "lab.csv", stimuli, identifier, bucket_name=folder / "store")
    assert not (folder / "lab.csv").exists()
    assert not (folder / "store").exists()
    return str(caught.value)


def test_all_problems_are_reported_at_once(stimuli: StimulusSet, tmp_path: Path) -> None:
    wrong = stimuli.assign(stimulus_id="same", Hue=1)
    message = refusal(wrong, tmp_path, "lab/Doe")
    assert all(word in message for word in ("'lab/Doe'", "'Hue'", "'same'"))


def test_a_missing_key_column_is_refused(stimuli: StimulusSet, tmp_path: Path) -> None:
    assert "no column 'stimulus_id'" in refusal(stimuli.rename(columns={"stimulus_id": "key"}), tmp_path)


@pytest.mark.parametrize("bad", [None, "", 3, float("nan")])
def test_an_id_that_is_not_text_is_refused(stimuli: StimulusSet, tmp_path: Path, bad: object) -> None:
    wrong = stimuli.assign(stimulus_id=pd.Series(["s0", bad, "s2"], dtype=object))
    assert "row 1" in refusal(wrong, tmp_path)


def test_a_stimulus_without_its_file_is_refused_by_name(stimuli: StimulusSet, tmp_path: Path) -> None:
    Path(stimuli.stimulus_paths["s1"]).unlink()
    assert "image1.png" in refusal(stimuli, tmp_path)


def test_a_stimulus_without_a_path_is_refused_by_id(stimuli: StimulusSet, tmp_path: Path) -> None:
    stimuli.stimulus_paths = {key: path for key, path in stimuli.stimulus_paths.items() if key != "s2"}
    assert "'s2'" in refusal(stimuli, tmp_path)


@pytest.mark.parametrize("names", [["a.png", "a.png", "b.png"], ["a.png", "A.png", "b.png"]])
def test_names_that_would_overwrite_each_other_are_refused(
    stimuli: StimulusSet, tmp_path: Path, names: list[str]
) -> None:
    assert names[1] in refusal(stimuli.assign(filename=names), tmp_path)


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "b/../../a.png", "a\0.png", "a\\b.png", ""])
def test_names_outside_the_folder_are_refused(stimuli: StimulusSet, tmp_path: Path, name: str) -> None:
    assert "is not allowed in an archive" in refusal(stimuli.assign(filename=[name, "b.png", "c.png"]), tmp_path)


def test_an_unknown_assembly_class_is_refused(assembly: NeuroidAssembly, tmp_path: Path) -> None:
    for name in ("DataFrame", "StimulusMergeAssemblyLoader", "os"):
        with pytest.raises(UnknownClassError, match=name):
            package_data_assembly(None, assembly, "lab.Doe2026", "lab.Doe2026", name, bucket_name=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_dimensions_that_do_not_fit_the_class_are_refused(tmp_path: Path) -> None:
    answers = BehavioralAssembly([1.0], coords={"stimulus_id": ("presentation", ["a"])}, dims=["presentation"])
    with pytest.raises(PackagingError, match="NeuroidAssembly"):
        package_data_assembly(None, answers, "lab.Doe2026", "lab.Doe2026", "NeuroidAssembly", tmp_path / "store")


def test_presentations_of_unknown_stimuli_are_refused_by_id(
    assembly: NeuroidAssembly, stimuli: StimulusSet, tmp_path: Path
) -> None:
    assembly.attrs["stimulus_set"] = stimuli[stimuli["stimulus_id"] != "s2"]
    with pytest.raises(PackagingError, match="'s2'"):
        package_data_assembly(None, assembly, "lab.Doe2026", "lab.Doe2026", "NeuroidAssembly", tmp_path / "store")


@pytest.mark.parametrize("name", ["dicarlo.MajajHong2015", "lab.Doe20", "lab.Doe2020.public"])
def test_file_names_of_the_naming_convention_are_accepted(name: str) -> None:
    check_naming_convention(name)


@pytest.mark.parametrize("name", ["", "hvm", "lab.hvm", "Lab.Doe2020", "lab1.Doe2020", "lab..Doe2020"])
def test_other_file_names_are_refused_by_the_naming_convention(name: str) -> None:
    with pytest.raises(PackagingError, match="<lab>"):
        check_naming_convention(name)


def test_stimulus_files_are_named_by_word_and_number() -> None:
    for name in ("Test2020_3.jpg", "a1.png", "1.png", "x_1.mp4"):
        check_stimulus_naming_convention(name)
    for name in ("a.png", "x_1_2.png", "x_1.gif", "_1.png"):
        with pytest.raises(PackagingError, match="named"):
            check_stimulus_naming_convention(name)


def test_images_must_have_colour_channels() -> None:
    check_image_format(Image.new("RGB", (4, 5)), "one")
    with pytest.raises(PackagingError, match="two"):
        check_image_format(Image.new("L", (4, 5)), "two")


def numbered(folder: Path, numbers: list[int]) -> StimulusSet:
    made = StimulusSet({"stimulus_id": [f"s{number}" for number in numbers]})
    made.stimulus_paths = {f"s{number}": folder / f"lab_{number}.png" for number in numbers}
    for path in made.stimulus_paths.values():
        Image.new("RGB", (4, 4)).save(path)
    return made


def test_stimuli_of_an_experiment_are_numbered_from_one_without_gaps(tmp_path: Path) -> None:
    check_experiment_stimulus_set(numbered(tmp_path, [2, 1, 3]))
    check_stimulus_numbers(numbered(tmp_path, [5, 4]))
    for check, numbers in ((check_stimulus_numbers, [1, 3]), (check_experiment_stimulus_set, [2, 3])):
        with pytest.raises(PackagingError, match="numbered"):
            check(numbered(tmp_path, numbers))
