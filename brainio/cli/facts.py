"""Options for what no data can tell and a card should: licence, species, authors, DOI and citation."""

import re
from collections.abc import Mapping
from typing import Any

import click

from brainio.cli.options import Command

_NAMED = re.compile(r"(.*?)\s*<([^<>]*)>\s*")
_OPTIONS = (
    click.option("--license", metavar="SPDX", help="Licence, such as CC-BY-4.0 or CC0-1.0."),
    click.option("--species", metavar="NAME", multiple=True, help="Latin name, 'Macaca mulatta'. Can be repeated."),
    click.option(
        "--author",
        "authors",
        metavar="'NAME <ORCID>'",
        multiple=True,
        help="'Josiah Carberry <0000-0002-1825-0097>', or a name alone. Can be repeated, in order.",
    ),
    click.option("--doi", metavar="DOI", help="Of the publication, such as 10.1152/jn.00891.2005, also as URL."),
    click.option("--citation", metavar="TEXT", help="How to cite the data."),
)


def tells_facts(command: Command) -> Command:
    """Add the options; the values of all of them are what `told_facts` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def told_facts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that these options give, checked.

    Raises
    ------
    PackagingError
        A DOI or an ORCID iD is mistyped, or a fact is empty; all problems are listed.
    """
    from brainio.cards import normalize_facts

    given = {
        "license": options["license"],
        "species": list(options["species"]),
        "authors": [_author(one) for one in options["authors"]],
        "doi": options["doi"],
        "citation": options["citation"],
    }
    return normalize_facts(given)


def _author(text: str) -> str | dict[str, str]:
    found = _NAMED.fullmatch(text)
    return text if found is None else {"name": found[1], "orcid": found[2]}
