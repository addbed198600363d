"""The structure of an HDF5 file, and the rules that keep HDF5 inside the file: no link, storage or reference leads out.

Every object is reached by a hard link whose type is known before it is followed, or by a soft link that is resolved
here. Uses the low-level interface of h5py, whose calls do one thing each. Reads no values; of attributes, their names,
types and sizes, and the text that marks a dimension without values.
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
from brainio.netcdf.file_objects import GuardedFile
from brainio.netcdf.filters import ChunkLimits, FilterPipeline, StoredChunk
from brainio.netcdf.structure import FileStructure, VariableStructure
from brainio.netcdf.variable_length import ObjectHeader, TextLengths

# Limits on one file. Recordings have some 30 variables with some 10 attributes each, two levels deep.
MOST_OBJECTS = 4096  # groups, variables and committed types
MOST_ATTRIBUTES = 32_768  # of all objects
MOST_DEPTH = 32  # groups within groups, and soft links to soft links
MOST_MEMBERS = 65_536  # names of one enumeration
MOST_BYTES = 2**62  # of one variable in memory
SPARE_CHUNKS = 1 << 20  # chunks of one variable; more where the file is large enough to hold them
MOST_STREAMED_HEAPS = 16 << 20  # bytes of texts of a stream, which stay in memory while it is open
_BYTES_PER_CHUNK = 16  # the least that a chunk takes in an index of HDF5

_MOST_TEXT = 1000  # characters of the one attribute that is read
_WIDTH = 8  # bytes of an address, and of a size
_EXTERNAL_FILES = 1 << 7  # the bit of the header message that names the files of external storage
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


def read_structure(file: Path | IO[bytes], size: int, where: str) -> FileStructure:
    """Return the structure of an HDF5 file.

    Parameters
    ----------
    file : pathlib.Path or binary file
        The file.
    size : int
        Its size in bytes.
    where : str
        Its name in messages.

    Raises
    ------
    UnsafeFileError
        See `inspection.inspect`.
    Exception
        Nearly every built-in exception, from h5py, for a damaged file.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _read_open_file(file, GuardedFile(opened, size), size, where)
    return _read_open_file(file, GuardedFile(file, size), size, where)


def _read_open_file(file: Path | IO[bytes], guarded: GuardedFile, size: int, where: str) -> FileStructure:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fileobj_driver(h5fd.fileobj_driver, guarded)
    walk = _Walk(file, guarded, size, where)
    try:
        walk.enter_file(h5f.open(repr(guarded).encode(), h5f.ACC_RDONLY, fapl=access))
    except Exception as error:
        # HDF5 closes the file with its last object. A forced close would also close those of other threads.
        traceback.clear_frames(error.__traceback__)
        if not guarded.fault:
            raise
        raise UnsafeFileError(
            f"{where} is refused before it is opened: {guarded.fault}. The file is damaged; fetch or write it again."
        ) from error
    return FileStructure("netCDF-4", size, tuple(walk.variables), tuple(walk.groups), walk.stimulus_set_hashes)


class _Walk:
    """Visits each group once and each dataset by each of its links; collects variables and groups."""

    def __init__(self, file: Path | IO[bytes], guarded: GuardedFile, size: int, where: str) -> None:
        self.variables: list[VariableStructure] = []
        self.groups: list[str] = []
        self.stimulus_set_hashes = ""
        self._where = where
        self._size = size
        self._file = file
        self._guarded = guarded
        self._objects = 0
        self._attributes = 0
        self._groups_seen: set[int] = set()
        self._attribute_names: dict[int, frozenset[str]] = {}

    def enter_file(self, opened: Any) -> None:
        widths = opened.get_create_plist().get_sizes()
        if widths != (_WIDTH, _WIDTH):
            self._refuse("/", f"has addresses and sizes of {widths} bytes", f"{_WIDTH} bytes, as netCDF-4 writes them")
        self._base = opened.get_create_plist().get_userblock()
        self._texts = TextLengths(self._file, self._size, _WIDTH, self._check_heap)
        root = h5g.open(opened, b"/")
        self._enter(root, h5o.get_info(root), "", 0)
        self.stimulus_set_hashes = _short_text(root, SET_HASHES.encode())

    def _enter(self, group: Any, info: Any, path: str, depth: int) -> None:
        if info.addr in self._groups_seen:
            self._refuse(path, "is a second link to a group", "groups that form a tree, with one link to each")
        if depth > MOST_DEPTH:
            self._refuse(path, f"is a group {depth} levels deep", f"at most {MOST_DEPTH}")
        self._groups_seen.add(info.addr)
        self._check_attributes(group, info, path or "/")
        links: list[tuple[bytes, int]] = []

        def collect(name: bytes, link: Any) -> bool | None:
            links.append((name, link.type))
            return True if self._objects + len(links) > MOST_OBJECTS else None  # True ends the iteration

        group.links.iterate(collect, info=True)
        self._objects += len(links)
        if self._objects > MOST_OBJECTS:
            self._refuse(path or "/", "has too many links", f"at most {MOST_OBJECTS} objects in one file")
        for name, kind in links:
            self._follow(group, name, kind, path, depth)

    def _follow(self, group: Any, name: bytes, kind: int, path: str, depth: int) -> None:
        inner = f"{path}/{self._text(name, path)}"
        if kind == h5l.TYPE_SOFT:
            group, name = self._resolve(group, name, inner)
        elif kind != h5l.TYPE_HARD:
            target = ""
            if kind == h5l.TYPE_EXTERNAL:
                target = " to {!r} in the file {!r}".format(*map(_shown, reversed(group.links.get_val(name))))
            known = "an external link" if kind == h5l.TYPE_EXTERNAL else f"a link of the unknown type {kind}"
            self._refuse(inner, f"is {known}{target}", "links to objects of the same file")
        info = h5o.get_info(group, name)
        if info.type == h5o.TYPE_GROUP:
            self.groups.append(inner.strip("/"))
            self._enter(h5g.open(group, name), info, inner, depth + 1)
        elif info.type == h5o.TYPE_DATASET:
            self._add_dataset(group, name, info, inner)
        else:
            self._check_named_type(group, name, inner)

    def _resolve(self, group: Any, name: bytes, path: str) -> tuple[Any, bytes]:
        """Return the group and name of the hard link that a soft link leads to; HDF5 would follow external links."""
        remaining, steps = [name], 0
        while True:
            part = remaining.pop(0)
            if part in (b"", b"."):
                if not remaining:
                    self._refuse(path, "is a soft link to a group", "soft links to variables")
                continue
            if not group.links.exists(part):
                self._refuse(path, "is a soft link that leads nowhere", "links to existing objects of the same file")
            kind = group.links.get_info(part).type
            if kind == h5l.TYPE_HARD:
                if not remaining:
                    break
                group = h5g.open(group, part)
                continue
            steps += 1
            if kind != h5l.TYPE_SOFT or steps > MOST_DEPTH:
                found = "in a circle" if kind == h5l.TYPE_SOFT else "out of the file"
                self._refuse(path, f"is a soft link that leads {found}", "links to objects of the same file")
            target = group.links.get_val(part)
            group = h5g.open(group, b"/") if target.startswith(b"/") else group
            remaining[:0] = target.split(b"/")
        return group, part

    def _add_dataset(self, group: Any, name: bytes, info: Any, path: str) -> None:
        if info.hdr.mesg.present & _EXTERNAL_FILES:
            self._refuse(path, "keeps its values in another file (external storage)", "values in the file itself")
        dataset = h5d.open(group, name)
        dtype = self._dtype(dataset.get_type(), path)
        if dtype.kind == "O":  # before its properties are asked for, which HDF5 decodes with the fill value
            self._check_length(self._header(info, path, []).longest_fill_value(), 1, f"the fill value of {path}")
        created = dataset.get_create_plist()
        if created.get_layout() == h5d.VIRTUAL:  # first: asking for its shape would open the files that it names
            self._refuse(path, "takes its values from other datasets (virtual)", "values in the file itself")
        if created.get_external_count():
            self._refuse(path, "keeps its values in another file (external storage)", "values in the file itself")
        filters = FilterPipeline(created)
        if fault := filters.fault():
            self._refuse(path, *fault)
        attributes = self._check_attributes(dataset, info, path)
        shape = dataset.shape if dataset.get_space().get_simple_extent_type() != h5s.NULL else (0,)
        chunks = created.get_chunk() if created.get_layout() == h5d.CHUNKED else None
        if dtype.kind == "O":
            self._check_texts(self._texts.add_dataset(dataset, created), path)
        stored = dataset.get_storage_size() if isinstance(self._file, Path) else None
        variable = VariableStructure(path, dtype, shape, chunks, stored, filters.names, attributes)
        self._check_sizes(variable)
        if chunks is not None and filters.codes:
            elements, itemsize = math.prod(chunks), dataset.get_type().get_size()
            if fault := filters.fault_of_sizes(elements, itemsize):
                self._refuse(path, *fault)
            if stored:
                self._check_stored_chunks(dataset, ChunkLimits(filters.codes, elements * itemsize), path)
        if not self._is_only_a_dimension(dataset, attributes):
            if isinstance(self._file, Path) and 0 not in shape:
                self._check_written(dataset, created, path)
            self.variables.append(variable)

    def _check_written(self, dataset: Any, created: Any, path: str) -> None:
        """Refuse values that were never written and have no fill value: netCDF4 returns the memory that it reads into.

        h5py, which reads streams, clears that memory.
        """
        has_fill_value = created.get_fill_time() != h5d.FILL_TIME_NEVER and created.fill_value_defined()
        if not has_fill_value and dataset.get_space_status() != h5d.SPACE_STATUS_ALLOCATED:
            self._refuse(path, "has unwritten values and no fill value", "written values, or a fill value")

    def _check_sizes(self, variable: VariableStructure) -> None:
        itemsize = max(variable.itemsize, 1)
        if math.prod(max(size, 1) for size in variable.shape) * itemsize > MOST_BYTES:
            shape = " x ".join(map(str, variable.shape))
            self._refuse(variable.path, f"has the shape {shape}", f"at most {MOST_BYTES:,} bytes of one variable")
        if variable.chunks is not None and 0 in variable.chunks:
            self._refuse(variable.path, f"has chunks of the shape {variable.chunks}", "chunks with elements")
        most = SPARE_CHUNKS + self._size // _BYTES_PER_CHUNK
        if variable.chunk_count > most:
            self._refuse(
                variable.path,
                f"has {variable.chunk_count:,} chunks of the shape {variable.chunks}",
                f"at most {most:,} chunks in a file of {self._size:,} bytes",
            )

    def _check_stored_chunks(self, dataset: Any, limits: ChunkLimits, path: str) -> None:
        """Refuse chunks that are larger in the file than decoded, or that expand to more than they should."""
        suspects: list[StoredChunk] = []
        largest = 0

        def visit(found: Any) -> None:
            nonlocal largest
            largest = max(largest, found.size)
            if limits.needs_look(found.filter_mask, found.size):
                suspects.append(StoredChunk(found.byte_offset, found.size))

        dataset.chunk_iter(visit)
        if largest > limits.most_bytes:
            self._refuse(
                path,
                f"has a chunk of {largest:,} bytes in the file that decoded should have {limits.decoded_bytes:,}",
                "chunks that filters hardly enlarge",
            )
        with self._file.open("rb") if isinstance(self._file, Path) else nullcontext(self._file) as file:
            for chunk in suspects:
                if (expanded := limits.expanded_bytes(chunk, file)) > limits.most_bytes:
                    self._refuse(
                        path,
                        f"has a chunk of {chunk.size:,} bytes in the file that expands to {expanded:,} bytes or more "
                        f"and should have {limits.decoded_bytes:,}",
                        "chunks that expand to the size that they state",
                    )

    def _check_heap(self, address: int) -> bool:
        if not isinstance(self._file, Path) and self._guarded.checked_bytes > MOST_STREAMED_HEAPS:
            return True
        return self._guarded.check_heap(self._base + address)

    def _check_texts(self, fault: str, path: str) -> None:
        if self._guarded.fault:
            raise OSError(self._guarded.fault)  # as HDF5 does where it reads such a heap
        if fault:
            self._refuse(path, fault, "contiguous storage, or chunks of up to 256 MB")
        if self._texts.exceed_file:
            found = f"refers to texts of {self._texts.total:,} bytes or more, together with those before it"
            self._refuse(path, found, f"at most the {self._size:,} bytes of the file")

    def _check_named_type(self, group: Any, name: bytes, path: str) -> None:
        committed = h5t.open(group, name)
        if committed.get_class() != h5t.ENUM:
            self._refuse(path, f"is a type of its own: {_class_name(committed)}", "enumerations")
        self._dtype(committed, path)
        self._check_attributes(committed, h5o.get_info(group, name), path)

    def _dtype(self, stored: Any, path: str) -> np.dtype:
        """Return numpy's type of the elements of a dataset; h5py's own conversion follows types without a limit."""
        kind, size = stored.get_class(), stored.get_size()
        if kind == h5t.STRING:
            return np.dtype(object) if _is_text_of_variable_length(stored) else np.dtype(f"S{size}")
        if kind == h5t.ENUM:
            if stored.get_nmembers() > MOST_MEMBERS:
                self._refuse(path, f"is an enumeration of {stored.get_nmembers():,}", f"at most {MOST_MEMBERS:,} names")
            stored = stored.get_super()
            kind = stored.get_class()
        if kind == h5t.INTEGER and size in (1, 2, 4, 8) and stored.get_precision() == 8 * size:
            return np.dtype(f"{'u' if stored.get_sign() == h5t.SGN_NONE else 'i'}{size}")
        if kind == h5t.FLOAT and any(stored.equal(known) for known in _FLOATS):
            return np.dtype(f"f{size}")
        return self._refuse(path, f"has elements of a type that netCDF-4 lacks: {_class_name(stored)}", _TYPES)

    def _check_attributes(self, place: Any, info: Any, path: str) -> frozenset[str]:
        if info.addr in self._attribute_names:  # by another link
            return self._attribute_names[info.addr]
        self._attributes += info.num_attrs
        if self._attributes > MOST_ATTRIBUTES:
            self._refuse(path, "has too many attributes", f"at most {MOST_ATTRIBUTES:,} in one file")
        names: list[tuple[bytes, int]] = []
        with self._guarded.recorded() as reads:
            h5a.iterate(place, lambda name, each: names.append((name, each.data_size)), info=True)
        header = self._header(info, path, reads)
        for name, size in names:
            shown = f"attribute {self._text(name, path)!r} of {path}"
            if size > self._size:
                self._refuse(shown, f"has {size:,} bytes", f"at most the {self._size:,} bytes of the file")
            attribute = h5a.open(place, name)
            self._check_attribute_type(attribute.get_type(), name, shown)
            if attribute.get_space().get_simple_extent_ndims() > 1:
                self._refuse(shown, "has more than one dimension", "a number, a text or a list of them")
            if attribute.get_type().get_class() in (h5t.VLEN, h5t.STRING):
                self._read_attribute(attribute, name, header, shown)
        found = self._attribute_names[info.addr] = frozenset(name.decode() for name, _ in names)
        return found

    def _read_attribute(self, attribute: Any, name: bytes, header: ObjectHeader, path: str) -> None:
        """Read what is of variable length, through the guard, before netCDF4 does."""
        stored = attribute.get_type()
        is_text = _is_text_of_variable_length(stored)
        if not is_text and stored.get_class() != h5t.VLEN:
            return
        length = header.longest_in_attribute(name, attribute.get_space().get_simple_extent_npoints())
        self._check_length(length, 1 if is_text else stored.get_super().get_size(), path)
        if is_text:
            self._texts.add_attribute(attribute)
            self._check_texts("", path)
        elif attribute.shape:
            attribute.read(np.empty(attribute.shape, attribute.dtype))

    def _header(self, info: Any, path: str, reads: list[tuple[int, bytes]]) -> ObjectHeader:
        try:
            return ObjectHeader(
                lambda address, count: self._guarded.read_at(self._base + address, count), info.addr, self._size, reads
            )
        except ValueError as error:
            return self._refuse(path, f"cannot be checked ({error})", "headers as netCDF-4 writes them")

    def _check_length(self, length: int | None, itemsize: int, path: str) -> None:
        """Refuse a length for which HDF5 would allocate memory before it compares it with the bytes in the file."""
        if length is None:
            self._refuse(path, "is stored in a place that cannot be checked", "attributes as netCDF-4 writes them")
        if length * itemsize > self._size:
            found = f"states a text or list of {length * itemsize:,} bytes"
            self._refuse(path, found, f"at most the {self._size:,} bytes of the file")

    def _check_attribute_type(self, stored: Any, name: bytes, path: str) -> None:
        kind = stored.get_class()
        if kind in (h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.ENUM):
            return
        if kind == _REFERENCES.get(name):
            inner = stored.get_super() if kind == h5t.VLEN else stored.get_member_type(0)
            if inner.equal(h5t.STD_REF_OBJ):  # of the other kinds of references, some name a file
                return
        self._refuse(path, f"is of a type that netCDF-4 lacks: {_class_name(stored)}", "numbers and text")

    def _is_only_a_dimension(self, dataset: Any, attributes: frozenset[str]) -> bool:
        if "NAME" not in attributes or "CLASS" not in attributes:
            return False
        attribute = h5a.open(dataset, _NAME)
        stored = attribute.get_type()
        if stored.get_class() != h5t.STRING or stored.is_variable_str() or attribute.shape not in ((), (1,)):
            return False
        text = np.empty(attribute.shape, f"S{stored.get_size()}")
        attribute.read(text)
        return text.tobytes().startswith(_NOT_A_VARIABLE)

    def _text(self, name: bytes, path: str) -> str:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            self._refuse(path or "/", f"holds the name {_shown(name)!r}", "names in UTF-8")
        if not text or "/" in text:
            self._refuse(path or "/", f"holds the name {text!r}", "names without a slash")
        return text

    def _refuse(self, path: str, found: str, allowed: str) -> NoReturn:
        raise UnsafeFileError(
            f"{self._where} is refused before it is opened: {path} {found}; allowed: {allowed}. Ask its author "
            f"for a file written by `brainio.packaging.write_netcdf` or xarray."
        )


def _is_text_of_variable_length(stored: Any) -> bool:
    return stored.get_class() == h5t.STRING and stored.is_variable_str()


def _class_name(stored: Any) -> str:
    kind = stored.get_class()
    if kind in (h5t.INTEGER, h5t.FLOAT):
        return f"a number of {stored.get_size()} bytes"
    return _CLASS_NAMES.get(kind, f"type class {kind}")


def _shown(name: Any) -> str:
    return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)


def _short_text(place: Any, name: bytes) -> str:
    """Return the text of an attribute; empty if it does not exist, a description of its type if it is not one text."""
    if not h5a.exists(place, name):
        return ""
    attribute = h5a.open(place, name)
    stored = attribute.get_type()
    if stored.get_class() != h5t.STRING or attribute.shape != ():
        return f"({_class_name(stored)}, shape {attribute.shape})"
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    text = value[()]
    return (text if isinstance(text, str) else bytes(text).decode("utf-8", "replace"))[:_MOST_TEXT]
