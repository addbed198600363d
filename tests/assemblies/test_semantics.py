"""Semantics of the format that differ from current xarray and that no other module tests.

See also `tests/differential` for results of methods, `test_index` for selecting, `test_core` for operations,
`test_coordinates` for gathering, and `test_groupby` and `test_reductions` for missing groups.
"""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import brainio
from brainio.assemblies import (
    DataAssembly,
    GroupbyError,
    NeuroidAssembly,
    StimulusMergeAssemblyLoader,
    average_repetition,
    gather_indexes,
    merge_data_arrays,
    split_half_reliability,
)
from brainio.transform import index_efficient, subset

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = {"presentation": ["stimulus_id", "repetition", "category"], "neuroid": ["neuroid_id", "region"]}
ALL_LEVELS = [level for levels in LEVELS.values() for level in levels]


def test_coords_and_indexes_list_the_levels_and_attrs_are_kept_by_default(assembly: NeuroidAssembly) -> None:
    assert set(assembly.coords) == set(assembly.indexes) == {*LEVELS, *ALL_LEVELS}
    assert assembly.mean("presentation").attrs == (assembly * 2).attrs == assembly.attrs


@pytest.mark.parametrize(
    "chosen", [some for size in range(1, 6) for some in itertools.combinations(ALL_LEVELS, size)], ids=" ".join
)
def test_scalars_of_any_levels_keep_the_dimensions_and_all_other_levels(
    assembly: NeuroidAssembly, chosen: tuple[str, ...]
) -> None:
    last = assembly.isel(presentation=-1, neuroid=-1)
    labels = {name: last[name].item() for name in chosen}
    selected, along = assembly.sel(labels), assembly.multisel(**labels)
    hits = [assembly[name] == value for name, value in labels.items()]
    expected = assembly.values
    for axis, dim in enumerate(assembly.dims):
        own = [hit.values for hit in hits if hit.dims == (dim,)]
        expected = np.compress(np.all([np.ones(assembly.sizes[dim], dtype=bool), *own], axis=0), expected, axis=axis)
        kept = [name for name in LEVELS[str(dim)] if name not in chosen]
        assert [name for name in LEVELS[str(dim)] if selected[name].dims == (dim,)] == kept
        assert [name for name in LEVELS[str(dim)] if name in selected.xindexes] == kept
        assert all(along[name].dims == (dim,) for name in LEVELS[str(dim)])
    assert type(selected) is NeuroidAssembly
    assert selected.dims == along.dims == assembly.dims
    assert selected.values.tolist() == along.values.tolist() == expected.tolist()
    assert {name: selected[name].item() for name in chosen} == labels
    assert set(assembly.sel(labels, drop=True).coords) == set(selected.coords) - set(chosen)


ADDITIONS: dict[str, Callable[[DataAssembly], Any]] = {
    "a keyword": lambda a: a.assign_coords(added=("neuroid", ["p", "q", "p"])),
    "a mapping": lambda a: a.assign_coords({"added": ("neuroid", np.array(["p", "q", "p"]))}),
    "a column of a table": lambda a: a.assign_coords(added=("neuroid", pd.Series(["p", "q", "p"]))),
    "an assembly": lambda a: a.assign_coords(added=a.isel(presentation=0, drop=True).copy(data=["p", "q", "p"])),
    "a plain array": lambda a: a.assign_coords(added=xr.DataArray(["p", "q", "p"], dims=["neuroid"])),
    "an item": lambda a: a.__setitem__("added", ("neuroid", ["p", "q", "p"])),
    "an entry of coords": lambda a: a.coords.__setitem__("added", ("neuroid", ["p", "q", "p"])),
    "an update of coords": lambda a: a.coords.update({"added": ("neuroid", ["p", "q", "p"])}),
}


@pytest.mark.parametrize("way", ADDITIONS)
@pytest.mark.parametrize("beside", [["neuroid_id", "region"], ["region"], []], ids=str)
def test_an_added_coordinate_can_always_be_selected_at_once(
    assembly: NeuroidAssembly, way: str, beside: list[str]
) -> None:
    a = assembly.drop_vars([name for name in LEVELS["neuroid"] if name not in beside])
    added = ADDITIONS[way](a)
    added = a if added is None else added
    assert added.sel(added="p").values.tolist() == assembly.values[:, [0, 2]].tolist()
    assert added["added"].values.tolist() == ["p", "q", "p"]
    for name in beside:
        assert added.sel({name: assembly[name].values[1]}).values.tolist() == assembly.values[:, [1]].tolist()


@pytest.mark.parametrize("reset", ["repetition", "presentation", ["repetition", "category"]], ids=str)
def test_a_coordinate_whose_index_was_reset_is_indexed_by_the_next_wrap(
    assembly: NeuroidAssembly, reset: str | list[str]
) -> None:
    plain = assembly.reset_index(reset)
    assert "repetition" not in plain.xindexes
    wrapped = NeuroidAssembly(plain)
    assert wrapped.sel(repetition=1).values.tolist() == [[6.0, 7.0, 8.0]]
    assert sorted(wrapped.indexes["presentation"].names) == sorted(LEVELS["presentation"])


def recording(stimuli: int, repetitions: int = 2) -> NeuroidAssembly:
    """Return presentations in random order, each with a different stimulus or repetition."""
    order = np.random.default_rng(0).permutation(stimuli * repetitions)
    return NeuroidAssembly(
        order[:, None].astype(float),
        coords={
            "stimulus_id": ("presentation", np.array([f"s{n}" for n in order % stimuli], dtype=object)),
            "repetition": ("presentation", order // stimuli),
            "neuroid_id": ("neuroid", ["n0"]),
            "region": ("neuroid", ["IT"]),
        },
        dims=["presentation", "neuroid"],
    )


def calls_made(function: Callable[[], Any]) -> int:
    """Count the calls of Python functions during a call."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def test_rewrapping_shares_everything_and_reads_no_row(assembly: NeuroidAssembly) -> None:
    a = assembly.assign_coords(two=(("presentation", "neuroid"), np.ones((4, 3))), scalar="text")
    for again in (NeuroidAssembly(a), DataAssembly(a), gather_indexes(a)):
        assert list(again.coords) == list(a.coords)
        assert all(again.xindexes[name] is index for name, index in a.xindexes.items())
        assert np.shares_memory(again.values, a.values)
        assert np.shares_memory(again["two"].values, a["two"].values)
        assert again["two"].dims == ("presentation", "neuroid")
        assert again["scalar"].item() == "text"
    small, large = recording(2), recording(2000)
    assert calls_made(lambda: NeuroidAssembly(small)) == calls_made(lambda: NeuroidAssembly(large)) < 100


STIMULI = 60_000  # a step for each pair of presentations would take hours


@pytest.fixture(scope="module")
def large() -> NeuroidAssembly:
    return recording(STIMULI)


WORK: dict[str, Callable[[NeuroidAssembly], Any]] = {
    "wrap": lambda a: NeuroidAssembly(xr.DataArray(a).reset_index(["presentation", "neuroid"])),
    "group": lambda a: a.multi_groupby(["stimulus_id", "repetition"]).mean(),
    "group by xarray": lambda a: a.groupby("stimulus_id").max(),
    "median": lambda a: a.multi_groupby(["stimulus_id"]).median(),
    "average": average_repetition,
    "reliability": lambda a: split_half_reliability(a, 2),
    "select a value": lambda a: a.sel(stimulus_id="s7"),
    "select many values": lambda a: a.sel(stimulus_id=[f"s{n}" for n in range(0, STIMULI, 2)]),
    "select by a mask": lambda a: a[a["repetition"] == 1],
    "sort": lambda a: a.sortby(["stimulus_id", "repetition"]),
    "sort by a reordered array": lambda a: a.sortby(a.isel(neuroid=0, drop=True)[::-1]),
    "align": lambda a: xr.align(a, a[::-1], join="outer"),
    "arithmetic": lambda a: a - a[::-1],
    "concat": lambda a: xr.concat([a[::2], a[1::2]], dim="presentation"),
    "merge": lambda a: merge_data_arrays([a[::2], a[1::2]]),
    "compare": lambda a: a.identical(a.copy(deep=True)[np.arange(2 * STIMULI)]),
    "subset": lambda a: subset(a, a[a["repetition"] == 1]),
    "repeat": lambda a: index_efficient(a["stimulus_id"].values, a["stimulus_id"].values[::-1]),
    "assign": lambda a: a.assign_coords(half=("presentation", a["repetition"].values)),
    "join": lambda a: StimulusMergeAssemblyLoader(NeuroidAssembly, "unread.nc").merge_stimulus_set_meta(
        a, pd.DataFrame({"stimulus_id": [f"s{n}" for n in range(STIMULI)], "size": range(STIMULI)})
    ),
}


@pytest.mark.parametrize("work", WORK)
def test_time_grows_linearly_with_presentations(large: NeuroidAssembly, work: str) -> None:
    assert WORK[work](large) is not None


def test_every_call_that_combines_arrays_passes_its_options_to_xarray() -> None:
    folder = Path(brainio.__file__).parent
    calls = [
        (path.name, call.func.attr, {keyword.arg for keyword in call.keywords})
        for path in folder.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr) in {("xr", "merge"), ("xr", "concat"), ("xr", "align")}
    ]
    assert ("operations.py", "merge") in [call[:2] for call in calls]
    for file, function, named in calls:
        assert {"join", *(() if function == "align" else ("compat",))} <= named, f"xr.{function} in {file}"


def test_merging_passes_every_option_to_xarray(assembly: NeuroidAssembly) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert merge_data_arrays([assembly[:2, :2], assembly[1:]]).sizes == assembly.sizes


_PACKAGE = """
import sys
import pandas as pd, numpy as np
from pathlib import Path
from brainio.assemblies import NeuroidAssembly
from brainio.packaging import create_stimulus_csv, write_netcdf
from brainio.stimuli import StimulusSet
names = [f"column_{letter}" for letter in "qwertzuiopasdfghjkl"]
table = StimulusSet({"stimulus_id": ["a", "b"], "filename": ["a.png", "b.png"], **{name: [1, 2] for name in names}})
coords = {name: ("presentation", [1, 2]) for name in ["stimulus_id", *names]}
folder = Path(sys.argv[1])
create_stimulus_csv(table, folder / "s.csv")
write_netcdf(NeuroidAssembly([[1.0], [2.0]], coords=coords, dims=["presentation", "neuroid"]), folder / "a.nc")
"""


def test_two_runs_write_the_same_bytes_with_any_hash_seed(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", _PACKAGE, tmp_path / seed], env=environment, check=True)
    for name in ("s.csv", "a.nc"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_function_of_all_dimensions_can_return_one_value_in_any_form(assembly: NeuroidAssembly) -> None:
    groups = ["neuroid_id", "stimulus_id"]
    expected = assembly.multi_dim_apply(groups, lambda values, **_: np.mean(values)).values.tolist()
    forms: list[Callable[[Any], Any]] = [lambda mean: [mean], lambda mean: np.array([[mean]]), str]
    for form in forms:
        answer = assembly.multi_dim_apply(groups, lambda values, form=form, **_: form(np.mean(values)))
        assert answer.values.tolist() == expected


def test_a_result_that_is_not_a_number_is_an_error_that_explains_it(assembly: NeuroidAssembly) -> None:
    for answer in (1j, {"a": 1}):
        with pytest.raises(TypeError, match=type(answer).__name__):
            assembly.multi_dim_apply(["neuroid_id", "stimulus_id"], lambda *_, answer=answer, **__: answer)


def test_levels_of_other_dimensions_are_an_error_that_names_their_dimensions(
    assembly: NeuroidAssembly,
) -> None:
    with pytest.raises(GroupbyError, match=r"'category': \('presentation',\), 'region': \('neuroid',\)"):
        assembly.multi_groupby(["category", "region"])
    with pytest.raises(KeyError, match=r"'stimulus_id' is along \('presentation',\) like 'category'"):
        assembly.multi_dim_apply(["category", "stimulus_id"], lambda values, **_: values)
