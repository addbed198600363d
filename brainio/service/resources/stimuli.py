"""The stimuli of a set, filtered by any column: what its profile holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.cursors import LONGEST, bad_cursor, read_cursor, write_cursor
from brainio.profiles import StimulusProfile
from brainio.service import addresses, shapes
from brainio.service.context import Now
from brainio.service.holdings import Snapshot
from brainio.service.problems import answers, refusal
from brainio.service.rendering import Rendered, render, respond
from brainio.service.resources.entries import Named
from brainio.service.rights import Sees, Sight, require_bytes
from brainio.service.showing import shown_profile

router = APIRouter(prefix=addresses.API, tags=["stimuli"])
Where = Annotated[
    list[Annotated[str, Query(max_length=1000)]],
    Query(
        max_length=20,
        description="`COLUMN:VALUE`; `*` stands for anything, `1..5` is a range of numbers, `1..<5` ends below 5.",
    ),
]


@router.get(
    "/stimuli/{catalog}/{identifier:path}", responses={200: {"model": shapes.Stimuli}, **answers(403, 404, 422, 503)}
)
async def stimuli(
    request: Request,
    catalog: str,
    identifier: str,
    now: Now,
    sight: Sees,
    where: Where = [],  # noqa: B006 - fastapi makes a new one
    version: Named = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """List the stimuli of a set in the order of its table, with all columns, a page at a time."""
    entry = now.entry(catalog, TYPE_STIMULUS_SET, identifier, sight, version)
    profile = await run_in_threadpool(profile_of, entry, sight, now)
    question = {"stimuli": entry.identifier, "where": sorted(where), "version": entry.version}
    offset = _offset(cursor, question)

    def make() -> Rendered:
        rows, total = profile.rows(filters_of(where, profile.column_names), limit, offset)
        end = offset + len(rows)
        following = write_cursor(question, end) if rows and end < total else None
        query: dict[str, Any] = {"where": where, "limit": limit, "cursor": following}
        answer = shapes.Stimuli(
            total=total,
            stimuli=[row.values for row in rows],
            next=addresses.of_stimuli(entry, **query) if following else None,
        )
        return render(answer.model_dump_json().encode("utf-8", "backslashreplace"))

    return respond(request.headers, await run_in_threadpool(make))


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


def profile_of(entry: Entry, sight: Sight, now: Snapshot) -> StimulusProfile:
    """Return the profile of a stimulus set; raises 403 under embargo, 404 where its files are not here."""
    require_bytes(sight, entry, now.embargoes)
    found = shown_profile(entry, sight, now)
    if not isinstance(found, StimulusProfile):
        hint = "Its files may be had all the same: see `files` of the entry."
        message = f"the stimuli of {entry.identifier!r} are not on this server, or were not looked at yet"
        raise refusal(404, "not_here", message, hint)
    return found


def _offset(cursor: str | None, question: dict[str, Any]) -> int:
    offset = 0 if cursor is None else read_cursor(cursor, question)
    if not isinstance(offset, int) or not 0 <= offset <= 10**9:
        raise bad_cursor("holds no position")
    return offset
