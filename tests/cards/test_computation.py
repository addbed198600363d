"""Computed cards: they describe any data correctly, and lazy values stay lazy."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import brainio
from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.assemblies.reliability import split_half_reliability
from brainio.cards import arrays, compute_card
from brainio.catalogs.cards import card_bytes
from brainio.netcdf import chunks as chunks_module
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet
from tests.cards.examples import choices, recording, spikes, stimuli

NAMES = st.sampled_from(["presentation", "neuroid", "time_bin", "event", "stimulus_id", "repetition", "region"])
LEVELS = st.sampled_from(["stimulus_id", "repetition", "region", "animal", "time_bin_start", "time_bin_end", "x"])


@st.composite
def odd_arrays(draw: st.DrawFn) -> xr.DataArray:
    """Any values of any shape, with coordinates of any values along any dimensions."""
    dims = draw(st.lists(NAMES, max_size=3, unique=True))
    shape = tuple(draw(st.integers(0, 6)) for _ in dims)
    dtypes = hnp.scalar_dtypes() | st.sampled_from([np.dtype(np.float32), np.dtype(float), np.dtype(object)])
    values = draw(hnp.arrays(draw(dtypes), shape)) if draw(st.booleans()) else np.full(shape, np.nan)
    coords = {}
    for name in draw(st.lists(LEVELS, max_size=5, unique=True)):
        if name in dims:
            continue
        along = draw(st.lists(st.sampled_from(dims), max_size=2, unique=True)) if dims else []
        size = tuple(shape[dims.index(dim)] for dim in along)
        parts = st.one_of(st.integers(0, 2), st.text(max_size=2), st.none(), st.floats(), st.lists(st.integers()))
        one_kind = draw(st.sampled_from([parts, st.integers(0, 2), st.text(max_size=2), st.floats()]))
        column = np.empty(size, dtype=object)
        for place in np.ndindex(*size):
            column[place] = draw(one_kind)
        coords[name] = (along, column)
    try:
        return xr.DataArray(values, dims=dims, coords=coords, attrs=draw(st.just({}) | st.just({"identifier": 3})))
    except (pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta, OverflowError):
        reject()  # xarray does not support such dates


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(odd_arrays())
def test_the_card_of_any_array_is_valid_json(array: xr.DataArray) -> None:
    card = json.loads(card_bytes(compute_card(array)))
    assert card["shape"] == list(array.shape)


def test_an_array_whose_only_dimension_is_time_has_a_card() -> None:
    ends = {"time_bin_start": ("time_bin", [0, 10]), "time_bin_end": ("time_bin", [10, 20])}
    assert compute_card(xr.DataArray([1.0, 2.0], ends, ["time_bin"]))["shape"] == [2]


def names_of(card: dict[str, Any]) -> set[str]:
    return {coordinate["name"] for coordinate in card["coordinates"]}


@settings(deadline=None)
@given(odd_arrays().filter(lambda array: all(v.dtype != object or v.ndim != 1 for v in array.coords.values())))
def test_indexed_coordinates_give_the_same_statistics(array: xr.DataArray) -> None:
    plain, indexed = compute_card(array), compute_card(DataAssembly(array))
    assert indexed["values"] == plain["values"]
    assert names_of(indexed) == names_of(plain)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.lists(st.none() | st.text(max_size=3) | st.floats() | st.lists(st.integers()), min_size=4, max_size=4),
    )
)
def test_the_card_of_any_table_is_valid_json(columns: dict[str, list[Any]]) -> None:
    card = json.loads(card_bytes(compute_card(StimulusSet(columns))))
    assert len(card["columns"]) == len(columns)
    assert card["identifier"] == ""


def test_extension_types_of_pandas_are_described() -> None:
    table = StimulusSet(
        {
            "a": pd.array([1, None], dtype="Int64"),
            "b": pd.Categorical(["x", "y"]),
            "c": pd.to_datetime(["2026-11-22", "NaT"], utc=True),
        }
    )
    kinds = [(column["kind"], column["missing"]) for column in compute_card(table)["columns"]]
    assert kinds == [("integer", 1), ("text", 0), ("date", 1)]


def test_a_recording_is_described_by_its_numbers() -> None:
    card = compute_card(recording())
    assert (card["dims"], card["shape"], card["dtype"]) == (
        ["presentation", "neuroid", "time_bin"],
        [24, 5, 3],
        "float64",
    )
    values = recording().values
    finite = values[np.isfinite(values)]
    assert card["values"] == {
        "kind": "number",
        "count": 360,
        "missing": 1,
        "missing_share": pytest.approx(1 / 360, rel=1e-5),
        "infinite": 1,
        "minimum": finite.min(),
        "maximum": finite.max(),
        "mean": pytest.approx(finite.mean(), rel=1e-5),
    }
    assert card["counts"] == [
        {
            "coordinate": "region",
            "dim": "neuroid",
            "distinct": 2,
            "counts": [{"value": "IT", "count": 3}, {"value": "V4", "count": 2}],
        },
        {
            "coordinate": "animal",
            "dim": "neuroid",
            "distinct": 2,
            "counts": [{"value": "Tito", "count": 3}, {"value": "Chabo", "count": 2}],
        },
    ]
    repetitions = {"stimuli": 6, "presentations": 24, "minimum": 4, "median": 4.0, "maximum": 4}
    assert card["repetitions"] == repetitions
    bins = {"count": 3, "start_ms": 50.0, "end_ms": 80.0, "width_ms": {"minimum": 10.0, "maximum": 10.0}}
    assert card["time_bins"] == bins


def test_reliability_equals_that_of_the_public_function() -> None:
    assembly = recording().isel(presentation=slice(2, None))  # without the infinite value
    record = compute_card(assembly)["reliability"]
    each = split_half_reliability(assembly, n_splits=record["n_splits"], seed=record["seed"]).values
    quartiles = [record[name] for name in ("lower_quartile", "median", "upper_quartile")]
    assert quartiles == pytest.approx(np.quantile(each, [0.25, 0.5, 0.75]), rel=1e-5)
    assert record["computed_for"] == record["defined_for"] == 15


def test_many_neuroids_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MAX_RELIABILITY_VALUES", 24 * 3 * 4)
    record = compute_card(recording(neuroids=40))["reliability"]
    assert record["computed_for"] == 4 * 3
    sampled = recording(neuroids=40).isel(neuroid=[0, 13, 26, 39])
    each = split_half_reliability(sampled, n_splits=record["n_splits"], seed=record["seed"]).values
    assert record["median"] == pytest.approx(np.nanmedian(each), rel=1e-5)


def test_a_single_repetition_has_no_reliability() -> None:
    assert "reliability" not in compute_card(recording(repetitions=1))
    assert "reliability" not in compute_card(choices())


def test_choices_are_counted() -> None:
    card = compute_card(choices())
    assert card["class"] == "BehavioralAssembly"
    assert card["values"]["most_common"] == [{"value": "car", "count": 2}, {"value": "dog", "count": 1}]
    assert card["values"]["missing_share"] == 0.25


def test_spikes_have_extras_but_no_repetitions() -> None:
    card = compute_card(spikes())
    assert "repetitions" not in card
    (extra,) = card["extras"]
    assert (extra["name"], extra["shape"], extra["counts"][0]["counts"]) == (
        "neuroid_metadata",
        [2],
        [{"value": "IT", "count": 2}],
    )


def test_an_array_without_finite_values_has_a_card() -> None:
    empty = compute_card(recording().isel(presentation=slice(0, 0)))
    assert empty["values"] == {"kind": "number", "count": 0, "missing": 0, "missing_share": None}
    missing = compute_card(recording() * np.nan)
    assert missing["values"] == {"kind": "number", "count": 360, "missing": 360, "missing_share": 1.0}


def test_files_and_images_are_measured(tmp_path: Path) -> None:
    card = compute_card(stimuli(tmp_path))
    kinds = [(kind["kind"], kind["count"]) for kind in card["files"]["kinds"]]
    assert kinds == [("jpg", 1), ("png", 2), ("txt", 1)]
    assert card["files"]["bytes"] == sum(path.stat().st_size for path in tmp_path.iterdir() if path.is_file())
    assert card["files"]["missing"] == 1
    images = card["images"]
    assert (images["count"], images["unreadable"], images["width"]) == (2, 1, {"minimum": 20, "maximum": 40})
    assert images["modes"] == [{"mode": "L", "count": 1}, {"mode": "RGB", "count": 1}]


def test_a_file_of_several_stimuli_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"12345")
    twice = StimulusSet({"stimulus_id": ["a", "b"]})
    twice.stimulus_paths = dict.fromkeys("ab", tmp_path / "clip.mp4")
    assert compute_card(twice)["files"]["bytes"] == 5


def in_chunks(path: Path) -> DataAssembly:
    return NeuroidAssembly.from_files(path, chunks={"presentation": 7, "neuroid": 2})


def from_open_file(path: Path) -> DataAssembly:
    return NeuroidAssembly.from_files(path.open("rb"))


def in_blocks(path: Path) -> DataAssembly:
    return NeuroidAssembly.from_files(path, in_blocks=True)


@pytest.mark.parametrize("open_lazily", [in_chunks, from_open_file, in_blocks])
def test_lazy_values_give_the_same_card_and_stay_lazy(
    open_lazily: Callable[[Path], DataAssembly], tmp_path: Path
) -> None:
    write_netcdf(recording(), tmp_path / "a.nc")
    lazy = open_lazily(tmp_path / "a.nc")
    assert card_bytes(compute_card(lazy)) == card_bytes(compute_card(NeuroidAssembly.from_files(tmp_path / "a.nc")))
    assert not lazy.variable._in_memory


@pytest.mark.parametrize("open_lazily", [from_open_file, in_blocks])
def test_lazy_values_are_read_in_whole_chunks(
    open_lazily: Callable[[Path], DataAssembly], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks_module, "BLOCK_BYTES", 800_000)
    write_netcdf(recording(stimuli=400, neuroids=40), tmp_path / "a.nc")
    lazy = open_lazily(tmp_path / "a.nc")
    chunk = lazy.variable.encoding["chunksizes"]
    blocks = list(chunks_module.iter_blocks(lazy.variable))
    assert sum(block.nbytes for _, block in blocks) == lazy.nbytes
    assert max(block.nbytes for _, block in blocks) <= 800_000
    assert {part.start % size for place, _ in blocks for part, size in zip(place, chunk, strict=True)} == {0}
    assert len(blocks) > 1


def test_equal_data_give_equal_bytes_in_another_process() -> None:
    program = (
        "import sys; from tests.cards.examples import recording, choices, spikes\n"
        "from brainio.cards import compute_card; from brainio.catalogs.cards import card_bytes\n"
        "for create in (recording, choices, spikes): sys.stdout.buffer.write(card_bytes(compute_card(create())))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != b""


def test_the_size_of_a_card_is_bounded(tmp_path: Path) -> None:
    wide = StimulusSet({f"column_{number}": ["x" * 500] * 3 for number in range(1000)})
    assert len(card_bytes(compute_card(wide))) < 2**20


def test_data_are_not_changed(tmp_path: Path) -> None:
    assembly = recording()
    before = assembly.copy(deep=True)
    compute_card(assembly)
    assert assembly.identical(before)


def test_the_demo_has_reliable_observers() -> None:
    card = compute_card(brainio.get_assembly("modelfest.Carney1999"))
    assert card["reliability"]["median"] > 0.99
    assert card["repetitions"]["minimum"] == card["repetitions"]["maximum"] == 64


def test_stated_regions_and_animals_are_used_only_if_the_data_have_none() -> None:
    facts = {"regions": "IT", "animals": ["Chabo", "Tito"]}
    assert {"regions", "animals"}.isdisjoint(compute_card(recording(), facts=facts))
    assert {"regions": ["IT"]}.items() <= compute_card(choices(), facts=facts).items()
    assert "animals" not in compute_card(choices(), facts=facts)
    without = recording().reset_index("neuroid").drop_vars(["region", "animal"])
    card = compute_card(DataAssembly(without), facts=facts)
    assert (card["regions"], card["animals"]) == (["IT"], ["Chabo", "Tito"])
