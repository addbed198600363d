"""HTML views of lists of entries: a catalog, and the results of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from brainio.views.rendering import format_value, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_ENTRIES = 20  # in a catalog, half of them of each kind
_MAX_FACET_VALUES = 12
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


class SearchHit(NamedTuple):
    """A search hit in the view; `code` is the line of Python that loads it."""

    identifier: str
    kind: str
    title: str = ""
    details: Sequence[str] = ()
    code: str = ""


def results_html(
    query: str,
    hits: Sequence[SearchHit],
    summary: str,
    facets: Mapping[str, Mapping[str, int]],
    *,
    note: str = "",
) -> str:
    """Build an HTML view of search results.

    Parameters
    ----------
    query : str
        The query in words.
    found : sequence of Found
        The best first; twenty are shown.
    summary : str
        The number of hits in words.
    facets : mapping
        Facet -> value -> number of entries, in display order.
    note : str, default ''
        A remark about the results.

    Examples
    --------
    >>> html = results_html("V4 <images>", [SearchHit("lab.Doe2026", "assembly")], "1 entry", {"region": {"V4": 1}})
    >>> "V4 &lt;images&gt;" in html, "lab.Doe2026" in html
    (True, True)
    """
    facet_values = [
        (format_value(name).replace("_", " "), [(format_value(value) or "none", n) for value, n in counts.items()])
        for name, counts in facets.items()
    ]
    rows = [
        SearchHit(
            identifier=format_value(hit.identifier, 120),
            kind=hit.kind,
            title=format_value(hit.title, 200),
            details=[format_value(detail, 120) for detail in hit.details],
            code=hit.code,
        )
        for hit in hits[:_MAX_ENTRIES]
    ]
    return render(
        "results.html",
        query=format_value(query, 200),
        hits=rows,
        omitted=len(hits) - len(rows),
        summary=summary,
        note=note,
        facets=[(name, values[:_MAX_FACET_VALUES], len(values)) for name, values in facet_values if values],
    )


def catalog_html(table: pd.DataFrame, identifier: str | None = None, source: str = "") -> str:
    """Build an HTML view of a catalog's table, with one row per entry and the counts of its facets.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per file, with at least the columns `identifier` and `lookup_type`.
    identifier : str, optional
        Identifier of the catalog.
    source : str, default ''
        The location of the catalog.
    """
    entries = _entries(table)
    kinds = _count_values(entries["lookup_type"])
    first_entries = entries.groupby("lookup_type", sort=False, dropna=False).head(_MAX_ENTRIES // 2)
    rows = [_format_entry(row) for row in first_entries.to_dict("records")]
    return render(
        "catalog.html",
        identifier=format_value(identifier or "", 120),
        source=format_value(source, 200),
        files=len(table),
        total=len(entries),
        bytes=_total_bytes(table),
        unverified=_count_unverified(table),
        kinds=[((_KINDS if number == 1 else _PLURALS).get(kind, kind), number) for kind, number in kinds],
        facets=_facets(entries),
        entries=rows,
        columns=[(name, heading) for name, heading in _HEADINGS if any(row[name] for row in rows)],
    )


def _entries(table: pd.DataFrame) -> pd.DataFrame:
    """Reduce the table to one row per entry: its first row that has a class, with the total size of its files."""
    rows = pd.DataFrame(table).reindex(columns=[*table.columns, *(c for c in _COLUMNS if c not in table.columns)])
    key = ["identifier", "lookup_type", "version"]
    sizes = pd.to_numeric(rows["size"], errors="coerce").groupby([rows[name] for name in key], dropna=False)
    rows["size"] = sizes.transform("sum", min_count=1)
    named = rows.sort_values("class", key=lambda names: names.isna(), kind="stable")
    return named.drop_duplicates(key).sort_index()


def _format_entry(row: Mapping[Any, Any]) -> dict[str, Any]:
    texts = {name: "" if pd.isna(row[name]) else format_value(row[name], 80) for name in _COLUMNS}
    texts["lookup_type"] = _KINDS.get(texts["lookup_type"], texts["lookup_type"])
    status = "" if texts["status"] == "current" else texts["status"]
    return {**texts, "status": status, "size": None if pd.isna(row["size"]) else int(row["size"])}


def _facets(entries: pd.DataFrame) -> list[tuple[str, list[tuple[str, int]], int]]:
    """Count the values of columns in which entries differ."""
    facets = []
    for column, name in _FACETS:
        values = _count_values(entries[column]) if column in entries.columns else []
        if len(values) > 1 or (column == "status" and values):
            facets.append((name, values[:_MAX_FACET_VALUES], len(values)))
    return facets


def _count_values(column: pd.Series[Any]) -> list[tuple[str, int]]:
    return [(format_value(value), int(count)) for value, count in column.value_counts().items()]


def _total_bytes(table: pd.DataFrame) -> float | None:
    total = pd.to_numeric(table["size"], errors="coerce").sum(min_count=1) if "size" in table.columns else None
    return None if total is None or pd.isna(total) else float(total)


def _count_unverified(table: pd.DataFrame) -> int:
    hashes = [column for column in ("sha1", "sha256") if column in table.columns]
    return int(table[hashes].isna().all(axis=1).sum()) if hashes else 0
