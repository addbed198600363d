"""Calls with older signatures keep working."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from brainio.assemblies import NeuroidAssembly
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

NAME = "lab.Doe2026"


def test_the_oldest_calls_work_with_a_warning_that_names_the_new_form(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always", DeprecationWarning)
        package_stimulus_set(stimuli, stimulus_set_name=NAME, bucket_name=tmp_path)  # type: ignore[call-arg]
        package_data_assembly(  # type: ignore[call-arg]
            assembly,
            data_assembly_name=NAME,
            stimulus_set_name=NAME,
            assembly_class="NeuroidAssembly",
            bucket_name=tmp_path,
        )
    messages = [str(warning.message) for warning in recorded if warning.filename == __file__]
    for new in ("catalog_name=", "stimulus_set_identifier=", "assembly_identifier=", "assembly_class_name="):
        assert any(new in message for message in messages)
    assert len(list(tmp_path.glob("*lab_Doe2026*"))) == 3


@pytest.mark.filterwarnings("error::DeprecationWarning")
def test_both_names_of_the_catalog_argument_are_accepted(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path
) -> None:
    package_stimulus_set(  # type: ignore[call-arg]
        catalog_identifier=None, proto_stimulus_set=stimuli, stimulus_set_identifier=NAME, bucket_name=tmp_path
    )
    package_data_assembly(  # type: ignore[call-arg]
        catalog_name=None,
        proto_data_assembly=assembly,
        assembly_identifier=NAME,
        stimulus_set_identifier=NAME,
        assembly_class_name="NeuroidAssembly",
        bucket_name=tmp_path,
    )


@pytest.mark.filterwarnings("error::DeprecationWarning")
def test_no_catalog_is_the_default_of_calls_by_keyword(stimuli: StimulusSet, tmp_path: Path) -> None:
    package_stimulus_set(proto_stimulus_set=stimuli, stimulus_set_identifier=NAME, bucket_name=tmp_path)  # type: ignore[call-arg]


def test_a_keyword_under_both_of_its_names_is_an_error(stimuli: StimulusSet, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="both"), pytest.warns(DeprecationWarning, match="now called"):
        package_stimulus_set(  # type: ignore[call-arg]
            None, stimuli, stimulus_set_name=NAME, stimulus_set_identifier=NAME, bucket_name=tmp_path
        )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("keyword", ["catalog_identifier", "catalog_name"])
def test_calls_with_the_data_first_can_name_the_catalog(
    stimuli: StimulusSet, assembly: NeuroidAssembly, tmp_path: Path, keyword: str
) -> None:
    catalog = tmp_path / "lab.csv"
    options: dict[str, Any] = {keyword: catalog, "bucket_name": tmp_path / "f"}
    package_set: Any = package_stimulus_set
    package_set(stimuli, stimulus_set_name=NAME, **options)
    package_assembly: Any = package_data_assembly
    package_assembly(assembly, NAME, NAME, "NeuroidAssembly", **options)
    assert catalog.read_text().count(f"{NAME},assembly") == 1
