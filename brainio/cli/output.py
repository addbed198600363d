"""The output of the command line: data on stdout as a table or JSON, messages on stderr.

On a terminal, tables and errors fit its width and are coloured unless `NO_COLOR` is set. Pipes get every cell whole.
No text of a catalog, card or file reaches a terminal with its control characters.
"""

import errno
import json
import os
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

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
from brainio.text import printable, printable_json, printable_line, shorten
from brainio.text_tables import fit_columns, format_table, shorten_cell

if TYPE_CHECKING:
    from brainio.validation import Report

# Child classes before their parents; click itself exits with 2 for wrong usage.
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
EXIT_CODE_HELP = (
    "Exit codes: 0 success, 1 any other error, 2 wrong usage, 3 no such identifier, 4 known entry without available "
    "files, 5 transfer failed, 6 wrong bytes, 7 unreadable catalog, 8 not in the cache while BRAINIO_OFFLINE is set, "
    "9 some of several entries (or files of one entry, for different reasons) failed, all others succeeded, "
    "10 unreadable or read-only cache, 11 validation found errors, 130 interrupted by Ctrl-C."
)
_HINTS: tuple[tuple[type[BrainioError], str], ...] = (
    (EntryLookupError, "brainio search WORDS finds entries by region, species, author or title"),
    (OfflineError, "brainio cache ls shows the files that load without the network"),
    (CacheError, "brainio cache where shows the folders of the cache"),
)
_REPORT_WIDTHS = (80, 120)  # columns
_FACT_WIDTH, _FACT_NAME_WIDTH = 96, 25  # columns of a wrapped fact in a pipe; of the longest name of a field
_MIN_FACT_WIDTH = 24
_CELL_COLORS = {
    "deprecated": "yellow",
    "superseded": "yellow",
    "expired": "yellow",
    "revoked": "yellow",
    "not checked": "yellow",
    "current": "green",
}

Record = dict[str, Any]


def echo(text: str = "", *, err: bool = False) -> None:
    """Print text from any source for people, with its control characters escaped."""
    _write(printable(text), err=err)


def echo_wrapped(text: str, *, err: bool = False) -> None:
    """Print lines of text like `echo`; on a terminal, wrap them between words."""
    width = terminal_width(sys.stderr if err else None)
    if width is not None:
        indents = ((line, " " * (len(line) - len(line.lstrip()) + 2)) for line in text.split("\n"))
        wrapped = [textwrap.wrap(line, width, subsequent_indent=indent, **_WHOLE_WORDS) for line, indent in indents]
        text = "\n".join("\n".join(lines) for lines in wrapped)
    echo(text, err=err)


def show(records: Sequence[Record], columns: Sequence[str], *, as_json: bool) -> None:
    """Print records: all fields as JSON, or the named columns as a table.

    Parameters
    ----------
    records : sequence of dict
        One record for each row.
    columns : sequence of str
        The columns of the table. On a narrow terminal the first column is the last to be shortened.
    as_json : bool
        Whether to print JSON.
    """
    if as_json:
        show_json(records)
        return
    rows = [[printable_line(_cell(record.get(column))) for column in columns] for record in records]
    headers = [column.replace("_", " ") for column in columns]
    width = terminal_width()
    if width is None:
        echo(format_table(headers, rows, None))
    else:
        _write(_terminal_table(rows, headers, width))


def show_json(value: Any) -> None:
    """Print exact values for programs; JSON escapes replace control characters."""
    _write(printable_json(json.dumps(value, indent=2, ensure_ascii=False)))


def show_facts(facts: Record) -> None:
    """Print one record for people, a line for each field that has a value."""
    from tabulate import tabulate

    texts = {
        printable_line(name.replace("_", " ")): printable(_cell(value))
        for name, value in facts.items()
        if value not in (None, "", [])
    }
    width = terminal_width()
    if width is not None:
        room = max(width - max(map(len, texts), default=0) - 2, _MIN_FACT_WIDTH)
        texts = {_style(name, fg="cyan"): _wrap(text, room) for name, text in texts.items()}
    _write(tabulate(list(texts.items()), tablefmt="plain", disable_numparse=True))


def show_report(report: "Report") -> None:
    """Print the findings of a validation as a table."""
    low, high = _REPORT_WIDTHS
    echo(report.table(min(max(shutil.get_terminal_size().columns, low), high)))


def report_record(report: "Report") -> Record:
    """Return the findings of a validation as a record for programs."""
    columns = {"columns": list(report.columns)} if report.columns else {}
    return {"subject": report.subject, "ok": report.ok, **columns, "problems": report.records()}


def notify(text: str) -> None:
    """Print a message on stderr: progress, a summary or a note."""
    echo_wrapped(text, err=True)


def summarize(count: int, total: int, action: str) -> None:
    """Print how many of several entries a command has processed."""
    if total > 1:
        notify(f"{count} of {total} entries {action}")


def fail(failures: Mapping[str, BrainioError], *, of_many: bool) -> NoReturn:
    """Print each failure with its reason, and exit.

    If all failures share an exit code, it is used if the command concerned a single identifier, or a catalog or lock
    file with a single entry; otherwise it is the code of `FetchManyError`.
    """
    for subject, failure in failures.items():
        _show_error(f"{subject}: {failure}")
    for hint in dict.fromkeys(filter(None, map(_hint, failures.values()))):
        _show_hint(hint)
    codes = {exit_code(failure) for failure in failures.values()}
    sys.exit(exit_code(FetchManyError("")) if of_many or len(codes) > 1 else codes.pop())


def exit_code(error: BrainioError) -> int:
    """Return the exit code for an error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


@contextmanager
def handle_errors() -> Iterator[None]:
    """Print each warning and error of brainio on stderr; an error exits with the code of its class."""
    with warnings.catch_warnings():
        warnings.simplefilter("once", BrainioWarning)
        warnings.showwarning = lambda message, *_args, **_kwargs: warn(str(message))
        try:
            yield
        except BrainioError as error:
            _show_error(str(error))
            _show_hint(_hint(error))
            sys.exit(exit_code(error))
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of the pipe has closed it
                raise
            _show_error(str(error))
            sys.exit(1)


def warn(message: str) -> None:
    """Print a warning above any progress bar."""
    from tqdm import tqdm  # its `write` redraws an active progress bar below the line

    prefix = _style("warning:", sys.stderr, fg="yellow", bold=True)
    tqdm.write(f"{prefix} {_layout_message(printable(message), len('warning: '))}", file=sys.stderr)


@cache
def show_log_warnings() -> None:
    """Print the warnings that brainio logs from now on."""
    import logging  # commands without transfers start faster without it

    class _WarningHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warn(record.getMessage())

    logging.getLogger("brainio").addHandler(_WarningHandler(logging.WARNING))


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Return the number of columns of the terminal; None if the stream (default: stdout) is a pipe or a file."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def fact_width() -> int:
    """Return the number of columns for wrapped facts."""
    width = terminal_width()
    return _FACT_WIDTH if width is None else max(width - _FACT_NAME_WIDTH, _MIN_FACT_WIDTH)


def _terminal_table(rows: list[list[str]], headers: list[str], width: int) -> str:
    """Lay out a table for a terminal: without empty columns, with cells that fit, and coloured."""
    from tabulate import tabulate

    widths = fit_columns(headers, rows, width)
    lines = [
        [_style(shorten(headers[number], room), bold=True) for number, room in widths.items()],
        [_style("-" * room, dim=True) for room in widths.values()],
        *(
            [
                _style_cell(row[number], shorten_cell(headers[number], row[number], room))
                for number, room in widths.items()
            ]
            for row in rows
        ),
    ]
    table: str = tabulate(lines, tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.splitlines())


def _show_error(message: str) -> None:
    _write(f"{_style('error:', sys.stderr, fg='red', bold=True)} {_layout_message(printable(message), 7)}", err=True)


def _hint(error: BrainioError) -> str:
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")


def _show_hint(hint: str) -> None:
    """Print the next step for people; programs read the exit code."""
    if hint and terminal_width(sys.stderr) is not None:
        _write(f"{_style('hint:', sys.stderr, fg='cyan')} {hint}", err=True)


def _layout_message(message: str, prefix: int) -> str:
    """Indent all lines but the first; on a terminal, start a line for each clause, and wrap.

    Messages state the failure first, then the reason and the next step, separated by semicolons.
    """
    width = terminal_width(sys.stderr)
    if width is None:
        return message.replace("\n", "\n  ")
    clauses = [clause for line in message.split("\n") for clause in line.split("; ")]
    first, *others = clauses
    lines = textwrap.wrap(" " * prefix + first, width, subsequent_indent="  ", **_WHOLE_WORDS) or [""]
    for clause in others:
        lines += textwrap.wrap(clause, width, initial_indent="  ", subsequent_indent="  ", **_WHOLE_WORDS)
    return "\n".join(lines)[prefix:]


_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _wrap(text: str, width: int) -> str:
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, width, **_WHOLE_WORDS) or [""])


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _style_cell(cell: str, text: str) -> str:
    color = _CELL_COLORS.get(cell)
    return _style(text, fg=color) if color else text


def _style(text: str, stream: TextIO | None = None, **style: Any) -> str:
    """Colour text if the stream (default: stdout) is a terminal with colours, and `NO_COLOR` is empty or not set."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if is_plain or not (stream or sys.stdout).isatty() else click.style(text, **style)


def _write(text: str, *, err: bool = False) -> None:
    click.echo(text, err=err)
