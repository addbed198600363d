"""The one sink of the command line: data to stdout as a table or JSON, everything else to stderr."""

import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from brainio.errors import (
    BrainioError,
    BrainioWarning,
    CatalogError,
    EntryLookupError,
    EntryUnavailableError,
    IntegrityError,
    TransferError,
)

# What a caller of the command can tell apart; click itself uses 2 for wrong usage.
EXIT_CODES: tuple[tuple[type[BrainioError], int], ...] = (
    (EntryLookupError, 3),
    (EntryUnavailableError, 4),
    (TransferError, 5),
    (IntegrityError, 6),
    (CatalogError, 7),
    (BrainioError, 1),
)

Record = dict[str, Any]


def show(records: Sequence[Record], columns: Sequence[str], *, as_json: bool) -> None:
    """Print records: all of their fields as JSON, or the named columns as a table."""
    if as_json:
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
        return
    from tabulate import tabulate

    rows = [[_cell(record.get(column)) for column in columns] for record in records]
    headers = [column.replace("_", " ") for column in columns]
    click.echo(tabulate(rows, headers, tablefmt="simple", disable_numparse=True))


def show_facts(facts: Record) -> None:
    """Print one record for people: a line for each field that says something."""
    from tabulate import tabulate

    rows = [[name.replace("_", " "), _cell(value)] for name, value in facts.items() if value not in (None, "", [])]
    click.echo(tabulate(rows, tablefmt="plain", disable_numparse=True))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


@contextmanager
def errors_told() -> Iterator[None]:
    """Tell warnings and errors of brainio in a line each on stderr; an error ends the program with its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("once", BrainioWarning)
        warnings.showwarning = lambda message, *_args, **_kwargs: click.echo(f"warning: {message}", err=True)
        try:
            yield
        except BrainioError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
