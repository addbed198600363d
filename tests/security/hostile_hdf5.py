"""HDF5 files that read other files, loop, crash or exhaust memory: each function writes one file.

Each function gets a folder with `secret.txt` and `secret.nc`, and the path to write. As far as possible, the files
look like a recording with the dimensions presentation and neuroid.
"""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from h5py import h5a, h5d, h5o, h5p, h5s, h5t, h5z

SECRET = b"SECRET-0123456789abcdefghijklmnopqrstuvwxyz-SECRET"
VALUES = np.arange(12.0).reshape(4, 3)
FILES: dict[str, Callable[[Path], None]] = {}
FOUND: dict[str, str] = {}


def write_secrets(folder: Path) -> None:
    """Write the secrets that no reader may return."""
    (folder / "secret.txt").write_bytes(SECRET * 8)
    with h5py.File(folder / "secret.nc", "w") as file:
        recording(file)
        file["data"][...] = np.frombuffer(SECRET * 2, "f8", 12).reshape(4, 3)
    os.mkfifo(folder / "pipe")


def recording(file: h5py.File, data: bool = True) -> None:
    for name, size in (("presentation", 4), ("neuroid", 3)):
        file[name] = np.arange(size)
        file[name].make_scale(name)
    if data:
        attach(file, file.create_dataset("data", data=VALUES))


def attach(file: h5py.File, dataset: Any) -> None:
    for number, name in enumerate(("presentation", "neuroid")):
        dataset.dims[number].attach_scale(file[name])


def hostile(object_path: str, data: bool = True) -> Callable[[Callable[[h5py.File, Path], None]], None]:
    """Register a function that completes a recording, and the object that the error must name."""

    def register(build: Callable[[h5py.File, Path], None]) -> None:
        def write(path: Path) -> None:
            with h5py.File(path, "w") as file:
                recording(file, data)
                build(file, path.parent)

        name = build.__name__.replace("_", "-")
        FILES[name], FOUND[name] = write, object_path

    return register


def dataset(place: Any, name: str, shape: tuple[int, ...], kind: Any = h5t.IEEE_F64LE, **properties: Any) -> Any:
    """Create a dataset with the low-level interface, and set some of its creation properties."""
    plan = h5p.create(h5p.DATASET_CREATE)
    for method, arguments in properties.items():
        getattr(plan, method)(*arguments)
    return h5d.create(place.id, name.encode(), kind, h5s.create_simple(shape), plan)


def external(place: Any, name: str, shape: tuple[int, ...], *segments: tuple[bytes, int, int]) -> None:
    plan = h5p.create(h5p.DATASET_CREATE)
    for segment in segments:
        plan.set_external(*segment)
    h5d.create(place.id, name.encode(), h5t.IEEE_F64LE, h5s.create_simple(shape), plan)


def secret(folder: Path) -> bytes:
    return bytes(folder / "secret.txt")


@hostile("/data", data=False)
def external_storage_of_values(file: h5py.File, folder: Path) -> None:
    external(file, "data", (4, 3), (secret(folder), 0, 96))


@hostile("/data", data=False)
def external_storage_in_two_segments(file: h5py.File, folder: Path) -> None:
    external(file, "data", (4, 3), (secret(folder), 0, 48), (secret(folder), 48, 48))


@hostile("/data", data=False)
def external_storage_by_a_relative_path(file: h5py.File, folder: Path) -> None:
    external(file, "data", (4, 3), (b"secret.txt", 0, 96))


@hostile("/data", data=False)
def external_storage_without_an_end(file: h5py.File, folder: Path) -> None:
    external(file, "data", (4, 3), (secret(folder), 0, h5s.UNLIMITED))


@hostile("/data", data=False)
def external_storage_in_a_pipe(file: h5py.File, folder: Path) -> None:
    external(file, "data", (4, 3), (bytes(folder / "pipe"), 0, 96))


@hostile("/session")
def external_storage_of_a_coordinate(file: h5py.File, folder: Path) -> None:
    external(file, "session", (4,), (secret(folder), 0, 32))
    file["session"].dims[0].attach_scale(file["presentation"])


@hostile("/extra/session")
def external_storage_in_a_group(file: h5py.File, folder: Path) -> None:
    external(file.create_group("extra"), "session", (4,), (secret(folder), 0, 32))


@hostile("/time_bin")
def external_storage_of_a_dimension(file: h5py.File, folder: Path) -> None:
    external(file, "time_bin", (4,), (secret(folder), 0, 32))
    file["time_bin"].make_scale("time_bin")


@hostile("/data", data=False)
def external_link_to_values(file: h5py.File, folder: Path) -> None:
    file["data"] = h5py.ExternalLink(str(folder / "secret.nc"), "/data")


@hostile("/extra")
def external_link_to_a_group(file: h5py.File, folder: Path) -> None:
    file["extra"] = h5py.ExternalLink(str(folder / "secret.nc"), "/")


@hostile("/extra/session")
def external_link_to_a_coordinate(file: h5py.File, folder: Path) -> None:
    file.create_group("extra")["session"] = h5py.ExternalLink("secret.nc", "/neuroid")


@hostile("/again")
def external_link_to_the_file_itself(file: h5py.File, folder: Path) -> None:
    file["again"] = h5py.ExternalLink(file.filename, "/")


@hostile("/pipe")
def external_link_to_a_pipe(file: h5py.File, folder: Path) -> None:
    file["pipe"] = h5py.ExternalLink(str(folder / "pipe"), "/data")


@hostile("/first")
def soft_link_to_an_external_link(file: h5py.File, folder: Path) -> None:
    file["first"] = h5py.SoftLink("/second")
    file["second"] = h5py.ExternalLink(str(folder / "secret.nc"), "/data")


@hostile("/first")
def soft_link_through_an_external_group(file: h5py.File, folder: Path) -> None:
    file["first"] = h5py.SoftLink("/second/data")
    file["second"] = h5py.ExternalLink(str(folder / "secret.nc"), "/")


@hostile("/missing")
def soft_link_to_nothing(file: h5py.File, folder: Path) -> None:
    file["missing"] = h5py.SoftLink("/nothing")


@hostile("/loop")
def soft_link_to_itself(file: h5py.File, folder: Path) -> None:
    file["loop"] = h5py.SoftLink("/loop")


@hostile("/a")
def soft_links_to_each_other(file: h5py.File, folder: Path) -> None:
    file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")


@hostile("/root")
def soft_link_to_the_root(file: h5py.File, folder: Path) -> None:
    file["root"] = h5py.SoftLink("/")


@hostile("/extra")
def soft_link_to_a_group(file: h5py.File, folder: Path) -> None:
    file.create_group("extra")
    file["again"] = h5py.SoftLink("/extra")


@hostile("/root")
def hard_link_to_the_root(file: h5py.File, folder: Path) -> None:
    file["root"] = file["/"]


@hostile("/a/b/a")
def hard_links_in_a_circle(file: h5py.File, folder: Path) -> None:
    file.create_group("a")
    file.create_group("a/b")["a"] = file["a"]


@hostile("/g/a/a/a")
def hard_links_to_two_to_the_power_of_thirty_groups(file: h5py.File, folder: Path) -> None:
    group = file.create_group("g")
    for _ in range(30):
        following = group.create_group("a")
        group["b"] = following
        group = following


@hostile("/g")
def groups_a_hundred_levels_deep(file: h5py.File, folder: Path) -> None:
    file.create_group("/".join(["g"] * 100))


@hostile("/data", data=False)
def virtual_dataset_of_another_file(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((4, 3), "f8")
    layout[:] = h5py.VirtualSource(folder / "secret.nc", "data", shape=(4, 3))
    file.create_virtual_dataset("data", layout)


@hostile("/data", data=False)
def virtual_dataset_of_a_pipe(file: h5py.File, folder: Path) -> None:
    rows = (h5s.UNLIMITED, 3)
    plan, space = h5p.create(h5p.DATASET_CREATE), h5s.create_simple((4, 3), rows)
    space.select_hyperslab((0, 0), (h5s.UNLIMITED, 1), (1, 3), (1, 3))
    plan.set_virtual(space, bytes(folder / "pipe"), b"data", space)
    h5d.create(file.id, b"data", h5t.IEEE_F64LE, h5s.create_simple((4, 3), rows), plan)


@hostile("/session")
def virtual_dataset_of_the_file_itself(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(".", "session", shape=(4,))
    file.create_virtual_dataset("session", layout)


@hostile("/data", data=False)
def filter_of_h5py(file: h5py.File, folder: Path) -> None:
    attach(file, file.create_dataset("data", data=VALUES, chunks=(2, 3), compression="lzf"))


@hostile("/data", data=False)
def filter_that_nobody_has(file: h5py.File, folder: Path) -> None:
    dataset(file, "data", (4, 3), set_chunk=[(2, 3)], set_filter=[32004, h5z.FLAG_OPTIONAL, (1, 2)])


@hostile("/data", data=False)
def filter_applied_twice(file: h5py.File, folder: Path) -> None:
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((2, 3))
    plan.set_deflate(9)
    plan.set_filter(h5z.FILTER_DEFLATE, 0, (9,))
    h5d.create(file.id, b"data", h5t.IEEE_F64LE, h5s.create_simple((4, 3)), plan)


def _typed(name: str, dtype: Any) -> None:
    def build(file: h5py.File, folder: Path) -> None:
        attach(file, file.create_dataset("data", (4, 3), dtype=dtype))

    build.__name__ = f"values_{name}"
    hostile("/data", data=False)(build)


_typed("of_half_precision", "f2")
_typed("of_quadruple_precision", np.longdouble)
_typed("that_are_complex", "c8")
_typed("that_are_compounds", [("a", "i4"), ("b", "f8")])
_typed("that_are_sequences", h5py.vlen_dtype("i4"))
_typed("that_are_opaque", "V8")
_typed("that_are_references", h5py.ref_dtype)
_typed("that_are_references_to_regions", h5py.regionref_dtype)
_typed("that_are_arrays", np.dtype("(2,)i4"))


@hostile("/data", data=False)
def values_that_are_bits(file: h5py.File, folder: Path) -> None:
    dataset(file, "data", (4, 3), h5t.STD_B8LE)


@hostile("/data", data=False)
def values_of_three_bytes(file: h5py.File, folder: Path) -> None:
    kind = h5t.STD_I32LE.copy()
    kind.set_precision(24)
    kind.set_size(3)
    dataset(file, "data", (4, 3), kind)


@hostile("/kind")
def type_of_its_own(file: h5py.File, folder: Path) -> None:
    file["kind"] = np.dtype([("a", "i4")])


@hostile("'odd' of /data")
def attribute_with_a_reference(file: h5py.File, folder: Path) -> None:
    file["data"].attrs.create("odd", file["neuroid"].ref, dtype=h5py.ref_dtype)


@hostile("'odd' of /")
def attribute_with_a_reference_to_a_region(file: h5py.File, folder: Path) -> None:
    file.attrs.create("odd", file["data"].regionref[:2], dtype=h5py.regionref_dtype)


@hostile("'odd' of /data")
def attribute_with_sequences(file: h5py.File, folder: Path) -> None:
    sequences = np.empty(2, object)
    sequences[:] = [np.arange(3, dtype="i4"), np.arange(2, dtype="i4")]
    file["data"].attrs.create("odd", sequences, dtype=h5py.vlen_dtype("i4"))


@hostile("'_Netcdf4Coordinates' of /data")
def hidden_attribute_with_a_compound(file: h5py.File, folder: Path) -> None:
    file["data"].attrs.create("_Netcdf4Coordinates", np.zeros(1, [("a", "i4")]))


@hostile("'DIMENSION_LIST' of /data")
def dimension_list_of_regions(file: h5py.File, folder: Path) -> None:
    del file["data"].attrs["DIMENSION_LIST"]
    kind = h5t.vlen_create(h5t.STD_REF_DSETREG)
    h5a.create(file["data"].id, b"DIMENSION_LIST", kind, h5s.create_simple((2,)))


@hostile("'odd' of /data")
def attribute_of_two_dimensions(file: h5py.File, folder: Path) -> None:
    file["data"].attrs["odd"] = np.zeros((2, 2))


@hostile("/")
def five_thousand_variables(file: h5py.File, folder: Path) -> None:
    for number in range(5000):
        h5o.link(file["data"].id, file.id, str(number).encode())


@hostile("/data", data=False)
def dimensions_beyond_any_memory(file: h5py.File, folder: Path) -> None:
    space = h5s.create_simple((2**40, 2**40))
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((1024, 1024))
    h5d.create(file.id, b"data", h5t.IEEE_F64LE, space, plan)


@hostile("/data", data=False)
def a_billion_chunks_of_one_value(file: h5py.File, folder: Path) -> None:
    file.create_dataset("data", (2**15, 2**15), "f4", chunks=(1, 1))


@hostile("/")
def name_that_is_not_utf8(file: h5py.File, folder: Path) -> None:
    h5d.create(file.id, b"bad\xff\xfename", h5t.IEEE_F64LE, h5s.create_simple((3,)))


def chunk_that_expands_a_thousand_times(path: Path) -> None:
    with h5py.File(path, "w") as file:
        recording(file, data=False)
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk((4, 3))
        plan.set_deflate(9)
        data = h5d.create(file.id, b"data", h5t.IEEE_F64LE, h5s.create_simple((4, 3)), plan)
        data.write_direct_chunk((0, 0), zlib.compress(bytes(10_000_000), 9))


def user_defined_link(path: Path) -> None:
    with h5py.File(path, "w") as file:
        recording(file)
        file["odd"] = h5py.ExternalLink("x" * 40, "/y")
    body = path.read_bytes()
    message = body.index(b"\x40\x03odd")  # a link message: its type (64 is external), the length of its name
    path.write_bytes(body[:message] + b"\x50" + body[message + 1 :])


def netcdf3_that_declares_a_terabyte(path: Path) -> None:
    name = struct.pack(">i4s", 1, b"x")
    data = struct.pack(">i4s", 4, b"data")
    header = b"CDF\x02" + struct.pack(">iii", 0, 10, 1) + name + struct.pack(">i", 2**30)
    header += bytes(8) + struct.pack(">ii", 11, 1) + data + struct.pack(">ii", 1, 0) + bytes(8)
    path.write_bytes(header + struct.pack(">iiq", 6, -1, 200))


FILES["netcdf3-that-declares-a-terabyte"] = netcdf3_that_declares_a_terabyte
FOUND["netcdf3-that-declares-a-terabyte"] = "data"
FILES["user-defined-link"] = user_defined_link
FOUND["user-defined-link"] = "/odd"
