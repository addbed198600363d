"""Cursors: pages cover all hits, also while catalogs change, and forged cursors are refused or harmless."""

import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import brainio
from brainio.cursors import read_cursor, write_cursor
from brainio.errors import CursorError, SearchError
from brainio.index.ranking import Query, parse_position
from tests.index.conftest import Search
from tests.index.lab import Lab


def identifiers_by_pages(search: Search, text: str, limit: int, **filters: object) -> list[str]:
    """Return the identifiers of all hits, page by page."""
    found = search(text, limit=limit, **filters)
    names = [hit.identifier for hit in found]
    while found.next:
        found = search(text, limit=limit, after=found.next, **filters)
        assert 0 < len(found) <= limit
        names += [hit.identifier for hit in found]
    return names


@pytest.mark.parametrize("text", ["macaque", "", "MajajHong2015", "natural images unicorns"])
@pytest.mark.parametrize("limit", [3, 7])
def test_pages_by_cursor_add_up_to_the_whole_result(text: str, limit: int, search: Search) -> None:
    whole = search(text, limit=1000)
    assert whole.next is None
    assert identifiers_by_pages(search, text, limit) == [hit.identifier for hit in whole]


def test_a_cursor_continues_correctly_after_entries_were_added_and_removed(lab: Lab, search: Search) -> None:
    lab.publish("doe", title="Textures")
    for number in range(20):
        lab.add(f"lab.Old{number}", publication="doe")
    for text in ("textures", ""):
        first = search(text, catalog="lab", limit=8)
        given = [hit.identifier for hit in first]
        lab.rows.insert(0, lab.rows[0] | {"identifier": f"lab.New{text}", "sha1": "f" * 40})
        lab.rows = [row for row in lab.rows if row["identifier"] != given[0]]
        lab.write()
        second = search(text, catalog="lab", limit=50, after=first.next)
        later = [hit.identifier for hit in second]
        assert not set(given) & set(later)
        assert {f"lab.Old{number}" for number in range(20)} - {"lab.Old0", "lab.Old1"} <= {*given, *later}
        lab.rows = [row for row in lab.rows if row["identifier"] != given[-1]]
        lab.write()
        assert not {*given[:-1]} & {hit.identifier for hit in search(text, catalog="lab", after=first.next)}
        assert search(text, catalog="lab", after=first.next).total == second.total - 1
        lab.rows = [row for row in lab.rows if "New" not in row["identifier"]]
        lab.add(given[-1], publication="doe")


def test_a_cursor_belongs_to_one_query_but_works_with_any_limit(search: Search) -> None:
    first = search("macaque", limit=3)
    assert [hit.identifier for hit in search("macaque", limit=5, after=first.next)] == [
        hit.identifier for hit in search("macaque", limit=5, offset=3)
    ]
    for filters in ({"kind": "assembly"}, {"include_superseded": True}):
        with pytest.raises(CursorError, match="belongs to another query; start without one"):
            search("macaque", after=first.next, **filters)
    with pytest.raises(CursorError, match="belongs to another query"):
        search("human", after=first.next)


def test_a_search_with_limit_0_has_no_cursor(search: Search) -> None:
    assert search("macaque", limit=0).next is None


QUERY = Query("macaque", {}, False)


@given(st.text() | st.binary(max_size=80).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_an_invalid_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError, match="the cursor is not valid"):
        parse_position(text, QUERY)


_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.lists(_JSON, max_size=7) | st.dictionaries(st.text(), _JSON) | _JSON)
@example([2**31, 1.0, "a", "b", "c", "d"])
@example([-1, 1.0, "a", "b", "c", "d"])
@example([True, 1.0, "a", "b", "c", "d"])
@example([1, float("nan"), "a", "b", "c", "d"])
@example([1, float("inf"), "a", "b", "c", "d"])
@example([1, 10**400, "a", "b", "c", "d"])
@example([1, 1.0, "a", "b", "c\0", "d"])
@example([1, 1.0, "a", "b", "\ud800", "d"])
def test_a_forged_position_is_refused_or_harmless(position: object) -> None:
    digest = json.loads(base64.urlsafe_b64decode(write_cursor(QUERY.identity, 0) + "=="))[0]
    forged = base64.urlsafe_b64encode(json.dumps([digest, position]).encode()).decode().rstrip("=")
    with suppress(CursorError):
        parsed = parse_position(forged, QUERY)
        assert list(parsed) == position
        assert 0 <= parsed.number < 2**31


def test_a_forged_position_finds_only_hits_of_its_query(search: Search, tmp_path: Path) -> None:
    every = {hit.identifier for hit in search("macaque", limit=1000)}
    identity = Query("macaque", {}, False).identity
    for position in (
        [0, 1e300, "", "", "", ""],
        [7, None, "x", "y", "...", ""],
        [2**31 - 1, -1e300, "a", "b", "c", "d"],
    ):
        found = search("macaque", limit=1000, after=write_cursor(identity, position))
        assert {hit.identifier for hit in found} <= every
    assert read_cursor(write_cursor(identity, position), identity) == position


def test_an_offset_counts_from_the_cursor() -> None:
    first = brainio.search("macaque", limit=3)
    continued = brainio.search("macaque", limit=2, offset=2, after=first.next)
    assert list(continued) == list(brainio.search("macaque", limit=2, offset=5))
    with pytest.raises(SearchError):
        brainio.search("macaque", offset=-1, after=first.next)
