"""Structure of an HDF5 file, whose links, storage and references may not lead out of the file.

Each object is opened by a hard link whose target type is checked before, or by a soft link that is resolved here. Uses
the low-level interface of h5py, whose calls do one thing each. Reads names, types and sizes; of the values, only the
attribute texts that netCDF-4 needs to be understood.
"""

from __future__ import annotations

import math
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from h5py import (  # type: ignore[import-untyped, unused-ignore]
    h5a,
    h5d,
    h5f,
    h5fd,
    h5g,
    h5l,
    h5o,
    h5p,
    h5s,
    h5t,
)

from brainio.errors import UnsafeFileError
from brainio.netcdf.attributes import SET_HASHES
from brainio.netcdf.file_objects import HeapCheckedFile
from brainio.netcdf.filters import ChunkLimits, FilterPipeline, StoredChunk
from brainio.netcdf.structure import FileStructure, VariableStructure
from brainio.netcdf.variable_length import ObjectHeader, TextLengths

# Limits on one file. A recording has about 30 variables with 10 attributes each, in two levels of groups.
_MAX_OBJECTS = 4096  # groups, variables and named types
_MAX_ATTRIBUTES = 32_768  # of all objects
_MAX_DEPTH = 32  # groups within groups, and soft links to soft links
_MAX_MEMBERS = 65_536  # names of one enumeration
_MAX_VALUES_BYTES = 2**62  # in memory
_UNCOUNTED_CHUNKS = 1 << 20  # allowed for one variable of any file; a large file may have more
_MAX_STREAMED_HEAP_BYTES = 16 << 20  # pages of a stream stay in memory while it is open
_MIN_INDEX_BYTES_PER_CHUNK = 16

_MAX_HASHES_LENGTH = 1000  # characters of the attribute with the hashes of the stimulus set
_WIDTH = 8  # bytes of an address, and of a length
_EXTERNAL_FILES = 1 << 7  # bit of the header message that names the files of external storage
_NOT_A_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
_NAME = b"NAME"
_REFERENCES = {b"DIMENSION_LIST": h5t.VLEN, b"REFERENCE_LIST": h5t.COMPOUND}
_CLASS_NAMES = {
    h5t.TIME: "a time",
    h5t.BITFIELD: "a bit field",
    h5t.OPAQUE: "opaque bytes",
    h5t.COMPOUND: "a compound",
    h5t.REFERENCE: "a reference",
    h5t.VLEN: "a sequence of variable length",
    h5t.ARRAY: "an array",
}
_FLOATS = (h5t.IEEE_F32LE, h5t.IEEE_F32BE, h5t.IEEE_F64LE, h5t.IEEE_F64BE)
_TYPES = "integers of 1 to 8 bytes, floats of 4 or 8, text, enumerations"


def read_structure(file: Path | IO[bytes], size: int, name: str) -> FileStructure:
    """Return the structure of an HDF5 file.

    Parameters
    ----------
    file : pathlib.Path or binary file
        The file.
    size : int
        Size of the file in bytes.
    name : str
        Name of the file in messages.

    Raises
    ------
    UnsafeFileError
        See `inspection.inspect`.
    Exception
        For a damaged file, h5py raises nearly any built-in exception.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _read_open_file(file, HeapCheckedFile(opened, size), size, name)
    return _read_open_file(file, HeapCheckedFile(file, size), size, name)


def _read_open_file(file: Path | IO[bytes], checked_file: HeapCheckedFile, size: int, name: str) -> FileStructure:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fileobj_driver(h5fd.fileobj_driver, checked_file)
    reader = _StructureReader(file, checked_file, size, name)
    try:
        reader.read_file(h5f.open(repr(checked_file).encode(), h5f.ACC_RDONLY, fapl=access))
    except Exception as error:
        # HDF5 closes a file together with its last object; a forced close would also close files of other threads.
        traceback.clear_frames(error.__traceback__)
        if not checked_file.fault:
            raise
        raise UnsafeFileError(
            f"{name} is refused before it is opened: {checked_file.fault}. The file is damaged; fetch or write it "
            f"again."
        ) from error
    return FileStructure("netCDF-4", size, tuple(reader.variables), tuple(reader.groups), reader.stimulus_set_hashes)


class _StructureReader:
    """Collects variables and groups: visits each group once, and each dataset by each of its links."""

    def __init__(self, file: Path | IO[bytes], checked_file: HeapCheckedFile, size: int, name: str) -> None:
        self.variables: list[VariableStructure] = []
        self.groups: list[str] = []
        self.stimulus_set_hashes = ""
        self._file_name = name
        self._size = size
        self._file = file
        self._checked_file = checked_file
        self._object_count = 0
        self._attribute_count = 0
        self._visited_groups: set[int] = set()
        self._attribute_names: dict[int, frozenset[str]] = {}

    def read_file(self, file_id: Any) -> None:
        widths = file_id.get_create_plist().get_sizes()
        if widths != (_WIDTH, _WIDTH):
            self._refuse("/", f"has addresses and sizes of {widths} bytes", f"{_WIDTH} bytes, as netCDF-4 writes them")
        self._base = file_id.get_create_plist().get_userblock()
        self._text_lengths = TextLengths(self._file, self._size, _WIDTH, self._check_heap)
        root = h5g.open(file_id, b"/")
        self._read_group(root, h5o.get_info(root), "", 0)
        self.stimulus_set_hashes = _read_text(root, SET_HASHES.encode())

    def _read_group(self, group: Any, info: Any, path: str, depth: int) -> None:
        if info.addr in self._visited_groups:
            self._refuse(path, "is a second link to a group", "groups that form a tree, with one link to each group")
        if depth > _MAX_DEPTH:
            self._refuse(path, f"is a group {depth} levels deep", f"at most {_MAX_DEPTH}")
        self._visited_groups.add(info.addr)
        self._check_attributes(group, info, path or "/")
        links: list[tuple[bytes, int]] = []

        def collect(name: bytes, link: Any) -> bool | None:
            links.append((name, link.type))
            return True if self._object_count + len(links) > _MAX_OBJECTS else None  # True ends the iteration

        group.links.iterate(collect, info=True)
        self._object_count += len(links)
        if self._object_count > _MAX_OBJECTS:
            self._refuse(path or "/", "has too many links", f"at most {_MAX_OBJECTS} objects in one file")
        for name, kind in links:
            self._follow_link(group, name, kind, path, depth)

    def _follow_link(self, group: Any, name: bytes, kind: int, path: str, depth: int) -> None:
        inner = f"{path}/{self._decode_name(name, path)}"
        if kind == h5l.TYPE_SOFT:
            group, name = self._resolve_soft_link(group, name, inner)
        elif kind != h5l.TYPE_HARD:
            target = ""
            if kind == h5l.TYPE_EXTERNAL:
                target = " to {!r} in the file {!r}".format(*map(_printable, reversed(group.links.get_val(name))))
            link = "an external link" if kind == h5l.TYPE_EXTERNAL else f"a link of the unknown type {kind}"
            self._refuse(inner, f"is {link}{target}", "links to objects of the same file")
        info = h5o.get_info(group, name)
        if info.type == h5o.TYPE_GROUP:
            self.groups.append(inner.strip("/"))
            self._read_group(h5g.open(group, name), info, inner, depth + 1)
        elif info.type == h5o.TYPE_DATASET:
            self._add_dataset(group, name, info, inner)
        else:
            self._check_named_type(group, name, inner)

    def _resolve_soft_link(self, group: Any, name: bytes, path: str) -> tuple[Any, bytes]:
        """Return the group and name of the hard link that a soft link leads to.

        HDF5 would follow external links on the way.
        """
        remaining, steps = [name], 0
        while True:
            part = remaining.pop(0)
            if part in (b"", b"."):
                if not remaining:
                    self._refuse(path, "is a soft link to a group", "soft links to variables")
                continue
            if not group.links.exists(part):
                self._refuse(path, "is a soft link without a target", "links to existing objects of the same file")
            kind = group.links.get_info(part).type
            if kind == h5l.TYPE_HARD:
                if not remaining:
                    break
                group = h5g.open(group, part)
                continue
            steps += 1
            if kind != h5l.TYPE_SOFT or steps > _MAX_DEPTH:
                end = "in a circle" if kind == h5l.TYPE_SOFT else "out of the file"
                self._refuse(path, f"is a soft link that leads {end}", "links to objects of the same file")
            target = group.links.get_val(part)
            group = h5g.open(group, b"/") if target.startswith(b"/") else group
            remaining[:0] = target.split(b"/")
        return group, part

    def _add_dataset(self, group: Any, name: bytes, info: Any, path: str) -> None:
        if info.hdr.mesg.present & _EXTERNAL_FILES:
            self._refuse(path, "has its values in another file (external storage)", "values in the file itself")
        dataset = h5d.open(group, name)
        dtype = self._dtype_of(dataset.get_type(), path)
        if dtype.kind == "O":  # first: HDF5 reads the fill value together with the creation properties
            self._check_length(self._read_header(info, path, []).longest_fill_value(), 1, f"the fill value of {path}")
        properties = dataset.get_create_plist()
        if properties.get_layout() == h5d.VIRTUAL:  # first: reading its shape would open the source files
            self._refuse(path, "has its values in other datasets (virtual dataset)", "values in the file itself")
        if properties.get_external_count():
            self._refuse(path, "has its values in another file (external storage)", "values in the file itself")
        filters = FilterPipeline(properties)
        if fault := filters.find_fault():
            self._refuse(path, *fault)
        attributes = self._check_attributes(dataset, info, path)
        shape = dataset.shape if dataset.get_space().get_simple_extent_type() != h5s.NULL else (0,)
        chunks = properties.get_chunk() if properties.get_layout() == h5d.CHUNKED else None
        if dtype.kind == "O":
            self._check_texts(self._text_lengths.add_dataset(dataset, properties), path)
        stored = dataset.get_storage_size() if isinstance(self._file, Path) else None
        variable = VariableStructure(path, dtype, shape, chunks, stored, filters.names, attributes)
        self._check_sizes(variable)
        if chunks is not None and filters.codes:
            elements, itemsize = math.prod(chunks), dataset.get_type().get_size()
            if fault := filters.find_wrong_size(elements, itemsize):
                self._refuse(path, *fault)
            if stored:
                self._check_stored_chunks(dataset, ChunkLimits(filters.codes, elements * itemsize), path)
        if not self._is_placeholder(dataset, attributes):
            if isinstance(self._file, Path) and 0 not in shape:
                self._check_written(dataset, properties, path)
            self.variables.append(variable)

    def _check_written(self, dataset: Any, properties: Any, path: str) -> None:
        """Refuse unwritten values without a fill value, for which netCDF4 returns uninitialized memory.

        h5py, which reads streams, clears the memory.
        """
        has_fill_value = properties.get_fill_time() != h5d.FILL_TIME_NEVER and properties.fill_value_defined()
        if not has_fill_value and dataset.get_space_status() != h5d.SPACE_STATUS_ALLOCATED:
            self._refuse(path, "has unwritten values and no fill value", "written values, or a fill value")

    def _check_sizes(self, variable: VariableStructure) -> None:
        itemsize = max(variable.itemsize, 1)
        if math.prod(max(size, 1) for size in variable.shape) * itemsize > _MAX_VALUES_BYTES:
            shape = " x ".join(map(str, variable.shape))
            self._refuse(variable.path, f"has the shape {shape}", f"at most {_MAX_VALUES_BYTES:,} bytes a variable")
        if variable.chunks is not None and 0 in variable.chunks:
            self._refuse(variable.path, f"has chunks of the shape {variable.chunks}", "chunks with elements")
        most = _UNCOUNTED_CHUNKS + self._size // _MIN_INDEX_BYTES_PER_CHUNK
        if variable.chunk_count > most:
            self._refuse(
                variable.path,
                f"has {variable.chunk_count:,} chunks of the shape {variable.chunks}",
                f"at most {most:,} chunks in a file of {self._size:,} bytes",
            )

    def _check_stored_chunks(self, dataset: Any, limits: ChunkLimits, path: str) -> None:
        """Refuse chunks that are much larger in the file than in memory, or that decompress to more than their size."""
        suspects: list[StoredChunk] = []
        largest = 0

        def visit(chunk: Any) -> None:
            nonlocal largest
            largest = max(largest, chunk.size)
            if limits.must_measure(chunk.filter_mask, chunk.size):
                suspects.append(StoredChunk(chunk.byte_offset, chunk.size))

        dataset.chunk_iter(visit)
        if largest > limits.max_bytes:
            self._refuse(
                path,
                f"has a chunk of {largest:,} bytes in the file, {limits.decoded_bytes:,} bytes in memory",
                "chunks that are smaller in the file than in memory, or hardly larger",
            )
        with self._file.open("rb") if isinstance(self._file, Path) else nullcontext(self._file) as file:
            for chunk in suspects:
                if (expanded := limits.measure(chunk, file)) > limits.max_bytes:
                    self._refuse(
                        path,
                        f"has a chunk of {chunk.size:,} bytes in the file that expands to {expanded:,} bytes or more "
                        f"instead of {limits.decoded_bytes:,}",
                        "chunks that expand to their size in memory",
                    )

    def _check_heap(self, address: int) -> bool:
        if not isinstance(self._file, Path) and self._checked_file.checked_bytes > _MAX_STREAMED_HEAP_BYTES:
            return True
        return self._checked_file.check_heap(self._base + address)

    def _check_texts(self, fault: str, path: str) -> None:
        if self._checked_file.fault:
            raise OSError(self._checked_file.fault)  # HDF5 raises this when it reads such a heap
        if fault:
            self._refuse(path, fault, "contiguous storage, or chunks of up to 256 MB")
        if self._text_lengths.exceeds_file:
            fault = f"refers to texts of {self._text_lengths.total:,} bytes or more, together with earlier variables"
            self._refuse(path, fault, f"at most the {self._size:,} bytes of the file")

    def _check_named_type(self, group: Any, name: bytes, path: str) -> None:
        committed = h5t.open(group, name)
        if committed.get_class() != h5t.ENUM:
            self._refuse(path, f"is a named type: {_class_name(committed)}", "enumerations")
        self._dtype_of(committed, path)
        self._check_attributes(committed, h5o.get_info(group, name), path)

    def _dtype_of(self, datatype: Any, path: str) -> np.dtype:
        """Return the numpy dtype of the elements of a dataset, since h5py converts nested types without a limit."""
        kind, size = datatype.get_class(), datatype.get_size()
        if kind == h5t.STRING:
            return np.dtype(object) if _is_text_of_variable_length(datatype) else np.dtype(f"S{size}")
        if kind == h5t.ENUM:
            if datatype.get_nmembers() > _MAX_MEMBERS:
                self._refuse(
                    path, f"is an enumeration of {datatype.get_nmembers():,}", f"at most {_MAX_MEMBERS:,} names"
                )
            datatype = datatype.get_super()
            kind = datatype.get_class()
        if kind == h5t.INTEGER and size in (1, 2, 4, 8) and datatype.get_precision() == 8 * size:
            return np.dtype(f"{'u' if datatype.get_sign() == h5t.SGN_NONE else 'i'}{size}")
        if kind == h5t.FLOAT and any(datatype.equal(known) for known in _FLOATS):
            return np.dtype(f"f{size}")
        return self._refuse(
            path, f"has elements of a type that netCDF-4 does not have: {_class_name(datatype)}", _TYPES
        )

    def _check_attributes(self, owner: Any, info: Any, path: str) -> frozenset[str]:
        if info.addr in self._attribute_names:  # visited by another link
            return self._attribute_names[info.addr]
        self._attribute_count += info.num_attrs
        if self._attribute_count > _MAX_ATTRIBUTES:
            self._refuse(path, "has too many attributes", f"at most {_MAX_ATTRIBUTES:,} in one file")
        names: list[tuple[bytes, int]] = []
        with self._checked_file.record_reads() as reads:
            h5a.iterate(owner, lambda name, each: names.append((name, each.data_size)), info=True)
        header = self._read_header(info, path, reads)
        for name, size in names:
            label = f"attribute {self._decode_name(name, path)!r} of {path}"
            if size > self._size:
                self._refuse(label, f"has {size:,} bytes", f"at most the {self._size:,} bytes of the file")
            attribute = h5a.open(owner, name)
            self._check_attribute_type(attribute.get_type(), name, label)
            if attribute.get_space().get_simple_extent_ndims() > 1:
                self._refuse(label, "has more than one dimension", "a number, a text or a list of them")
            if attribute.get_type().get_class() in (h5t.VLEN, h5t.STRING):
                self._read_attribute(attribute, name, header, label)
        attributes = self._attribute_names[info.addr] = frozenset(name.decode() for name, _ in names)
        return attributes

    def _read_attribute(self, attribute: Any, name: bytes, header: ObjectHeader, path: str) -> None:
        """Read a value of variable length through `HeapCheckedFile`, before netCDF4 reads it."""
        datatype = attribute.get_type()
        is_text = _is_text_of_variable_length(datatype)
        if not is_text and datatype.get_class() != h5t.VLEN:
            return
        length = header.longest_in_attribute(name, attribute.get_space().get_simple_extent_npoints())
        self._check_length(length, 1 if is_text else datatype.get_super().get_size(), path)
        if is_text:
            self._text_lengths.add_attribute(attribute)
            self._check_texts("", path)
        elif attribute.shape:
            attribute.read(np.empty(attribute.shape, attribute.dtype))

    def _read_header(self, info: Any, path: str, reads: list[tuple[int, bytes]]) -> ObjectHeader:
        try:
            return ObjectHeader(
                lambda address, count: self._checked_file.read_unchecked(self._base + address, count),
                info.addr,
                self._size,
                reads,
            )
        except ValueError as error:
            return self._refuse(path, f"cannot be checked ({error})", "object headers as netCDF-4 writes them")

    def _check_length(self, length: int | None, itemsize: int, path: str) -> None:
        """Refuse a length for which HDF5 would allocate more memory than the file has bytes."""
        if length is None:
            self._refuse(path, "is stored where its length cannot be checked", "attributes as netCDF-4 writes them")
        if length * itemsize > self._size:
            self._refuse(
                path,
                f"states a text or list of {length * itemsize:,} bytes",
                f"at most the {self._size:,} bytes of the file",
            )

    def _check_attribute_type(self, datatype: Any, name: bytes, path: str) -> None:
        kind = datatype.get_class()
        if kind in (h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.ENUM):
            return
        if kind == _REFERENCES.get(name):
            inner = datatype.get_super() if kind == h5t.VLEN else datatype.get_member_type(0)
            if inner.equal(h5t.STD_REF_OBJ):  # some of the other kinds of references name a file
                return
        self._refuse(path, f"is of a type unknown to netCDF-4: {_class_name(datatype)}", "numbers and text")

    def _is_placeholder(self, dataset: Any, attributes: frozenset[str]) -> bool:
        if "NAME" not in attributes or "CLASS" not in attributes:
            return False
        attribute = h5a.open(dataset, _NAME)
        datatype = attribute.get_type()
        if datatype.get_class() != h5t.STRING or datatype.is_variable_str() or attribute.shape not in ((), (1,)):
            return False
        text = np.empty(attribute.shape, f"S{datatype.get_size()}")
        attribute.read(text)
        return text.tobytes().startswith(_NOT_A_VARIABLE)

    def _decode_name(self, name: bytes, path: str) -> str:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            self._refuse(path or "/", f"contains the name {_printable(name)!r}", "names in UTF-8")
        if not text or "/" in text:
            self._refuse(path or "/", f"contains the name {text!r}", "names without a slash")
        return text

    def _refuse(self, path: str, fault: str, allowed: str) -> NoReturn:
        raise UnsafeFileError(
            f"{self._file_name} is refused before it is opened: {path} {fault}; allowed: {allowed}. Ask its author "
            f"for a file written by `brainio.packaging.write_netcdf` or xarray."
        )


def _is_text_of_variable_length(datatype: Any) -> bool:
    return datatype.get_class() == h5t.STRING and datatype.is_variable_str()


def _class_name(datatype: Any) -> str:
    kind = datatype.get_class()
    if kind in (h5t.INTEGER, h5t.FLOAT):
        return f"a number of {datatype.get_size()} bytes"
    return _CLASS_NAMES.get(kind, f"type class {kind}")


def _printable(name: Any) -> str:
    return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)


def _read_text(group: Any, name: bytes) -> str:
    """Return the text of a scalar attribute; empty if it is missing, a description of its type if it is not text."""
    if not h5a.exists(group, name):
        return ""
    attribute = h5a.open(group, name)
    datatype = attribute.get_type()
    if datatype.get_class() != h5t.STRING or attribute.shape != ():
        return f"({_class_name(datatype)}, shape {attribute.shape})"
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    text = value[()]
    return (text if isinstance(text, str) else bytes(text).decode("utf-8", "replace"))[:_MAX_HASHES_LENGTH]
