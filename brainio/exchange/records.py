"""The stimuli of a set as records of Croissant: a field for each column of its table, and the stimulus itself."""

import io
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainio.cards.card_text import MALFORMED_CARD_ERRORS
from brainio.catalogs.cards import read_card
from brainio.errors import ArchiveError, StimulusSetFormatError
from brainio.exchange.distribution import Described, Node, file_set, node_id
from brainio.member_names import MemberNames
from brainio.stimuli.typed_csv import MOST_COLUMNS, TypedCsv, is_typed

RECORD_SET = "stimuli"
_KEYS = ("stimulus_id", "image_id")
_TYPES = {"integer": "sc:Integer", "number": "sc:Float", "boolean": "sc:Boolean"}
_CONTENT = {"image": "sc:ImageObject", "audio": "sc:AudioObject", "video": "sc:VideoObject", "text": "sc:Text"}


@dataclass(frozen=True)
class Table:
    """What is known of a stimulus set: its columns with their types, the endings of its files, and their names."""

    columns: dict[str, str]
    endings: list[str]
    names: frozenset[str] = frozenset()


def table_of(csv: Described) -> Table | None:
    """Return what is known of the table of a stimulus set: by its file where that is here, else by its card."""
    if csv.path is not None:
        return _read(csv.path)
    card = read_card(csv.entry)
    try:
        columns = {f"{column['name']}": _TYPES.get(column["kind"], "sc:Text") for column in card["columns"]}
        kinds = [kind["kind"] for kind in card.get("files", {}).get("kinds", [])]
        return Table(columns | {"filename": "sc:Text"}, [one for kind in kinds for one in (kind, kind.upper())])
    except MALFORMED_CARD_ERRORS:  # also of a card without columns
        return None


def stimulus_records(csv: Described, archive: Described, table: Table) -> tuple[Node | None, Node]:
    """Describe the records of a stimulus set, and the set of files that its archive holds (None: of unknown kinds).

    Readers join from the files to the table, since they would read the table itself as the content of a file else. So
    files that no row names may not be in the set.
    """
    files = file_set(archive.id, table.endings, table.names if _has_others(archive.path, table) else ())
    ids = _ids(table.columns)
    fields = [_column(ids[name], name, kind, csv.id) for name, kind in table.columns.items()]
    if files is not None:
        filename = next(one for one in fields if one["name"] == "filename")
        filename["references"] = filename["source"]
        filename["source"] = {"fileSet": {"@id": files["@id"]}, "extract": {"fileProperty": "fullpath"}}
        fields.append(_content(files, {*ids.values()}))
    key = next((name for name in _KEYS if name in table.columns), None)
    return files, {
        "@type": "cr:RecordSet",
        "@id": RECORD_SET,
        "name": RECORD_SET,
        "description": "One record a stimulus: the columns of the table, and its file.",
        **({"key": {"@id": ids[key]}} if key else {}),
        "field": fields,
    }


def _ids(names: Iterable[str]) -> dict[str, str]:
    """Return an `@id` for each column; two that differ in blanks only get different ones."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        wanted = f"{RECORD_SET}/{node_id(name)}"
        ids[name] = wanted if wanted not in taken else f"{wanted}-{len(ids)}"
        taken.add(ids[name])
    return ids


def _column(id_: str, name: str, kind: str, csv: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": id_,
        "name": name,
        "dataType": kind,
        "source": {"fileObject": {"@id": csv}, "extract": {"column": name}},
    }


def _content(files: Node, taken: Collection[str]) -> Node:
    kinds = {encoding.partition("/")[0] for encoding in files["encodingFormat"]}
    kind = kinds.pop() if len(kinds) == 1 else "text"
    name = "file_content" if kind == "text" else f"file_{kind}"
    while f"{RECORD_SET}/{name}" in taken:
        name += "_"
    return {
        "@type": "cr:Field",
        "@id": f"{RECORD_SET}/{name}",
        "name": name,
        "description": "The stimulus: the file that filename names.",
        "dataType": _CONTENT[kind],
        "source": {"fileSet": {"@id": files["@id"]}, "extract": {"fileProperty": "content"}},
    }


def _read(path: Path) -> Table:
    """Read a table with the types that it states, or else with those that readers of Croissant will find."""
    import pandas as pd

    try:
        content = path.read_bytes()
        width = content.partition(b"\n")[0].count(b",") + 1
        table = None
        if width <= MOST_COLUMNS:
            table = TypedCsv(content, str(path)).table() if is_typed(content) else pd.read_csv(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise StimulusSetFormatError(f"{path} is no table that readers of Croissant could read: {error}") from error
    if table is None:
        raise StimulusSetFormatError(f"{path} has {width:,} columns; a stimulus set has at most {MOST_COLUMNS:,}")
    kinds = {"i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}
    columns = {str(name): kinds.get(column.dtype.kind, "sc:Text") for name, column in table.items()}
    names = [str(name) for name in table["filename"].dropna()] if "filename" in table else []
    endings = sorted({name.rpartition(".")[2] for name in names if "." in name})
    texts = {name: "sc:Text" for name in (*_KEYS, "filename") if name in columns}
    return Table(columns | texts, endings, frozenset(names))


def _has_others(archive: Path | None, table: Table) -> bool:
    """Whether an archive holds files that no row names, with endings of those that rows name."""
    if archive is None:
        return False
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ArchiveError(f"{archive} is no ZIP archive that can be read: {error}") from error
    endings, names = {*table.endings}, MemberNames(members)
    named = {names.find(name) for name in table.names}
    return any(name.rpartition(".")[2] in endings and name not in named for name in members)
