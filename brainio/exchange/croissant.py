"""Descriptions of entries as Croissant 1.0, the JSON-LD with which machine-learning tools find and read data sets.

See http://mlcommons.org/croissant/1.0. A stimulus set is described by its table, its archive, and a record for each
stimulus. An assembly is described by its netCDF file only: Croissant has no arrays with named dimensions.
"""

import glob
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainio.cache import hash_file
from brainio.cards import collect_facts
from brainio.cards.card_text import MALFORMED_CARD_ERRORS
from brainio.catalogs import TYPE_STIMULUS_SET, Entry, EntryFile
from brainio.catalogs.cards import read_card
from brainio.catalogs.entries import file_name
from brainio.dois import doi_url
from brainio.errors import ArchiveError, CatalogWarning, StimulusSetFormatError
from brainio.exchange.bibtex import format_bibtex
from brainio.exchange.cited_works import Work, collect_works, unique_works
from brainio.fetch.entry_files import ExpectedFile
from brainio.licenses import is_license
from brainio.member_names import MemberNames
from brainio.stimuli.typed_csv import MOST_COLUMNS, TypedCsv, is_typed

Node = dict[str, Any]
"""A node of the JSON-LD."""

_CROISSANT = "http://mlcommons.org/croissant/"
_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": _CROISSANT,
    "rai": f"{_CROISSANT}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\+?")
_YEAR = re.compile(r"\d{4}")
_MEDIA_TYPES = {"csv": "text/csv", "zip": "application/zip", "nc": "application/x-netcdf"}
_STIMULUS_MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "txt": "text/plain",
}
_RECORD_SET = "stimuli"
_ID_COLUMNS = ("stimulus_id", "image_id")
_CARD_TYPES = {"integer": "sc:Integer", "number": "sc:Float", "boolean": "sc:Boolean"}
_DTYPES = {"i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}
_CONTENT_TYPES = {"image": "sc:ImageObject", "audio": "sc:AudioObject", "video": "sc:VideoObject", "text": "sc:Text"}


@dataclass(frozen=True)
class DescribedFile:
    """A file of an entry, with the facts for its description.

    Attributes
    ----------
    entry : Entry
        The entry.
    file : EntryFile
        Its file.
    path : Path or None
        Copy of the file on this machine, if any.
    sha256 : str
        Hash of the file; empty if not known.
    """

    entry: Entry
    file: EntryFile
    path: Path | None
    sha256: str

    @property
    def id(self) -> str:
        """The `@id` of the file: its standard name, independent of its location."""
        return node_id(file_name(self.entry.identifier, self.file.part))

    @property
    def expected(self) -> ExpectedFile:
        """The file as the catalog describes it."""
        return ExpectedFile.from_entry(self.entry, self.file)

    def node(self, content_url: str) -> Node:
        """Describe the file as a `cr:FileObject` at a URL or path."""
        sha1 = f", SHA-1 {self.file.sha1}" if self.file.sha1 and not self.sha256 else ""
        size = self._size()
        return {
            "@type": "cr:FileObject",
            "@id": self.id,
            "name": self.id,
            "description": f"The {self.file.part} file of {self.entry.kind} {self.entry.identifier}{sha1}.",
            "contentUrl": content_url,
            "encodingFormat": _MEDIA_TYPES[self.file.part],
            **({"sha256": self.sha256} if self.sha256 else {}),
            **({} if size is None else {"contentSize": f"{size} B"}),
        }

    def _size(self) -> int | None:
        """Return the size in bytes, from the catalog or the local copy; None if unknown."""
        return self.file.size if self.file.size is not None or self.path is None else self.path.stat().st_size


def describe_local_files(entry: Entry) -> list[DescribedFile]:
    """Describe the files of an entry; compute a SHA-256 that the catalog lacks from a copy on this machine.

    Fetches nothing.

    Warns
    -----
    CatalogWarning
        The catalog gives no SHA-256 for a file, and there is no copy on this machine.
    """
    described = []
    for file in entry.files:
        path = _find_local_copy(ExpectedFile.from_entry(entry, file))
        sha256 = file.sha256 or ("" if path is None else hash_file(path, "sha256"))
        described.append(DescribedFile(entry, file, path, sha256))
        if not sha256:
            warnings.warn(
                f"catalog {entry.catalog!r} gives no sha256 for the {file.part} file of {entry.kind} "
                f"{entry.identifier!r}, and the file is not in the cache, so readers of Croissant cannot verify it. "
                f"Fetch the file first: brainio get {entry.identifier}",
                CatalogWarning,
                stacklevel=4,
            )
    return described


def describe_listed_files(entry: Entry) -> list[DescribedFile]:
    """Describe the files of an entry from its catalog row alone."""
    return [DescribedFile(entry, file, None, file.sha256) for file in entry.files]


def _find_local_copy(expected: ExpectedFile) -> Path | None:
    """Return a copy of a file on this machine, or None."""
    paths = (location.path for location, _ in expected.locations if location.is_local)
    return expected.find_cached() or next((path for path in paths if path.is_file()), None)


def node_id(name: str) -> str:
    """Replace the characters that mlcroissant refuses in an `@id`, such as blanks.

    Examples
    --------
    >>> node_id("mean rate")
    'mean_rate'
    """
    return re.sub(r"[^\w.()+-]", "_", name)


def croissant(
    entries: Sequence[Entry],
    url_of: Callable[[DescribedFile], str],
    describe_files: Callable[[Entry], list[DescribedFile]] = describe_local_files,
) -> Node:
    """Describe entries as one data set.

    Parameters
    ----------
    entries : sequence of Entry
        A stimulus set, an assembly, or one of each.
    url_of : function
        File -> its `contentUrl`.
    describe_files : function, default `describe_local_files`
        Entry -> its files; `describe_listed_files` does not look for files on this machine.

    Warns
    -----
    CatalogWarning
        The SHA-256 of a file is not known. The description is then marked as that of a live data set, whose files
        readers do not verify.
    """
    files_by_entry = {entry: describe_files(entry) for entry in entries}
    files = [file for described in files_by_entry.values() for file in described]
    distribution = [file.node(url_of(file)) for file in files]
    record_sets: list[Node] = []
    for entry, described in files_by_entry.items():
        parts = {file.file.part: file for file in described}
        if entry.lookup_type != TYPE_STIMULUS_SET or not {"csv", "zip"} <= parts.keys():
            continue
        schema = _find_table_schema(parts["csv"])
        if schema is not None:
            file_set, record_set = describe_records(parts["csv"], parts["zip"], schema)
            distribution += [file_set] if file_set else []
            record_sets.append(record_set)
    # Readers require a SHA-256 of each file, except in live data sets.
    live = {} if all(file.sha256 for file in files) else {"isLiveDataset": True}
    records = {"recordSet": record_sets} if record_sets else {}
    return {**_describe_dataset(entries), **live, "distribution": distribution, **records}


def _describe_dataset(entries: Sequence[Entry]) -> Node:
    """Describe the data set as a whole: title, license, authors, citation, version."""
    first = entries[0]
    works = unique_works(collect_works(entries))
    papers = [work for work in works if not work.is_data]
    facts = collect_facts(first)
    kinds = " and ".join(entry.kind for entry in entries)
    title = f", of: {papers[0].title}" if papers else ""
    properties = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": f"{_CROISSANT}1.0",
        "name": first.identifier,
        "description": f"{kinds.capitalize()} {first.identifier} of the catalog {first.catalog}{title.rstrip('.')}.",
        "license": _license(facts.get("license", "")),
        "creator": _creators(facts, papers),
        "citeAs": format_bibtex(works),
        "url": _find_page(papers, facts),
        "version": first.version,
        "datePublished": next((work.year for work in papers if _YEAR.fullmatch(work.year)), ""),
        "alternateName": list(first.aliases),
    }
    return {name: value for name, value in properties.items() if value}


def _license(name: str) -> str:
    """Return the URL of an SPDX identifier; other text, such as a license expression, unchanged."""
    is_listed = _SPDX.fullmatch(name) and is_license(name) and not name.startswith("LicenseRef-")
    return f"https://spdx.org/licenses/{name}.html" if is_listed else name


def _creators(facts: dict[str, Any], papers: list[Work]) -> list[Node]:
    """Return the authors on the card, otherwise those of the first publication."""
    authors = [
        {"@type": "sc:Person", "name": author["name"]}
        | ({"identifier": f"https://orcid.org/{author['orcid']}"} if author.get("orcid") else {})
        for author in facts.get("authors", ())
    ]
    return authors or [{"@type": "sc:Person", "name": name} for name in (papers[0].authors if papers else ())]


def _find_page(papers: list[Work], facts: dict[str, Any]) -> str:
    """Return the URL of a publication, otherwise that of the DOI on the card; empty without either."""
    pages = [work.url or (doi_url(work.doi) if work.doi else "") for work in papers]
    pages += [doi_url(facts["doi"])] if facts.get("doi") else []
    return next(filter(None, pages), "")


@dataclass(frozen=True)
class TableSchema:
    """Columns of the table of a stimulus set, and the names of its files.

    Attributes
    ----------
    columns : dict
        Column -> Croissant data type.
    extensions : list of str
        Extensions of the stimulus files, without the dot.
    file_names : frozenset of str
        Names of the stimulus files; empty if not known.
    """

    columns: dict[str, str]
    extensions: list[str]
    file_names: frozenset[str] = frozenset()


def _find_table_schema(csv: DescribedFile) -> TableSchema | None:
    """Return the schema of a table, from its file on this machine or otherwise from the card; None without either."""
    if csv.path is not None:
        return _read_table_schema(csv.path)
    card = read_card(csv.entry)
    try:
        columns = {f"{column['name']}": _CARD_TYPES.get(column["kind"], "sc:Text") for column in card["columns"]}
        kinds = [kind["kind"] for kind in card.get("files", {}).get("kinds", [])]
        extensions = [extension for kind in kinds for extension in (kind, kind.upper())]
        return TableSchema(columns | {"filename": "sc:Text"}, extensions)
    except MALFORMED_CARD_ERRORS:  # also raised for a card without columns
        return None


def _read_table_schema(path: Path) -> TableSchema:
    """Read the types of a table: as it states them, otherwise as readers of Croissant infer them."""
    import pandas as pd

    try:
        content = path.read_bytes()
        width = content.partition(b"\n")[0].count(b",") + 1
        table = None
        if width <= MOST_COLUMNS:
            table = TypedCsv(content, str(path)).table() if is_typed(content) else pd.read_csv(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise StimulusSetFormatError(f"{path} cannot be read as a CSV table: {error}") from error
    if table is None:
        raise StimulusSetFormatError(f"{path} has {width:,} columns; a stimulus set has at most {MOST_COLUMNS:,}")
    columns = {str(name): _DTYPES.get(column.dtype.kind, "sc:Text") for name, column in table.items()}
    names = [str(name) for name in table["filename"].dropna()] if "filename" in table else []
    extensions = sorted({name.rpartition(".")[2] for name in names if "." in name})
    texts = {name: "sc:Text" for name in (*_ID_COLUMNS, "filename") if name in columns}
    return TableSchema(columns | texts, extensions, frozenset(names))


def describe_records(csv: DescribedFile, archive: DescribedFile, schema: TableSchema) -> tuple[Node | None, Node]:
    """Describe the stimulus files in an archive (None if their types are unknown), and a record for each stimulus.

    The files are the left side of the join with the table, because readers would otherwise take the table for the
    content of a file. For that reason the file set must not contain files that no row names.
    """
    has_unlisted = _has_unlisted_members(archive.path, schema)
    files = describe_file_set(archive.id, schema.extensions, schema.file_names if has_unlisted else ())
    ids = _field_ids(schema.columns)
    fields = [_column_field(ids[name], name, data_type, csv.id) for name, data_type in schema.columns.items()]
    if files is not None:
        filename = next(field for field in fields if field["name"] == "filename")
        filename["references"] = filename["source"]
        filename["source"] = {"fileSet": {"@id": files["@id"]}, "extract": {"fileProperty": "fullpath"}}
        fields.append(_content_field(files, {*ids.values()}))
    key = next((name for name in _ID_COLUMNS if name in schema.columns), None)
    return files, {
        "@type": "cr:RecordSet",
        "@id": _RECORD_SET,
        "name": _RECORD_SET,
        "description": "One record a stimulus: the columns of the table, and its file.",
        **({"key": {"@id": ids[key]}} if key else {}),
        "field": fields,
    }


def _has_unlisted_members(archive: Path | None, schema: TableSchema) -> bool:
    """Return whether an archive has files that no row names, but that have the extension of a stimulus file."""
    if archive is None:
        return False
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ArchiveError(f"{archive} cannot be read as a ZIP archive: {error}") from error
    extensions, names = {*schema.extensions}, MemberNames(members)
    listed = {names.find(name) for name in schema.file_names}
    return any(name.rpartition(".")[2] in extensions and name not in listed for name in members)


def describe_file_set(archive: str, extensions: Sequence[str], names: Collection[str] = ()) -> Node | None:
    """Describe the stimulus files in an archive as a `cr:FileSet`; None if the types of all files are unknown.

    Parameters
    ----------
    archive : str
        The `@id` of the ZIP file.
    extensions : sequence of str
        Extensions of the stimulus files, without the dot.
    names : collection of str, optional
        Names of the stimulus files, if the archive has other files with these extensions.

    Examples
    --------
    >>> describe_file_set("stimuli.zip", ["PNG", "png", "xyz"])["includes"]
    ['*.PNG', '*.png']
    """
    known = [extension for extension in extensions if extension.lower() in _STIMULUS_MEDIA_TYPES]
    if not known:
        return None
    patterns = [glob.escape(name) for name in sorted(names) if name.rpartition(".")[2] in known]
    return {
        "@type": "cr:FileSet",
        "@id": f"{archive}/files",
        "name": "stimulus files",
        "containedIn": {"@id": archive},
        "encodingFormat": sorted({_STIMULUS_MEDIA_TYPES[extension.lower()] for extension in known}),
        "includes": patterns or [f"*.{extension}" for extension in known],
    }


def _field_ids(names: Iterable[str]) -> dict[str, str]:
    """Return a unique `@id` for each column, also for names that differ only in replaced characters."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        id_ = f"{_RECORD_SET}/{node_id(name)}"
        ids[name] = id_ if id_ not in taken else f"{id_}-{len(ids)}"
        taken.add(ids[name])
    return ids


def _column_field(id_: str, name: str, data_type: str, csv: str) -> Node:
    """Describe a field that is read from a column of the table."""
    return {
        "@type": "cr:Field",
        "@id": id_,
        "name": name,
        "dataType": data_type,
        "source": {"fileObject": {"@id": csv}, "extract": {"column": name}},
    }


def _content_field(files: Node, taken: Collection[str]) -> Node:
    """Describe the field with the content of the stimulus file, under a name that no column has."""
    types = {media_type.partition("/")[0] for media_type in files["encodingFormat"]}
    content_type = types.pop() if len(types) == 1 else "text"
    name = "file_content" if content_type == "text" else f"file_{content_type}"
    while f"{_RECORD_SET}/{name}" in taken:
        name += "_"
    return {
        "@type": "cr:Field",
        "@id": f"{_RECORD_SET}/{name}",
        "name": name,
        "description": "The stimulus: the file that filename names.",
        "dataType": _CONTENT_TYPES[content_type],
        "source": {"fileSet": {"@id": files["@id"]}, "extract": {"fileProperty": "content"}},
    }
