"""A single report lists twenty faults of a stimulus set and its assembly, each with its place."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainio.assemblies import NeuroidAssembly
from brainio.errors import PackagingError
from brainio.packaging import package_stimulus_set
from brainio.stimuli import StimulusSet
from brainio.validation import Report, validate

FAULTS_OF_THE_SET = {
    ("identifier-unconventional", "the identifier of the stimulus set"),
    ("column-name", "column 'Hue'"),
    ("column-mixed-type", "column 'note'"),
    ("id-missing", "row 1"),
    ("id-not-text", "row 2"),
    ("id-doubled", "row 4"),
    ("id-case", "row 5"),
    ("path-missing", "row 6"),
    ("file-missing", "row 7, file im7.png"),
    ("file-empty", "row 8, file im8.png"),
    ("file-unreadable", "row 9, file im9.png"),
    ("image-mode-mixed", "row 10, file im10.png"),
    ("file-kind-mixed", "row 11, file im11.jpg"),
    ("member-unsafe", "row 0"),
}
FAULTS_OF_THE_ASSEMBLY = {
    ("stimulus-unknown", "presentation 3"),
    ("neuroid-id-missing", "coordinate 'neuroid_id'"),
    ("time-bin-reversed", "time_bin 1"),
    ("values-missing", "values"),
    ("coordinate-differs", "coordinate 'object_name'"),
    ("coordinate-type-differs", "coordinate 'size_px'"),
}


@pytest.fixture
def faulty_stimuli(folder: Path, stimuli: StimulusSet) -> StimulusSet:
    ids = stimuli["stimulus_id"].tolist()
    paths = dict(stimuli.stimulus_paths)
    (folder / "im7.png").unlink()
    (folder / "im8.png").write_bytes(b"")
    (folder / "im9.png").write_bytes(b"\x89PNG and so on")
    Image.new("L", (4, 4)).save(folder / "im10.png")
    Image.new("RGB", (4, 4)).save(folder / "im11.jpg")
    paths[ids[11]] = folder / "im11.jpg"
    del paths[ids[6]]
    ids[1], ids[2], ids[4], ids[5] = None, 2, "s3", "S3"
    paths["S3"] = folder / "im5.png"
    notes = np.array(["a", 1, *["b"] * 10], dtype=object)
    names = ["../im0.png", *stimuli["filename"].tolist()[1:]]
    faulty = StimulusSet(stimuli.assign(stimulus_id=np.array(ids, dtype=object), filename=names, Hue=0, note=notes))
    faulty.stimulus_paths = paths
    faulty.identifier = "stimuli"
    return faulty


@pytest.fixture
def faulty_assembly(assembly: NeuroidAssembly) -> NeuroidAssembly:
    ids = assembly["stimulus_id"].values.tolist()
    ids[3] = "s99"
    objects = assembly["object_name"].values.tolist()
    objects[7] = "another"
    faulty = assembly.drop_vars("neuroid_id").assign_coords(
        stimulus_id=("presentation", ids),
        object_name=("presentation", objects),
        size_px=("presentation", ["4"] * len(ids)),
        time_bin_start=("time_bin", [70, 300]),
    )
    faulty[0, 0, 0] = np.nan
    faulty.attrs["stimulus_set_identifier"] = "stimuli"
    return faulty


def found(report: Report) -> set[tuple[str, str]]:
    return {(item.code, item.place) for item in report.problems}


def test_all_twenty_faults_are_named_with_their_places(
    faulty_assembly: NeuroidAssembly, faulty_stimuli: StimulusSet
) -> None:
    planted = FAULTS_OF_THE_SET | FAULTS_OF_THE_ASSEMBLY
    assert len(planted) == 20
    assert planted - found(validate(faulty_assembly, faulty_stimuli)) == set()


def test_packaging_refuses_all_errors_at_once(faulty_stimuli: StimulusSet, tmp_path: Path) -> None:
    with pytest.raises(PackagingError) as caught:
        package_stimulus_set(tmp_path / "lab.csv", faulty_stimuli, "stimuli", bucket_name=tmp_path / "store")
    errors = validate(faulty_stimuli).errors
    assert len(errors) == 10
    assert [item for item in errors if f"[{item.code}] {item.place}: " not in str(caught.value)] == []
    assert not (tmp_path / "store").exists()


def test_sound_data_have_no_problems(assembly: NeuroidAssembly, stimuli: StimulusSet) -> None:
    assert validate(assembly, stimuli).problems == ()
