"""From a question to its answer: the best hits, what they have to do with it, and counts by facet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from brainio.catalogs.entries import TYPE_ASSEMBLY
from brainio.index.documents import Document, read_sourced, words_by_field
from brainio.index.matching import matches
from brainio.index.pages import best, cursor_behind
from brainio.index.questions import labels_asked
from brainio.index.results import Hit, SearchResults
from brainio.index.schema import document
from brainio.index.words import finds
from brainio.nearest import nearest

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from brainio.index.matching import Matches
    from brainio.index.pages import Page
    from brainio.index.questions import Question
    from brainio.index.store import Index

_MOST_COMPARED = 10_000  # identifiers


def find(connection: Connection, index: Index, question: Question, page: Page) -> SearchResults:
    """Answer a question; where nothing is right, with what is near.

    Raises
    ------
    SearchError
        No entry has a value that was asked for.
    """
    labels = index.labels(connection)
    asked = labels_asked(labels, question)
    lacking = [facet for facet, numbers in asked.items() if not numbers]
    if lacking:
        named = ", ".join(f"{facet} {' or '.join(question.filters[facet])}" for facet in lacking)
        return _answer(question, f"No entry has {named}.")
    found = matches(connection, index, question, asked.values())
    if not len(found.numbers):
        return _answer(question, _meant(connection, question))
    hits, following = _hits(connection, index, question, found, page)
    has_all_words = found.words == len(question.words)
    note = "" if has_all_words else f"Nothing has all words; these have {found.words} of {len(question.words)}."
    return replace(
        _answer(question, note),
        hits=tuple(hits),
        total=len(found.numbers),
        facets=labels.all_counted() if question.is_open else labels.counted(found.numbers),
        has_all_words=has_all_words,
        next=following,
    )


def _answer(question: Question, note: str) -> SearchResults:
    """Return an answer without hits."""
    left_out = f"The last {question.left_out:,} words were not looked for." if question.left_out else ""
    if question.text.strip() and not question.words:
        left_out = "The text has no words; shown is what there is without it."
    told = " ".join(filter(None, [note, left_out]))
    return SearchResults(text=question.text, filters=question.filters, hits=(), total=0, note=told)


def _meant(connection: Connection, question: Question) -> str:
    if len(question.words) != 1:
        return ""
    rows = connection.execute(select(document.c.identifier, document.c.aliases).limit(_MOST_COMPARED))
    near = nearest(question.text, {name for identifier, aliases in rows for name in (identifier, *aliases.split())})
    return f"Did you mean {', '.join(map(repr, near))}?" if near else ""


def _hits(
    connection: Connection, index: Index, question: Question, matches: Matches, page: Page
) -> tuple[list[Hit], str | None]:
    """Return the hits of a page, and the cursor of the next one."""
    if not page.limit:
        return [], None
    ranked = best(connection, index, matches, page)
    shown = ranked[: page.limit]
    columns = [document.c[name] for name in Document._fields]
    rows = connection.execute(select(document.c.id, *columns).where(document.c.id.in_([hit.number for hit in shown])))
    found = {number: Document(*values) for number, *values in rows}
    following = cursor_behind(question, shown[-1], found[shown[-1].number]) if len(ranked) > len(shown) else None
    return [_hit(question, found[number], score) for number, score in shown], following


def _hit(question: Question, found: Document, score: float) -> Hit:
    by_field = words_by_field(found)
    matched = {
        written: fields
        for word, written in question.words.items()
        if (fields := [name for name, words in by_field.items() if finds(word, words)])
    }
    return Hit(
        identifier=found.identifier,
        kind=found.lookup_type,
        class_name=found.class_name,
        catalog=found.catalog,
        version=found.version,
        status=found.status,
        title=found.title.partition("\n")[0],
        lab=found.lab,
        year=found.year,
        regions=dict(read_sourced(found.regions)),
        species=dict(read_sourced(found.species)),
        has_repetitions=found.has_repetitions,
        has_reliability=found.has_reliability,
        matched=matched,
        missing=tuple(written for written in question.words.values() if written not in matched),
        score=score,
        load=load_line(found),
    )


def load_line(found: Document) -> str:
    """Return the line of Python that loads an entry, as exactly as it has to be."""
    getter = "get_assembly" if found.lookup_type == TYPE_ASSEMBLY else "get_stimulus_set"
    catalog = f", catalog={found.catalog!r}" if found.is_ambiguous else ""
    version = "" if found.is_current else f", version={found.version!r}"
    return f"brainio.{getter}({found.identifier!r}{catalog}{version})"
