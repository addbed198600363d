"""Options that several commands share, with their types."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from brainio.catalogs import LOOKUP_TYPES, Entry, entries, entries_of
from brainio.errors import BrainioError
from brainio.stores.location import is_url

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
catalog = click.option("--catalog", metavar="CATALOG", help="Look in this catalog only.")
kind = click.option(
    "--kind",
    type=click.Choice(LOOKUP_TYPES),
    help="Kind of entry, if the identifier names both.",
)
version = click.option("--version", metavar="VERSION", help="Version of the entry. By default the current one.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")

Command = Callable[..., Any]


class Pair(click.ParamType):
    """`NAME=VALUE`."""

    name = "pair"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split the text; click calls this, also for values that it converted before."""
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not name or not sign:
            self.fail(f"{value!r} is not of the form NAME=VALUE", param, ctx)
        return name, text


def distinct_names(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Refuse pairs that give one name several values: all but the last would be lost."""
    first: dict[str, str] = {}
    for name, value in pairs:
        if first.setdefault(name, value) != value:
            message = f"{name!r} is given twice, as {first[name]!r} and {value!r}; pass it once"
            raise click.BadParameter(message, ctx, param)
    return pairs


_CELLS = (
    click.option(
        "--text", metavar="COLUMN", multiple=True, help="Column of a CSV file to read as text. Can be repeated."
    ),
    click.option(
        "--missing",
        metavar="CELL",
        multiple=True,
        help="Cell of a CSV file that means a missing value, such as NA. Can be repeated.",
    ),
)
_RECORDING = (
    click.option(
        "--dims",
        metavar="DIM,DIM",
        default="",
        help="Dimensions of a .npy file in order, or the dimension of a table's rows.",
    ),
    click.option(
        "--coords",
        metavar="DIM=TABLE",
        type=Pair(),
        multiple=True,
        callback=distinct_names,
        help="Table of coordinates, with a row for each position of the dimension.",
    ),
    click.option("--value", metavar="COLUMN", help="Column of a table that contains the values."),
    *_CELLS,
)


def cells(command: Command) -> Command:
    """Add the options for reading cells of CSV tables: `text` and `missing`."""
    for option in reversed(_CELLS):
        command = option(command)
    return command


def recording(command: Command) -> Command:
    """Add the options for reading a recording: `dims`, `coords`, `value`, `text` and `missing`."""
    for option in reversed(_RECORDING):
        command = option(command)
    return command


def recording_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the options of `recording` to arguments of `read_recording` and `validate`."""
    return {
        "dims": [dim.strip() for dim in given["dims"].split(",") if dim.strip()],
        "coords": {dim: Path(path) for dim, path in given["coords"]},
        **{name: given[name] for name in ("value", "text", "missing")},
    }


def which(command: Command) -> Command:
    """Add the options that select an entry: `kind`, `catalog` and `version`, as `entries_of` accepts them."""
    return kind(catalog(version(command)))


def require_names(
    identifiers: tuple[str, ...], catalog_: str | None, version_: str | None, *, to: str, current_entries: str
) -> None:
    """Refuse a command that names neither entries nor a catalog, or a version of a whole catalog."""
    if not identifiers and catalog_ is None:
        raise click.UsageError(f"Name an identifier, or a catalog with --catalog to {to}.")
    if not identifiers and version_ is not None:
        raise click.UsageError(
            f"--version needs an identifier; for a whole catalog, the current entries {current_entries}."
        )


def catalog_named(text: str) -> str | Path:
    """Convert the name of a catalog to a path, unless it is an identifier or URL."""
    is_path = not is_url(text) and ("/" in text or text.endswith(".csv"))
    return Path(text) if is_path else text


_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


class Amount(click.ParamType):
    """A number with a unit, such as ``30d`` or ``1.5 GB``, in upper or lower case.

    Parameters
    ----------
    name : str
        The quantity, for messages and help.
    units : mapping
        Unit in lower case -> its multiple of the smallest unit. With the unit ``''``, a plain number is accepted.
    accepted : str
        The accepted values, for messages.
    """

    def __init__(self, name: str, units: Mapping[str, int], accepted: str) -> None:
        self.name = name
        self._units = units
        self._accepted = accepted

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the amount in the smallest unit; click calls this, also for values that it converted before."""
        if isinstance(value, int):
            return value
        match = _AMOUNT.fullmatch(value.strip().lower())
        if match is None or match[2] not in self._units:
            self.fail(f"{value!r} is not a {self.name}; expected {self._accepted}", param, ctx)
        from decimal import Decimal

        return int(Decimal(match[1]) * self._units[match[2]])


_TIMES = {"min": 60, "hour": 3600, "day": 86_400, "week": 604_800, "year": 31_536_000}
DURATION = Amount(
    "duration",
    {
        name: seconds
        for unit, seconds in _TIMES.items()
        for name in (unit, f"{unit}s", unit if unit == "min" else unit[0])
    },
    "a number and min, h, d, w or y (365 days), such as 12h, 30d or 2w",
)
"""In seconds."""

_PREFIXES = ("", "k", "m", "g", "t")
SIZE = Amount(
    "size",
    {f"{prefix}{b}": 1000**power for power, prefix in enumerate(_PREFIXES) for b in ("", "b")}
    | {f"{prefix}ib": 1024**power for power, prefix in enumerate(_PREFIXES) if prefix},
    "bytes, or a number and kB, MB, GB, TB (or KiB, MiB, GiB, TiB: powers of 1024), such as 500MB or 1.5TiB",
)
"""In bytes."""


_NAME_AND_ORCID = re.compile(r"(.*?)\s*<([^<>]*)>\s*")
_FACTS = (
    click.option("--license", metavar="SPDX", help="Licence, such as CC-BY-4.0 or CC0-1.0."),
    click.option(
        "--species", metavar="NAME", multiple=True, help="Latin name, such as 'Macaca mulatta'. Can be repeated."
    ),
    click.option(
        "--author",
        "authors",
        metavar="'NAME <ORCID>'",
        multiple=True,
        help="'Josiah Carberry <0000-0002-1825-0097>', or only a name. Can be repeated, in order.",
    ),
    click.option("--doi", metavar="DOI", help="DOI of the publication, such as 10.1152/jn.00891.2005, or its URL."),
    click.option("--citation", metavar="TEXT", help="Citation of the data."),
)


def fact_options(command: Command) -> Command:
    """Add the options for facts of a card: licence, species, authors, DOI and citation."""
    for option in reversed(_FACTS):
        command = option(command)
    return command


def parse_facts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the validated facts from the values of `fact_options`.

    Raises
    ------
    PackagingError
        A DOI or ORCID iD is malformed, or a fact is empty; the message lists all problems.
    """
    from brainio.cards import normalize_facts

    given = {
        "license": options["license"],
        "species": list(options["species"]),
        "authors": [_parse_author(author) for author in options["authors"]],
        "doi": options["doi"],
        "citation": options["citation"],
    }
    return normalize_facts(given)


def _parse_author(text: str) -> str | dict[str, str]:
    match = _NAME_AND_ORCID.fullmatch(text)
    return text if match is None else {"name": match[1], "orcid": match[2]}


def select_entries(
    identifiers: tuple[str, ...], *, kind: str | None, catalog: str | None, version: str | None
) -> tuple[list[Entry], dict[str, BrainioError]]:
    """Return the entries of the identifiers (without any, all current entries), and the error of each failed lookup."""
    if not identifiers:
        return list(entries(kind, catalog)), {}
    found: list[Entry] = []
    failures: dict[str, BrainioError] = {}
    for identifier in identifiers:
        try:
            found += entries_of(identifier, kind=kind, catalog=catalog, version=version)
        except BrainioError as error:
            failures[identifier] = error
    return list(dict.fromkeys(found)), failures
