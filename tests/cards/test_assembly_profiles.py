"""Profiles of assemblies: they agree with the card and the values."""

from pathlib import Path

import pytest

from brainio import get_assembly
from brainio.cards import AssemblyProfile, build_card, build_profile, find_profile
from brainio.catalogs import Entry, add_catalog, resolve
from brainio.packaging import write_netcdf
from tests.cards.examples import choices, recording, spikes
from tests.cards.profile_examples import DEMO, NAME, demo
from tests.relations.local_catalog import LocalCatalog


def build(entry: Entry) -> AssemblyProfile:
    build_profile(entry)
    found = find_profile(entry)
    assert isinstance(found, AssemblyProfile)
    return found


def publish(folder: Path, assembly: object, cls: str, **columns: str) -> Entry:
    catalog = LocalCatalog(folder)
    write_netcdf(assembly, folder / "a.nc")  # type: ignore[arg-type]  # any assembly
    catalog.add_file(folder / "a.nc", NAME, cls, **columns)
    return resolve("assembly", NAME, catalog="lab")


@pytest.mark.parametrize("name", [DEMO, "herz.Rokem2006"])
def test_the_card_equals_a_newly_built_one(name: str) -> None:
    entry = resolve("assembly", name, catalog="brainio_demo")
    assert build(entry).card == build_card(entry)


def test_each_stimulus_has_a_mean_response_and_a_rank() -> None:
    assembly, profile = get_assembly(DEMO), build(demo("assembly"))
    means = assembly.multi_groupby(["stimulus_id"]).mean(dim="presentation")
    expected = dict(zip(means["stimulus_id"].values, means.values, strict=True))
    assert profile.count == len(expected) == 43
    for rank, name in enumerate(sorted(expected, key=lambda name: -expected[name]), 1):
        found = profile.response(name)
        assert found == (name, 64, pytest.approx(expected[name], rel=1e-5), rank)
    assert profile.response("'; --") is None


def test_a_stimulus_without_finite_values_has_no_mean_and_no_rank(tmp_path: Path) -> None:
    assembly = recording()
    assembly = assembly.where(assembly["stimulus_id"] != "s3")
    profile = build(publish(tmp_path, assembly, "NeuroidAssembly"))
    found = profile.response("s3")
    assert found is not None
    assert (found.mean, found.rank, found.presentations) == (None, None, 4)
    assert profile.count == 6


@pytest.mark.parametrize(("assembly", "cls"), [(spikes(), "SpikeTimesAssembly"), (choices(), "BehavioralAssembly")])
@pytest.mark.filterwarnings("ignore:the file lacks the arrays:brainio.errors.PackagingWarning")
def test_spike_times_and_choices_have_no_responses(assembly: object, cls: str, tmp_path: Path) -> None:
    profile = build(publish(tmp_path, assembly, cls))
    assert (profile.count, profile.response("a")) == (0, None)
    assert profile.card["class"] == cls


def test_a_profile_discloses_nothing_that_another_catalog_states_about_the_same_bytes(tmp_path: Path) -> None:
    entry = publish(tmp_path / "open", recording(), "NeuroidAssembly")
    secret = tmp_path / "secret"
    rows = (tmp_path / "open" / "lab.csv").read_text().replace(NAME, "secret.Name")
    secret.mkdir()
    (secret / "hidden.csv").write_text(rows.replace("a.nc", str(tmp_path / "open" / "a.nc")))
    add_catalog(secret / "hidden.csv")
    hidden = resolve("assembly", "secret.Name", catalog="hidden")
    build(hidden)
    found = find_profile(entry)
    assert found is not None
    assert "secret" not in repr(found.card)
    assert found.card["identifier"] == NAME


def test_profiles_need_no_stimulus_set(tmp_path: Path) -> None:
    entry = publish(tmp_path, recording(), "NeuroidAssembly", stimulus_set_identifier="lab.Nowhere")
    profile = build(entry)
    assert profile.card["stimulus_set_identifier"] == "lab.Nowhere"
    assert profile.count == 6
