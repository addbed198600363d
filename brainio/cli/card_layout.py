"""A card for people: lines of facts, and a table of its coordinates or columns.

What cards say is put into words in `brainio.cards.card_text`; here no text of theirs controls the terminal.
"""

import textwrap

from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_card, format_column
from brainio.catalogs.cards import Card
from brainio.cli.output import Record, echo, fact_width, show
from brainio.text import printable_line

_COLUMNS = ("name", "dim", "kind", "distinct", "missing", "range", "most_common")


def card_facts(card: Card) -> Record:
    """Return what a card says beside its columns, each fact in a line of words."""
    return {printable_line(name): _in_lines(text) for name, text in format_card(card).items()}


def show_columns(card: Card) -> None:
    """Print a table with a line for each coordinate of an assembly, or each column of a stimulus set."""
    try:
        told = [format_column(column) for column in card.get("coordinates") or card.get("columns") or []]
        columns = [{name: printable_line(text) for name, text in column.items()} for column in told]
    except MALFORMED_CARD_ERRORS:
        return
    if columns:
        echo()
        show(columns, [name for name in _COLUMNS if any(column[name] for column in columns)], as_json=False)


def _in_lines(text: str) -> str:
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(printable_line(part), fact_width()))
