"""The private behaviour of xarray that `brainio.xarray_compat` relies on, with the installed version."""

import ast
import copy
import importlib
import operator
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from xarray.backends import BackendArray
from xarray.groupers import UniqueGrouper
from xarray.indexes import PandasIndex

import brainio
from brainio import xarray_compat as compat

PACKAGE = Path(brainio.__file__).parent
PRIVATE_ATTRIBUTES = {"_coords", "_indexes", "_variable", "_in_memory", "_original_obj", "_restore_coord_dims", "_obj"}
PRIVATE_METHODS = {"_from_temp_dataset", "_to_temp_dataset", "_binary_op", "_getitem_coord", "_replace_maybe_drop_dims"}
PUBLIC_MODULES = {"xarray", "xarray.backends", "xarray.groupers", "xarray.indexes", "xarray.testing", "xarray.coders"}
REPLACED_PARTS = {"coords", "indexes", "dims", "data", "attrs", "encoding", "variable"}


@pytest.fixture
def array() -> xr.DataArray:
    return xr.DataArray([1.0, 2.0], dims=["x"], coords={"x": [5, 6], "k": ("x", ["a", "b"])}, attrs={"units": "ms"})


class Reader(BackendArray):
    """Values that count how often they are read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype, self.reads = values, values.shape, values.dtype, 0

    def __getitem__(self, key: compat.ExplicitIndexer) -> Any:
        return compat.select_lazily(key, self.shape, self.read)

    def read(self, key: tuple[Any, ...]) -> Any:
        assert all(isinstance(part, int | np.integer | slice) for part in key)
        self.reads += 1
        return self.values[key]


def lazy_variable(reader: Reader) -> xr.Variable:
    variable = xr.Variable("x", np.zeros(reader.shape))
    compat.set_stored_values(variable, compat.LazilyIndexedArray(reader))
    return variable


# ------------------------------------------------------------------ parts of arrays


def test_the_coordinates_are_those_of_the_public_mapping(array: xr.DataArray) -> None:
    assert list(compat.coords_of(array)) == list(array.coords)
    assert all(compat.coords_of(array)[name] is array.coords.variables[name] for name in array.coords)


def test_the_indexes_are_those_of_the_public_mapping(array: xr.DataArray) -> None:
    assert compat.indexes_of(array) == dict(array.xindexes)


def test_replaced_parts_are_neither_copied_nor_checked(array: xr.DataArray) -> None:
    variable = xr.Variable("x", [3, 4])
    coords: dict[Any, xr.Variable] = {"k": array.coords.variables["k"]}
    replaced = compat.replace_parts(array, variable, coords, indexes={})
    assert replaced.variable is variable
    assert compat.coords_of(replaced) is coords
    assert compat.indexes_of(replaced) == {}


def test_parts_that_are_not_replaced_stay(array: xr.DataArray) -> None:
    named = array.rename("responses")
    replaced = compat.replace_parts(named, xr.Variable("x", [3, 4]))
    assert replaced.name == "responses"
    assert compat.coords_of(replaced) is compat.coords_of(named)


def test_replacing_keeps_the_class() -> None:
    class Subclass(xr.DataArray):
        __slots__ = ()

    assert type(compat.replace_parts(Subclass([1]), coords={}, indexes={})) is Subclass


def test_coordinates_are_set_in_place(array: xr.DataArray) -> None:
    other = array.copy()
    compat.set_coords(other, {"k": array.coords.variables["k"]}, {})
    assert (list(other.coords), list(other.xindexes)) == (["k"], [])


def test_xarray_rebuilds_arrays_by_its_fast_path(array: xr.DataArray) -> None:
    calls = []

    class Recorder(xr.DataArray):
        __slots__ = ()

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            calls.append(compat.is_fastpath(*args, **kwargs))
            super().__init__(*args, **kwargs)

    recorder = Recorder(array)
    recorder.isel(x=0)
    recorder + 1
    assert calls[0] is False
    assert len(calls) >= 3
    assert all(calls[1:])


def test_the_fast_path_is_also_recognized_by_position(array: xr.DataArray) -> None:
    assert compat.is_fastpath(array.variable, {}, None, None, None, {}, True)
    assert not compat.is_fastpath(array.variable, {}, None, None, None, {})


def test_an_array_is_initialized_from_its_parts(array: xr.DataArray) -> None:
    new = xr.DataArray.__new__(xr.DataArray)
    parts = array.variable, dict(compat.coords_of(array)), dict(compat.indexes_of(array))
    compat.init_from_parts(new, *parts, "responses")
    assert new.identical(array.rename("responses"))
    assert new.variable is array.variable


# ------------------------------------------------------------------------ variables


def test_values_of_objects_are_taken_as_they_are() -> None:
    dates = np.array([pd.Timestamp("2020-01-01")], dtype=object)
    assert compat.variable_of_values("x", dates).dtype == object
    assert compat.variable_of_values("x", dates).values is dates


def test_the_variable_of_a_level_has_its_values_with_their_dtype() -> None:
    index = pd.MultiIndex.from_arrays([[1, 2], ["a", "b"]], names=["n", "k"])
    level = compat.level_variable(index, "x", "n", np.dtype(np.int8), {"units": "ms"}, {})
    assert (level.values.tolist(), level.dtype, level.dims, level.attrs) == ([1, 2], np.int8, ("x",), {"units": "ms"})
    assert level[1:].values.tolist() == [2]


def test_the_variable_of_a_whole_index_has_tuples() -> None:
    index = pd.MultiIndex.from_arrays([[1, 2], ["a", "b"]], names=["n", "k"])
    rows = compat.level_variable(index, "x", None, np.dtype(object), {}, {})
    assert rows.values.tolist() == [(1, "a"), (2, "b")]
    assert isinstance(rows.to_index(), pd.MultiIndex)


def test_dimensions_are_renamed_without_reading_values() -> None:
    reader = Reader(np.arange(3.0))
    renamed = compat.with_dims(lazy_variable(reader), ["y"])
    assert (renamed.dims, reader.reads) == (("y",), 0)


def test_stored_values_are_those_that_were_set() -> None:
    variable, values = xr.Variable("x", [1, 2]), np.array([3, 4])
    compat.set_stored_values(variable, values)
    assert compat.stored_values(variable) is values


def test_values_in_a_file_are_not_in_memory_until_they_were_read() -> None:
    reader = Reader(np.arange(3.0))
    variable = lazy_variable(reader)
    compat.set_stored_values(variable, compat.read_once(compat.stored_values(variable)))
    assert not compat.is_in_memory(variable)
    assert variable[1:].values.tolist() == [1, 2]
    assert not compat.is_in_memory(variable)
    assert variable.values.tolist() == variable.values.tolist() == [0, 1, 2]
    assert compat.is_in_memory(variable)
    assert reader.reads == 2


def test_lazy_chunks_are_not_in_memory() -> None:
    pytest.importorskip("dask")
    assert not compat.is_in_memory(xr.Variable("x", [1, 2]).chunk())


@pytest.mark.parametrize("key", [1, slice(1, None), [2, 0], np.array([True, False, True])])
def test_a_reader_of_integers_and_slices_serves_all_selections(key: Any) -> None:
    values = np.arange(3.0)
    assert lazy_variable(Reader(values))[key].values.tolist() == values[key].tolist()


def test_a_reader_of_one_vector_is_given_the_vector() -> None:
    class VectorReader(Reader):
        def __getitem__(self, key: compat.ExplicitIndexer) -> Any:
            return compat.select_lazily(key, self.shape, self.read_vector, one_vector=True)

        def read_vector(self, key: tuple[Any, ...]) -> Any:
            assert isinstance(key[0], np.ndarray)
            return self.values[key]

    assert lazy_variable(VectorReader(np.arange(3.0)))[[2, 0]].values.tolist() == [2, 0]


def test_integers_and_slices_are_read_from_stored_values() -> None:
    stored = compat.stored_values(lazy_variable(Reader(np.arange(3.0))))
    assert compat.select_basic(stored, (slice(1, 3),)).tolist() == [1, 2]


# ---------------------------------------------------------------------- base classes


class HookRecorder(compat.HookedArray):
    """Records which hooks xarray calls."""

    __slots__ = ()
    calls: list[str] = []  # noqa: RUF012 - shared by all instances

    def _finish_rebuilt(self, result: Any) -> Any:
        self.calls.append("rebuilt")
        return result

    def _operate(self, other: Any, function: Any, reflexive: bool) -> Any:
        self.calls.append(f"{function.__name__} {reflexive}")
        return compat.operate(self, other, function, reflexive)

    def _unknown_coordinate(self, key: Any) -> str:
        return f"there is no {key}"

    def _shared_by_copies(self) -> list[Any]:
        return [self.attrs["table"]] if "table" in self.attrs else []


@pytest.fixture
def hooked() -> HookRecorder:
    HookRecorder.calls.clear()
    return HookRecorder([1.0, 2.0], dims=["x"], coords={"x": [5, 6]})


@pytest.mark.parametrize(
    "method", [lambda a: xr.concat([a, a], "x"), lambda a: a.reindex(x=[5]), lambda a: a.expand_dims("y")]
)
def test_methods_that_go_through_a_dataset_call_a_hook(method: Any, hooked: HookRecorder) -> None:
    assert isinstance(method(hooked), HookRecorder)
    assert "rebuilt" in HookRecorder.calls


def test_operators_call_a_hook(hooked: HookRecorder) -> None:
    assert (hooked - 1).values.tolist() == [0, 1]
    assert (1 - hooked).values.tolist() == [0, -1]
    assert (hooked > 1).values.tolist() == [False, True]
    assert HookRecorder.calls == ["sub False", "sub True", "gt False"]


def test_operators_leave_datasets_to_those(hooked: HookRecorder) -> None:
    assert compat.operate(hooked, xr.Dataset(), operator.add, False) is NotImplemented


def test_the_message_of_an_unknown_coordinate_is_that_of_the_hook(hooked: HookRecorder) -> None:
    with pytest.raises(KeyError, match="there is no z"):
        hooked["z"]


def test_deep_copies_share_the_objects_of_the_hook(hooked: HookRecorder) -> None:
    table = pd.DataFrame({"a": [1]})
    hooked.attrs = {"table": table, "list": [1]}
    for copied in (hooked.copy(deep=True), copy.deepcopy(hooked)):
        assert copied.attrs["table"] is table
        assert copied.attrs["list"] is not hooked.attrs["list"]


def test_coordinates_know_their_array(array: xr.DataArray) -> None:
    coords = compat.ArrayCoordinates(array)
    assert coords._array is array
    coords.update({"k": ("x", [7, 8])})
    assert array["k"].values.tolist() == [7, 8]


def test_plots_draw_the_array_of_the_hook(array: xr.DataArray) -> None:
    pytest.importorskip("matplotlib").use("Agg")

    class DoublingPlots(compat.PlotAccessor):
        __slots__ = ()

        def _array_to_draw(self) -> xr.DataArray:
            return self._array.drop_vars(["x", "k"]) * 2

    (line,) = DoublingPlots(array).line()
    assert line.get_ydata().tolist() == [2, 4]


# -------------------------------------------------------------------------- grouping


def test_groups_stay_the_same_in_another_class(array: xr.DataArray) -> None:
    class TenfoldGroups(compat.GroupedArray):
        __slots__ = ()

        def _operate(self, other: Any, function: Any, reflexive: bool) -> Any:
            return super()._operate(other, function, reflexive) * 10

    grouped = compat.regroup(array.groupby("k"), TenfoldGroups)
    assert grouped._array is array
    assert grouped.mean().values.tolist() == [1, 2]
    assert (grouped - grouped.mean()).values.tolist() == [0, 0]
    assert (grouped + grouped.mean()).values.tolist() == [20, 40]


def test_an_array_is_grouped_by_the_values_of_another(array: xr.DataArray) -> None:
    values = xr.DataArray(["p", "p"], dims=["x"], name="k")
    assert compat.group_by_values(array, UniqueGrouper(), values).mean().values.tolist() == [1.5]


# ------------------------------------------------------------------------- functions


@pytest.mark.parametrize(
    "function",
    [
        lambda a: xr.apply_ufunc(np.negative, a),
        lambda a: xr.where(a > 1, a, 0),
        lambda a: xr.dot(a, a),
        lambda a: xr.apply_ufunc(lambda x: (x, x), a, output_core_dims=[[], []])[1],
    ],
)
def test_results_of_functions_are_converted(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = importlib.import_module(compat._APPLY_MODULE)
    original = getattr(module, compat._APPLY_FUNCTION)
    original = getattr(original, "__wrapped__", original)
    monkeypatch.setattr(module, compat._APPLY_FUNCTION, original)
    compat.convert_function_results(lambda result, args: HookRecorder(result) if len(args) else result)
    assert isinstance(function(xr.DataArray([1.0, 2.0], dims=["x"])), HookRecorder)


# -------------------------------------------------------------------------- the rule


def private_uses(path: Path) -> list[str]:
    uses = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "xarray":
            is_private = node.module not in PUBLIC_MODULES or any(alias.name == "core" for alias in node.names)
            uses += [f"{line}: {node.module}"] if is_private else []
        elif isinstance(node, ast.Attribute) and node.attr in PRIVATE_ATTRIBUTES | PRIVATE_METHODS:
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            uses += [] if is_own and not _is_subclass_of_xarray(path) else [f"{line}: {node.attr}"]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_replace":
            names = {keyword.arg for keyword in node.keywords}
            uses += [f"{line}: _replace"] if node.args or names & REPLACED_PARTS else []
        elif isinstance(node, ast.keyword) and node.arg == "fastpath":
            uses.append(f"{node.value.lineno}: fastpath")
        elif isinstance(node, ast.FunctionDef) and node.name in PRIVATE_METHODS:
            uses.append(f"{line}: {node.name}")
    return uses


def _is_subclass_of_xarray(path: Path) -> bool:
    return "import xarray" in path.read_text(encoding="utf-8")


def test_no_other_module_uses_the_private_api_of_xarray() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "xarray_compat.py"]
    assert [f"{path}:{use}" for path in modules for use in private_uses(path)] == []


def test_private_uses_are_recognized(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import xarray as xr\nfrom xarray.core import dtypes\nfrom xarray.indexes import PandasIndex\n"
        "a._coords\na._replace(coords={})\nrow._replace(text='')\nxr.Variable((), 1, fastpath=True)\n"
    )
    assert sorted(private_uses(module)) == ["2: xarray.core", "4: _coords", "5: _replace", "7: fastpath"]


def test_files_are_read_under_the_expected_lock(array: xr.DataArray, tmp_path: Path) -> None:
    array.rename("data").to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    with xr.open_dataset(tmp_path / "a.nc", engine="netcdf4") as dataset:
        reader = threading.Thread(target=dataset["data"].load)
        with compat.NETCDF4_PYTHON_LOCK:
            reader.start()
            reader.join(0.1)
            assert reader.is_alive()
        reader.join()


def test_indexes_are_public_classes() -> None:
    assert isinstance(xr.DataArray([1], dims="x", coords={"x": [1]}).xindexes["x"], PandasIndex)
