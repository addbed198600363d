"""Lists of entries at a glance: a catalog, and the answer of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from brainio.views.rendering import render, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN = 20  # entries; of a catalog half of them of each kind
_MOST_VALUES = 12  # of one facet
_KINDS = {"stimulus_set": "stimulus set", "assembly": "assembly"}
_PLURALS = {"stimulus_set": "stimulus sets", "assembly": "assemblies"}
_FACETS = (("class", "class"), ("location_type", "store"), ("license", "license"), ("status", "status"))
_COLUMNS = ("identifier", "lookup_type", "class", "stimulus_set_identifier", "version", "status", "size")

_HEADINGS = (
    ("lookup_type", "kind"),
    ("class", "class"),
    ("stimulus_set_identifier", "stimulus set"),
    ("version", "version"),
    ("status", "status"),
    ("size", "size"),
)


class Found(NamedTuple):
    """An entry that a search found, as it is shown; `code` loads it."""

    identifier: str
    kind: str
    title: str = ""
    details: Sequence[str] = ()
    code: str = ""


def results_html(
    question: str,
    found: Sequence[Found],
    summary: str,
    facets: Mapping[str, Mapping[str, int]],
    *,
    note: str = "",
) -> str:
    """Show what a search found.

    Parameters
    ----------
    question : str
        What was searched, in words.
    found : sequence of Found
        The best first; twenty are shown.
    summary : str
        How many there are, in words.
    facets : mapping
        Name of a facet -> value -> number of entries, in the order in which they are shown.
    note : str, default ''
        What to know about the answer.

    Examples
    --------
    >>> html = results_html("V4 <images>", [Found("lab.Doe2026", "assembly")], "1 entry", {"region": {"V4": 1}})
    >>> "V4 &lt;images&gt;" in html, "lab.Doe2026" in html
    (True, True)
    """
    told = [
        (shown(name).replace("_", " "), [(shown(value) or "none", count) for value, count in of.items()])
        for name, of in facets.items()
    ]
    hits = [
        Found(
            shown(one.identifier, 120), one.kind, shown(one.title, 200), [shown(d, 120) for d in one.details], one.code
        )
        for one in found[:_SHOWN]
    ]
    return render(
        "results.html",
        question=shown(question, 200),
        hits=hits,
        left_out=len(found) - len(hits),
        summary=summary,
        note=note,
        facets=[(name, values[:_MOST_VALUES], len(values)) for name, values in told if values],
    )


def catalog_html(table: pd.DataFrame, identifier: str | None = None, source: str = "") -> str:
    """Show the table of a catalog, one row a file, as entries with their counts.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `identifier` and `lookup_type` at least.
    identifier : str, optional
        Of the catalog.
    source : str, default ''
        Where it was read from.
    """
    entries = _entries(table)
    kinds = _tally(entries["lookup_type"])
    first = entries.groupby("lookup_type", sort=False, dropna=False).head(_SHOWN // 2)
    shown_entries = [_entry(row) for row in first.to_dict("records")]
    return render(
        "catalog.html",
        identifier=shown(identifier or "", 120),
        source=shown(source, 200),
        files=len(table),
        total=len(entries),
        bytes=_bytes(table),
        unverified=_unverified(table),
        kinds=[((_KINDS if number == 1 else _PLURALS).get(kind, kind), number) for kind, number in kinds],
        facets=_facets(entries),
        entries=shown_entries,
        columns=[(name, words) for name, words in _HEADINGS if any(entry[name] for entry in shown_entries)],
    )


def _entries(table: pd.DataFrame) -> pd.DataFrame:
    """Give one row an entry: its first row that has a class, with the size of all its files."""
    rows = pd.DataFrame(table).reindex(columns=[*table.columns, *(c for c in _COLUMNS if c not in table.columns)])
    key = ["identifier", "lookup_type", "version"]
    sizes = pd.to_numeric(rows["size"], errors="coerce").groupby([rows[name] for name in key], dropna=False)
    rows["size"] = sizes.transform("sum", min_count=1)
    named = rows.sort_values("class", key=lambda names: names.isna(), kind="stable")
    return named.drop_duplicates(key).sort_index()


def _entry(row: Mapping[Any, Any]) -> dict[str, Any]:
    texts = {name: "" if pd.isna(row[name]) else shown(row[name], 80) for name in _COLUMNS}
    texts["lookup_type"] = _KINDS.get(texts["lookup_type"], texts["lookup_type"])
    status = "" if texts["status"] == "current" else texts["status"]
    return {**texts, "status": status, "size": None if pd.isna(row["size"]) else int(row["size"])}


def _facets(entries: pd.DataFrame) -> list[tuple[str, list[tuple[str, int]], int]]:
    """Count what entries differ in."""
    facets = []
    for column, name in _FACETS:
        values = _tally(entries[column]) if column in entries.columns else []
        if len(values) > 1 or (column == "status" and values):
            facets.append((name, values[:_MOST_VALUES], len(values)))
    return facets


def _tally(column: pd.Series[Any]) -> list[tuple[str, int]]:
    return [(shown(value), int(count)) for value, count in column.value_counts().items()]


def _bytes(table: pd.DataFrame) -> float | None:
    total = pd.to_numeric(table["size"], errors="coerce").sum(min_count=1) if "size" in table.columns else None
    return None if total is None or pd.isna(total) else float(total)


def _unverified(table: pd.DataFrame) -> int:
    hashes = [column for column in ("sha1", "sha256") if column in table.columns]
    return int(table[hashes].isna().all(axis=1).sum()) if hashes else 0
