"""From a question to its answer: the best hits, what they have to do with it, and counts by facet."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from brainio.catalogs.entries import TYPE_ASSEMBLY
from brainio.index.documents import Document, read_sourced, words_by_field
from brainio.index.labels import Counts
from brainio.index.pages import best, cursor_behind
from brainio.index.questions import attempts, labels_asked
from brainio.index.results import Hit, SearchResults
from brainio.index.schema import document
from brainio.index.words import finds
from brainio.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.pages import Page
    from brainio.index.questions import Attempt, Question
    from brainio.index.store import Index

MOST_COUNTED = 10_000  # hits
_MOST_HELD = 100  # hits of a page that is worth remembering
_MOST_COMPARED = 10_000  # identifiers


def find(connection: Connection, index: Index, question: Question, page: Page) -> SearchResults:
    """Answer a question; what is only near is looked for where nothing is right.

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
        return _answer(question, (), Counts(0, {}), note=f"No entry has {named}.")
    for attempt in attempts(labels, index.text, question, asked.values()):
        expression = attempt.expression
        if question.is_open:
            counts = labels.all_counted()
        else:
            counts = index.counts.get(expression, partial(_counts, connection, index, expression))
        if counts.total:
            hits, following = _hits(connection, index, question, attempt, page)
            answer = _answer(question, hits, counts, attempt.note, has_all_words=attempt.has_all_words)
            return replace(answer, next=following)
    return _answer(question, (), Counts(0, {}), note=_meant(connection, question))


def _answer(
    question: Question, hits: Sequence[Hit], counts: Counts, note: str = "", *, has_all_words: bool = True
) -> SearchResults:
    left_out = f"The last {question.left_out:,} words were not looked for." if question.left_out else ""
    if question.text.strip() and not question.words:
        left_out = "The text has no words; shown is what there is without it."
    return SearchResults(
        text=question.text,
        filters=question.filters,
        hits=tuple(hits),
        total=counts.total,
        facets={facet: dict(values) for facet, values in counts.facets.items()},  # which whoever asks may change
        is_broad=counts.is_broad,
        has_all_words=has_all_words,
        note=" ".join(filter(None, [note, left_out])),
    )


def _meant(connection: Connection, question: Question) -> str:
    if len(question.words) != 1:
        return ""
    rows = connection.execute(select(document.c.identifier, document.c.aliases).limit(_MOST_COMPARED))
    near = nearest(question.text, {name for identifier, aliases in rows for name in (identifier, *aliases.split())})
    return f"Did you mean {', '.join(map(repr, near))}?" if near else ""


def _counts(connection: Connection, index: Index, expression: str) -> Counts:
    total, numbers = 0, Counter[int]()
    for labels, count in connection.execute(index.text.counting(expression, MOST_COUNTED + 1)):
        total += count
        for number in labels.split():
            numbers[int(number)] += count
    facets = index.labels(connection).counted(numbers)
    return Counts(min(total, MOST_COUNTED), facets, total > MOST_COUNTED)


def _hits(
    connection: Connection, index: Index, question: Question, attempt: Attempt, page: Page
) -> tuple[list[Hit], str | None]:
    """Return the hits of a page, and the cursor of the next one."""
    if not page.limit:
        return [], None
    find_best = partial(best, connection, index.text, question, attempt, page)
    ranked = index.best.get((attempt, page), find_best) if page.limit <= _MOST_HELD else find_best()
    shown = ranked[: page.limit]
    columns = [document.c[name] for name in Document._fields]
    rows = connection.execute(select(document.c.id, *columns).where(document.c.id.in_([hit.number for hit in shown])))
    found = {number: Document(*values) for number, *values in rows}
    following = cursor_behind(question, shown[-1], found[shown[-1].number]) if len(ranked) > len(shown) else None
    return [_hit(question, found[number], score) for number, score in shown], following


def _hit(question: Question, found: Document, score: float) -> Hit:
    by_field = {name: words.split() for name, words in words_by_field(found).items()}
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
