"""What a visitor asked for, as the address of the page has it, and as words and links say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from brainio.service.urls import with_prefix, with_query

FACETS = {
    "kind": "Kind",
    "class": "Class",
    "region": "Region",
    "species": "Species",
    "lab": "Lab",
    "year": "Year",
    "catalog": "Catalog",
    "has_repetitions": "Repetitions",
    "has_reliability": "Reliability",
}
_FLAGS = {"has_repetitions": "repetitions", "has_reliability": "a reliability"}
_KINDS = {"assembly": "assemblies", "stimulus_set": "stimulus sets"}
_SHOWN = 60  # characters of a value


class ActiveFilter(NamedTuple):
    """A filter in use, and the address of the page without it."""

    label: str
    without: str


@dataclass(frozen=True)
class Value:
    """A value of a facet: how many have it, and the address of the page with it (without it, where it is chosen)."""

    label: str
    count: int
    url: str
    is_chosen: bool


@dataclass(frozen=True)
class Facet:
    """A facet and its values."""

    label: str
    values: list[Value]


@dataclass(frozen=True)
class SearchState:
    """A search: words, and values by facet as parameters of the address have them."""

    text: str
    filters: Mapping[str, Sequence[str]]
    old: bool = False

    @property
    def is_anything(self) -> bool:
        """Whether it asks for less than everything."""
        return bool(self.text.strip() or self.filters or self.old)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The parameters beside the words, which a new search keeps."""
        pairs = [(name, value) for name, values in self.filters.items() for value in values]
        return [*pairs, *([("old", "true")] if self.old else [])]

    @property
    def words(self) -> str:
        """What is asked, in words.

        Examples
        --------
        >>> SearchState("natural", {"kind": ["assembly"], "region": ["V4", "IT"], "has_repetitions": ["true"]}).words
        'Assemblies with “natural”, region V4 or IT, with repetitions'
        """
        kinds = [_KINDS.get(kind, kind) for kind in self.filters.get("kind", ())]
        begin = " and ".join(kinds).capitalize() or "Everything"
        told = [f"{begin} with “{self.text.strip()}”" if self.text.strip() else begin]
        told += [_in_words(name, values) for name, values in self.filters.items() if name != "kind"]
        return ", ".join([*told, *(["also what was replaced"] if self.old else [])])

    @property
    def chosen(self) -> list[ActiveFilter]:
        """The filters in use."""
        found = [
            ActiveFilter(_label(name, value), self.without(name, value))
            for name, values in self.filters.items()
            for value in values
        ]
        return [
            *found,
            *([ActiveFilter("also what was replaced", SearchState(self.text, self.filters).url())] if self.old else []),
        ]

    def facets(self, counts: Mapping[str, Mapping[str, int]]) -> list[Facet]:
        """Return the facets that tell hits apart, each with the addresses that choose its values."""
        found = []
        for name, label in FACETS.items():
            values = [self._value(name, value, count) for value, count in _in_order(name, counts.get(name, {}))]
            if len(values) > 1 or any(value.is_chosen for value in values):
                found.append(Facet(label, values))
        return found

    def _value(self, name: str, value: str, count: int) -> Value:
        as_parameter = {"yes": "true", "no": "false"}.get(value, value) if name in _FLAGS else value
        is_chosen = as_parameter in self.filters.get(name, ())
        url = self.without(name, as_parameter) if is_chosen else self.including(name, as_parameter)
        return Value(_KINDS.get(value, value), count, url, is_chosen)

    def including(self, name: str, value: str) -> str:
        """Return the address of the page with one filter more; a fact is either so or not."""
        others = [] if name in _FLAGS else [*self.filters.get(name, ())]
        return SearchState(self.text, {**self.filters, name: [*others, value]}, self.old).url()

    def without(self, name: str, value: str) -> str:
        """Return the address of the page with one filter less."""
        left = [one for one in self.filters.get(name, ()) if one != value]
        return SearchState(self.text, {**self.filters, name: left}, self.old).url()

    def url(self, path: str = "/", **further: object) -> str:
        """Return the address of what is asked."""
        old = "true" if self.old else None
        return with_query(with_prefix(path), **{"q": self.text, **self.filters, "old": old}, **further)


def _in_order(name: str, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return values as people look for them: years from the newest, all else by how many have them."""
    known = [(value, count) for value, count in counts.items() if name not in _FLAGS or value != "unknown"]
    return sorted(known, reverse=True) if name == "year" else known


def _in_words(name: str, values: Sequence[Any]) -> str:
    if name in _FLAGS:
        return _label(name, values[0])
    return f"{FACETS.get(name, name).lower()} {' or '.join(value[:_SHOWN] for value in values)}"


def _label(name: str, value: str) -> str:
    if name in _FLAGS:
        return f"{'with' if value == 'true' else 'without'} {_FLAGS[name]}"
    return f"{FACETS.get(name, name).lower()}: {value[:_SHOWN]}"
