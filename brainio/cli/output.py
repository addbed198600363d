"""The one sink of the command line: data to stdout as a table or JSON, everything else to stderr."""

import errno
import json
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from brainio.errors import (
    BrainioError,
    BrainioWarning,
    CacheError,
    CatalogError,
    EntryLookupError,
    EntryUnavailableError,
    FetchManyError,
    IntegrityError,
    OfflineError,
    TransferError,
    ValidationError,
)
from brainio.text import printable, printable_json, printable_line

if TYPE_CHECKING:
    from brainio.relations.checked import Checks
    from brainio.validation import Report

# What a caller of the command can tell apart, children before parents; click itself uses 2 for wrong usage.
EXIT_CODES: tuple[tuple[type[BrainioError], int], ...] = (
    (OfflineError, 8),
    (EntryLookupError, 3),
    (EntryUnavailableError, 4),
    (FetchManyError, 9),
    (TransferError, 5),
    (IntegrityError, 6),
    (CatalogError, 7),
    (CacheError, 10),
    (ValidationError, 11),
    (BrainioError, 1),
)
EXIT_CODES_TOLD = (
    "Exit codes: 0 done, 2 wrong usage, 3 no such identifier, 4 known but not to be had, 5 transfer failed, "
    "6 wrong bytes, 7 catalog not readable, 8 not in the cache while BRAINIO_OFFLINE is set, 9 some of several "
    "entries, or files of one in different ways, failed and all others succeeded, 10 cache not readable or writable, "
    "11 errors found by validation, 130 interrupted by Ctrl-C, 1 any other error."
)

_NARROWEST, _WIDEST = 80, 120  # columns that a report is laid out for

Record = dict[str, Any]


def echo(text: str = "", *, err: bool = False) -> None:
    """Print text of any origin for people: characters that would control the terminal are escaped."""
    click.echo(printable(text), err=err)


def show(records: Sequence[Record], columns: Sequence[str], *, as_json: bool) -> None:
    """Print records: all of their fields as JSON, or the named columns as a table."""
    if as_json:
        show_json(records)
        return
    from tabulate import tabulate

    rows = [[printable_line(_cell(record.get(column))) for column in columns] for record in records]
    headers = [column.replace("_", " ") for column in columns]
    header, rule, *lines = tabulate(rows, headers, tablefmt="simple", disable_numparse=True).splitlines()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    echo("\n".join([header, rule[:width], *lines]))  # a rule that wraps looks like a second one


def show_json(value: Any) -> None:
    """Print what a program reads: exact values, of which the terminal gets no character that would control it."""
    click.echo(printable_json(json.dumps(value, indent=2, ensure_ascii=False)))


def show_facts(facts: Record) -> None:
    """Print one record for people: a line for each field that says something."""
    from tabulate import tabulate

    known = {name: value for name, value in facts.items() if value not in (None, "", [])}
    rows = [[printable_line(name.replace("_", " ")), printable(_cell(value))] for name, value in known.items()]
    echo(tabulate(rows, tablefmt="plain", disable_numparse=True))


def show_report(report: "Report | Checks") -> None:
    """Print what validation, or a check, found, for people."""
    echo(report.table(min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)))


def report_record(report: "Report") -> Record:
    """Return what validation found, for programs."""
    columns = {"columns": list(report.columns)} if report.columns else {}
    return {"subject": report.subject, "ok": report.ok, **columns, "problems": report.records()}


def tell(text: str) -> None:
    """Say something to the person who waits."""
    echo(text, err=True)


def fail(failures: Mapping[str, BrainioError], *, of_many: bool) -> NoReturn:
    """Tell what failed and why, and end the program.

    The exit code is that of the failures if they have one in common and the command concerned a single identifier, or
    a catalog or lock file of a single entry; otherwise that of a `FetchManyError`.
    """
    for what, failure in failures.items():
        tell(f"error: {what}: {failure}")
    codes = {exit_code(failure) for failure in failures.values()}
    sys.exit(exit_code(FetchManyError("")) if of_many or len(codes) > 1 else codes.pop())


def exit_code(error: BrainioError) -> int:
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


@contextmanager
def errors_told() -> Iterator[None]:
    """Tell warnings and errors of brainio in a line each on stderr; an error ends the program with its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("once", BrainioWarning)
        warnings.showwarning = lambda message, *_args, **_kwargs: warn(str(message))
        try:
            yield
        except BrainioError as error:
            tell(f"error: {error}")
            sys.exit(exit_code(error))
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read what is printed has enough
                raise
            tell(f"error: {error}")
            sys.exit(1)


def warn(message: str) -> None:
    """Tell a warning."""
    from tqdm import tqdm  # a progress bar that stands there is drawn again below the line

    tqdm.write(f"warning: {printable(message)}", file=sys.stderr)
