"""Search results: hits, counts by facet, and their display as text, HTML and tables.

Accesses no database and no catalog.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from brainio.text import printable, printable_line, shorten
from brainio.text_tables import format_table

if TYPE_CHECKING:
    import pandas as pd

_MAX_WIDTHS = {"title": 60, "why": 50}  # characters of a column of the table
_MAX_TEXT = 200  # characters of the query
_OTHER_COLUMNS = 60  # characters that a hit needs besides its identifier and the code that loads it
_SHOWN_VALUES = 8  # of a facet


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that matches a query.

    Attributes
    ----------
    identifier, kind, class_name, catalog, version, status : str
        As its catalog has them; `kind` is `'assembly'` or `'stimulus_set'`.
    title, lab : str
        Title of its (first) publication, and its lab; empty if unknown.
    year : int or None
        Year of its publication.
    regions, species : dict
        Value -> source: `'card'` (computed from the data), `'title'` or `'name'` (only mentioned there).
    has_repetitions, has_reliability : bool or None
        The statement of its card; None without a card.
    matched : dict
        Word of the query -> fields of the entry that contain it.
    missing : tuple of str
        Words of the query that it does not contain.
    score : float
        Comparable among the hits of one query; infinite if the query is the identifier or an alias.
    load : str
        The line of Python that loads it.
    """

    identifier: str
    kind: str
    class_name: str
    catalog: str
    version: str
    status: str
    title: str
    lab: str
    year: int | None
    regions: dict[str, str]
    species: dict[str, str]
    has_repetitions: bool | None
    has_reliability: bool | None
    matched: dict[str, list[str]]
    missing: tuple[str, ...]
    score: float
    load: str

    @property
    def why(self) -> str:
        """The fields that contain the words of the query, for people."""
        if self.score == float("inf"):
            return "identifier"
        reasons: dict[str, list[str]] = {}
        for word, fields in self.matched.items():
            reasons.setdefault(fields[0], []).append(word)
        matches = [f"{name}: {' '.join(words)}" for name, words in reasons.items()]
        return ", ".join([*matches, *([f"not: {' '.join(self.missing)}"] if self.missing else [])])

    @property
    def kind_label(self) -> str:
        """The kind and class of the entry, for people."""
        return ", ".join(filter(None, [self.kind.replace("_", " "), self.class_name]))

    @property
    def details(self) -> list[str]:
        """Further facts, for people."""
        known = [str(self.year or ""), self.lab, ", ".join(self.regions), ", ".join(self.species), self.catalog]
        status = "" if self.status == "current" else self.status
        return [words for words in (*known, status, f"found by {self.why}" if self.why else "") if words]

    def record(self) -> dict[str, Any]:
        """Return all fields, for JSON."""
        return {
            **{name: getattr(self, name) for name in self.__slots__ if name != "class_name"},
            "class": self.class_name,
            "missing": list(self.missing),
            "score": None if self.score == float("inf") else round(self.score, 3),
            "why": self.why,
        }


@dataclass(frozen=True)
class SearchResults(Sequence[Hit]):
    """The hits of a search, the best first; a sequence of `Hit`.

    Attributes
    ----------
    text : str
        The text of the query.
    filters : dict
        Facet -> accepted values.
    hits : tuple of Hit
        The hits of this page.
    total : int
        The number of matching entries.
    facets : dict
        Facet -> value -> number of matching entries, the most frequent first.
    has_all_words : bool
        Whether the hits contain all words of the query. If no entry does, the hits are those with the most words.
    note : str
        A remark about the result for people; may be empty.
    next : str or None
        The cursor of the next page, for `after`. None on the last page, or if `limit` is 0.
    """

    text: str
    filters: dict[str, list[str]]
    hits: tuple[Hit, ...]
    total: int
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    has_all_words: bool = True
    note: str = ""
    next: str | None = None

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | Sequence[Hit]:
        """Return a hit, or several."""
        return self.hits[index]

    @property
    def summary(self) -> str:
        """The number of entries and hits, for people."""
        page = f" (best {len(self)} shown)" if len(self) < self.total and self.hits else ""
        return f"{self.total:,} {'entry' if self.total == 1 else 'entries'}{page}"

    def record(self) -> dict[str, Any]:
        """Return all fields, for JSON.

        Examples
        --------
        >>> import brainio
        >>> sorted(brainio.search("modelfest").record())
        ['facets', 'filters', 'has_all_words', 'hits', 'next', 'note', 'text', 'total']
        """
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"hits": [hit.record() for hit in self.hits]}

    def to_dataframe(self) -> pd.DataFrame:
        """Return the hits as a table, one row each.

        Examples
        --------
        >>> import brainio
        >>> brainio.search("modelfest", kind="assembly").to_dataframe()["identifier"].tolist()
        ['modelfest.Carney1999']
        """
        import pandas as pd

        columns = [*(name if name != "class_name" else "class" for name in Hit.__slots__), "why"]
        return pd.DataFrame([hit.record() for hit in self.hits], columns=columns)

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from brainio.views import SearchHit, results_html

        criteria = [self.text, *(f"{name}: {', '.join(values)}" for name, values in self.filters.items())]
        hits = [SearchHit(hit.identifier, hit.kind_label, hit.title, hit.details, hit.load) for hit in self.hits]
        facets = {name: counts for name, counts in self.facets.items() if len(counts) > 1}
        query = ", ".join(filter(None, criteria))
        return results_html(query, hits, self.summary, facets, note=self.note)

    def table(self, *, loads: bool = False, width: int | None = None) -> str:
        """Return a table for people: the counts, the note, a line for each hit, a line for each facet.

        Parameters
        ----------
        loads : bool, default False
            Whether to add the line of code that loads each hit; if the table is too narrow for it, that of the first.
        width : int, optional
            Columns of the terminal, to which cells are shortened. By default, titles have up to 60 characters.
        """
        query = f" for {shorten(self.text, _MAX_TEXT)!r}" if self.text else ""
        lines = [f"{self.summary}{query}", *filter(None, [self.note])]
        facets = self.facet_lines()
        if width is not None:
            lines, facets = (
                [textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False) for line in part]
                for part in (lines, facets)
            )
        if self.hits:
            longest = max(len(hit.identifier) + len(hit.load) for hit in self.hits)
            has_room = width is None or width >= longest + _OTHER_COLUMNS
            rows = [_row(hit) | ({"load": hit.load} if loads and has_room else {}) for hit in self.hits]
            lines.append(format_table([*rows[0]], [[*row.values()] for row in rows], width))
            if loads and not has_room:
                lines.append(f"load: {self.hits[0].load}")
        return printable("\n".join([*lines, *facets]))

    def facet_lines(self) -> list[str]:
        """Return a line for each facet in which the hits differ."""
        lines = []
        for facet, counts in self.facets.items():
            if len(counts) > 1 or self.total != next(iter(counts.values()), self.total):
                values = [f"{value} ({count:,})" for value, count in list(counts.items())[:_SHOWN_VALUES]]
                more = [f"{len(counts) - _SHOWN_VALUES} more"] if len(counts) > _SHOWN_VALUES else []
                lines.append(f"{facet}: {', '.join([*values, *more])}")
        return lines


def _row(hit: Hit) -> dict[str, str]:
    row = {
        "identifier": hit.identifier,
        "class": hit.class_name,
        "year": str(hit.year or ""),
        "title": hit.title,
        "why": hit.why,
    }
    if hit.status != "current":
        row["identifier"] += f" ({hit.status})"
    lines = {name: printable_line(text) for name, text in row.items()}
    return lines | {name: shorten(lines[name], width) for name, width in _MAX_WIDTHS.items()}
