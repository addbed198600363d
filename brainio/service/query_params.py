"""What is asked, as the addresses of resources and of pages have it: names, filters of stimuli, searches."""

from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Query
from pydantic import BaseModel, Field

from brainio.cursors import LONGEST
from brainio.index import SearchResults, search_among
from brainio.service.access import Access
from brainio.service.dependencies import Service
from brainio.service.errors import refusal
from brainio.service.snapshots import Snapshot

AT_ONCE = CapacityLimiter(8)
"""Searches; what else is asked for waits for none of them."""
Named = Annotated[str | None, Query(max_length=500)]
Where = Annotated[
    list[Annotated[str, Query(max_length=1000)]],
    Query(
        max_length=20,
        description="`COLUMN:VALUE`; `*` stands for anything, `1..5` is a range of numbers, `1..<5` ends below 5.",
    ),
]
Values = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=50)]

_FACETS = {
    *("kind", "class_", "region", "species", "lab", "year", "catalog"),
    *("has_repetitions", "has_reliability"),
}


class SearchQuery(BaseModel):
    """Parameters of a search."""

    q: str = Field("", max_length=2000, description="Words, in any order.")
    kind: Values = []
    class_: Values = Field([], alias="class")
    region: Values = []
    species: Values = []
    lab: Values = []
    year: Values = []
    catalog: Values = []
    has_repetitions: bool | None = None
    has_reliability: bool | None = None
    old: bool = False
    cursor: str | None = Field(None, max_length=LONGEST)

    @property
    def facets(self) -> dict[str, Any]:
        """The facets that are asked for, by the names that they have in the index."""
        asked = self.model_dump(by_alias=True, include=_FACETS)
        return {name: value for name, value in asked.items() if value not in ([], None)}

    def answer(self, service: Service, snapshot: Snapshot, access: Access, limit: int) -> SearchResults:
        """Search the catalogs that may be seen; waits for the index: not for the event loop.

        Raises
        ------
        HTTPException
            404: a catalog that is asked for is none that may be seen.
        SearchError, CursorError, IndexUnavailableError
            As of `search_among`.
        """
        for name in self.catalog:
            snapshot.catalog(name, access)
        names, indexes = snapshot.names(access), service.indexes
        return search_among(
            names, self.q, self.facets, include_superseded=self.old, limit=limit, after=self.cursor, indexes=indexes
        )


def filters_of(where: list[str], columns: list[str]) -> list[tuple[str, str]]:
    """Read filters as addresses have them; raises 400 where one names no column.

    Examples
    --------
    >>> filters_of(["object_name:car", "url:http://a", "a:b:1"], ["object_name", "url", "a", "a:b"])
    [('object_name', 'car'), ('url', 'http://a'), ('a:b', '1')]
    """
    found = []
    for one in where:
        known = max((name for name in columns if one.startswith(f"{name}:")), key=len, default="")
        name = known or one.partition(":")[0]
        if not name or ":" not in one:
            raise refusal(400, "bad_filter", f"the filter {one[:100]!r} names no column", "Write COLUMN:VALUE.")
        found.append((name, one[len(name) + 1 :]))
    return found
