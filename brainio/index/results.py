"""What a search found: hits, counts by facet, and how sure these are. Shows itself; asks no database and no catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from brainio.text import printable, printable_line

if TYPE_CHECKING:
    import pandas as pd

_WIDEST = {"title": 60, "why": 50}  # characters of a column of the table
_LONGEST = 200  # characters of the text that was searched
_SHOWN_VALUES = 8  # of a facet


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that a search found.

    Attributes
    ----------
    identifier, kind, class_name, catalog, version, status : str
        As its catalog has them; `kind` is `'assembly'` or `'stimulus_set'`.
    title, lab : str
        Title of its (first) publication, and whose it is; empty where nothing says so.
    year : int or None
        Of its publication.
    regions, species : dict
        Value -> where that was found: `'card'` (computed from the data), `'title'` or `'name'` (only mentioned there).
    has_repetitions, has_reliability : bool or None
        What its card says; None where it has none.
    matched : dict
        Word of the question -> fields of the entry that have it.
    missing : tuple of str
        Words of the question that it does not have.
    score : float
        How well it fits, to compare hits of one search; infinite where it was called by its name.
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
        """Why it was found, in words."""
        if self.score == float("inf"):
            return "its name"
        reasons: dict[str, list[str]] = {}
        for word, fields in self.matched.items():
            reasons.setdefault(fields[0], []).append(word)
        told = [f"{name}: {' '.join(words)}" for name, words in reasons.items()]
        return ", ".join([*told, *([f"not: {' '.join(self.missing)}"] if self.missing else [])])

    @property
    def sort(self) -> str:
        """What it is, in words."""
        return ", ".join(filter(None, [self.kind.replace("_", " "), self.class_name]))

    @property
    def details(self) -> list[str]:
        """What else is known of it, each in words."""
        known = [str(self.year or ""), self.lab, ", ".join(self.regions), ", ".join(self.species), self.catalog]
        status = "" if self.status == "current" else self.status
        return [words for words in (*known, status, f"found by {self.why}" if self.why else "") if words]

    def record(self) -> dict[str, Any]:
        """Return it as JSON can write it."""
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
        What was searched.
    filters : dict
        Facet -> values that were asked for.
    hits : tuple of Hit
        As many as were asked for.
    total : int
        How many entries match.
    facets : dict
        Facet -> value -> how many of them have it, the most frequent first.
    has_all_words : bool
        Whether the hits have all words of the question. If nothing has, these are the nearest: all words but one,
        or some.
    note : str
        What to know about that, in words; empty where there is nothing.
    next : str or None
        The cursor of what comes behind: `after=found.next`. None where nothing does, or no hits were asked for.
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
        """How many there are and are shown, in words."""
        shown = f", the best {len(self)} of them here" if len(self) < self.total and self.hits else ""
        return f"{self.total:,} {'entry' if self.total == 1 else 'entries'}{shown}"

    def record(self) -> dict[str, Any]:
        """Return everything as JSON can write it.

        Examples
        --------
        >>> import brainio
        >>> sorted(brainio.search("modelfest").record())
        ['facets', 'filters', 'has_all_words', 'hits', 'next', 'note', 'text', 'total']
        """
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return told | {"hits": [hit.record() for hit in self.hits]}

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
        hits = [SearchHit(hit.identifier, hit.sort, hit.title, hit.details, hit.load) for hit in self.hits]
        facets = {name: counts for name, counts in self.facets.items() if len(counts) > 1}
        query = ", ".join(filter(None, criteria))
        return results_html(query, hits, self.summary, facets, note=self.note)

    def table(self, *, loads: bool = False) -> str:
        """Return everything as people read it: how many, the note, a line for each hit, a line for each facet.

        Parameters
        ----------
        loads : bool, default False
            Whether each hit comes with the line that loads it.
        """
        from tabulate import tabulate

        asked = f" for {_cut(self.text, _LONGEST)!r}" if self.text else ""
        lines = [f"{self.summary}{asked}", *filter(None, [self.note])]
        if self.hits:
            rows = [_row(hit) | ({"load": hit.load} if loads else {}) for hit in self.hits]
            lines.append(tabulate(rows, headers="keys", tablefmt="simple", disable_numparse=True))
        return printable("\n".join([*lines, *self.facet_lines()]))

    def facet_lines(self) -> list[str]:
        """Return a line for each facet whose values tell hits apart."""
        lines = []
        for facet, counts in self.facets.items():
            if len(counts) > 1 or self.total != next(iter(counts.values()), self.total):
                told = [f"{value} ({count:,})" for value, count in list(counts.items())[:_SHOWN_VALUES]]
                more = [f"{len(counts) - _SHOWN_VALUES} more"] if len(counts) > _SHOWN_VALUES else []
                lines.append(f"{facet}: {', '.join([*told, *more])}")
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
    return {name: _cut(printable_line(text), _WIDEST.get(name)) for name, text in row.items()}


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else f"{text[: width - 3].rstrip()}..."
