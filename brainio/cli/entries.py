"""Commands that find and describe entries.

The library searches, cites and exports; this module selects the fields that people and programs get.
"""

from pathlib import Path

import click

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, catalog_source, entries_of, stimulus_set_of
from brainio.catalogs import deprecate as deprecate_entries
from brainio.catalogs import history as history_of
from brainio.catalogs.backends import format_location
from brainio.catalogs.cards import Card, read_card
from brainio.catalogs.publications import Publication, publications_of
from brainio.cli import options
from brainio.cli.output import Record, echo, notify, show, show_facts, show_json, terminal_width
from brainio.errors import EntryLookupError
from brainio.relations.stimulus_set_usage import assemblies_of, find_assemblies


@click.command()
@click.argument("text", nargs=-1)
@click.option("--kind", help="Kind of entry: assembly or stimulus_set.")
@options.catalog
@click.option("--region", multiple=True, help="Brain region, such as V4. Can be repeated: any of them matches.")
@click.option("--species", multiple=True, help="Species, such as macaque. Can be repeated: any of them matches.")
@click.option("--year", multiple=True, help="Year of the publication: 2018, or 2015-2020.")
@click.option("--lab", multiple=True, help="Lab, such as dicarlo.")
@click.option("--class", "cls", multiple=True, help="Class, such as NeuroidAssembly.")
@click.option("--has-repetitions/--no-repetitions", default=None, help="Entries with or without repetitions.")
@click.option("--has-reliability/--no-reliability", default=None, help="Entries with or without a reliability.")
@click.option("--include-superseded", is_flag=True, help="Include superseded and deprecated entries.")
@click.option("--limit", default=20, show_default=True, help="Maximum number of results.")
@click.option("--offset", default=0, help="Number of results to skip.")
@click.option("--facets", is_flag=True, help="Show only the counts by facet.")
@options.as_json
def search(
    text: tuple[str, ...],
    kind: str | None,
    catalog: str | None,
    region: tuple[str, ...],
    species: tuple[str, ...],
    year: tuple[str, ...],
    lab: tuple[str, ...],
    cls: tuple[str, ...],
    has_repetitions: bool | None,
    has_reliability: bool | None,
    include_superseded: bool,
    limit: int,
    offset: int,
    facets: bool,
    as_json: bool,
) -> None:
    """Find stimulus sets and assemblies by words and facets.

    The best matches come first, each with the line of Python that loads it.
    An entry must contain all words, in its identifier, title, authors, regions, species, coordinates or columns. There
    are no operators.

    \b
    Examples:
      brainio search macaque V1 natural images
      brainio search --region IT --kind assembly --year 2018-2020
      brainio search fMRI --facets
    """
    import brainio

    result = brainio.search(
        " ".join(text),
        kind=kind,
        catalog=catalog,
        region=region or None,
        species=species or None,
        year=year or None,
        lab=lab or None,
        cls=cls or None,
        has_repetitions=has_repetitions,
        has_reliability=has_reliability,
        include_superseded=include_superseded,
        limit=0 if facets else limit,
        offset=offset,
    )
    if as_json:
        show_json(result.record())
        return
    echo(result.table(loads=True, width=terminal_width()))


_MAX_USERS = 12  # assemblies that `info` names


@click.command()
@click.argument("identifier")
@options.kind
@options.catalog
@options.version
@options.as_json
def info(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Show all that is known about an identifier.

    No data are downloaded. If an entry has a card, the output includes its shape, coordinates, counts, repetitions and
    reliability. The card is a small file next to the catalog.

    \b
    Examples:
      brainio info dicarlo.MajajHong2015
      brainio info modelfest.Carney1999 --kind assembly
      brainio info hvm --json
    """
    found = entries_of(identifier, kind=kind, catalog=catalog, version=version)
    if as_json:
        show([details(entry) for entry in found], (), as_json=True)
        return
    for number, entry in enumerate(found):
        if number:
            echo()
        _show_details(details(entry))


def _show_details(record: Record) -> None:
    files, papers, card = (record.pop(name) for name in ("files", "publications", "card"))
    users = record["used_by"] or []
    more = [f"{len(users) - _MAX_USERS} more"] if len(users) > _MAX_USERS else []
    facts = record | {
        "publication": "\n".join(map(_format_publication, papers)) or record["publication"],
        "used_by": "\n".join([*users[:_MAX_USERS], *more]),
    }
    show_facts(facts | (_further_facts(facts, card) if card else {}))
    echo()
    show(files, ("part", "location", "sha1", "version_id", "size", "mirrors"), as_json=False)
    if card:
        from brainio.cli.cards import show_columns

        show_columns(card)


def _further_facts(facts: Record, card: Card) -> Record:
    """Return the facts of a card that are not shown yet; a publication includes citation and DOI."""
    from brainio.cli.cards import format_card_facts

    known = {"citation", "doi"} if facts["publication"] else set()
    return {
        name: value for name, value in format_card_facts(card).items() if name not in known and value != facts.get(name)
    }


def _format_publication(paper: Publication) -> str:
    return " ".join(filter(None, [paper["title"], f"({paper['year']})", paper["doi"]]))


def summary(entry: Entry) -> Record:
    """Return the fields of an entry that listings show."""
    return {
        "identifier": entry.identifier,
        "kind": entry.lookup_type,
        "class": entry.class_name,
        "catalog": entry.catalog,
        "status": entry.status,
        "aliases": list(entry.aliases),
        "stimulus_set_identifier": entry.stimulus_set_identifier,
        "publication": entry.publication,
    }


def details(entry: Entry) -> Record:
    """Return all fields of an entry; `card` is None without a card, and `used_by` is None for an assembly."""
    files = [
        {
            "part": file.part,
            "location": format_location(file.location),
            "mirrors": [format_location(mirror) for mirror in file.mirrors],
            "sha1": file.sha1,
            "sha256": file.sha256,
            "version_id": file.version_id,
            "size": file.size,
        }
        for file in entry.files
    ]
    users = [user.identifier for user in find_assemblies(entry)] if entry.lookup_type == TYPE_STIMULUS_SET else None
    used_by = users and list(dict.fromkeys(users))
    extra = {"used_by": used_by, "version": entry.version, "successor": entry.successor, "license": entry.license}
    known = {"publications": publications_of(entry), "files": files, "card": read_card(entry) or None}
    return {**summary(entry), **extra, **known}


_HISTORY_COLUMNS = ("kind", "version", "status", "stimulus_set", "assemblies", "successor", "reason", "catalog")


@click.command()
@click.argument("identifier")
@options.kind
@options.catalog
@options.as_json
def history(identifier: str, kind: str | None, catalog: str | None, as_json: bool) -> None:
    """Show all versions of an identifier.

    The oldest comes first. Each version is listed with its status, its successor and the reason for the change.

    \b
    Examples:
      brainio history dicarlo.MajajHong2015
      brainio history klab.Zhang2018.search_obj_array --json
    """
    records = [_history_record(entry) for entry in history_of(identifier, catalog=catalog, kind=kind)]
    show(records, _HISTORY_COLUMNS, as_json=as_json)


@click.command()
@click.argument("identifier")
@click.option("--reason", required=True, metavar="TEXT", help="The reason, in one sentence.")
@click.option("--successor", default="", metavar="IDENTIFIER", help="Identifier of the replacement.")
@options.which
@options.dry_run
@options.as_json
def deprecate(identifier: str, reason: str, successor: str, dry_run: bool, as_json: bool, **which: str | None) -> None:
    """Mark an identifier as deprecated, with a reason.

    The entry can still be loaded, with a warning that gives the reason.

    \b
    Examples:
      brainio deprecate lab.Doe2026 --reason "Two neuroids are swapped." --successor lab.Doe2027
      brainio deprecate lab.Doe2026 --version 1 --reason "Two neuroids are swapped." --dry-run
    """
    marked = deprecate_entries(identifier, reason, successor=successor, dry_run=dry_run, **which)
    for entry in marked:
        notify(f"{'would mark' if dry_run else 'marked'} in {_catalog_source(entry)}, with the reason in {entry.card}")
    show([_history_record(entry) | {"reason": reason} for entry in marked], _HISTORY_COLUMNS, as_json=as_json)


def _linked_entries(entry: Entry) -> Record:
    """Return the stimulus set that an assembly loads with, or the assemblies that load with a stimulus set."""
    if entry.lookup_type == TYPE_STIMULUS_SET:
        users = assemblies_of(entry.identifier, catalog=entry.catalog, version=entry.version)
        return {"assemblies": list(dict.fromkeys(_format_versioned(user) for user in users))}
    try:
        stimuli = stimulus_set_of(entry)
    except EntryLookupError:
        return {"stimulus_set": f"{entry.stimulus_set_identifier} (version not listed)"}
    return {"stimulus_set": "" if stimuli is None else _format_versioned(stimuli)}


def _format_versioned(entry: Entry) -> str:
    return f"{entry.identifier} (version {entry.version})" if entry.version else entry.identifier


def _catalog_source(entry: Entry) -> str:
    return str(catalog_source(entry.catalog))


def _history_record(entry: Entry) -> Record:
    return {
        "identifier": entry.identifier,
        "kind": entry.lookup_type,
        "version": entry.version,
        "status": entry.status,
        "successor": entry.successor,
        **_linked_entries(entry),
        "reason": read_card(entry).get("status_reason", ""),
        "catalog": entry.catalog,
        "sha1": {file.part: file.sha1 for file in entry.files},
    }


@click.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "bibtex"]),
    default="text",
    show_default=True,
    help="Output format: one line for each publication, or BibTeX.",
)
@options.which
@options.as_json
def cite(identifiers: tuple[str, ...], form: str, as_json: bool, **which: str | None) -> None:
    """Print the publications to cite for identifiers.

    Each publication appears once; those of an assembly include the publications of its stimuli. An entry without a
    known publication is cited itself, with a remark. Without identifiers, --catalog cites a whole catalog.

    \b
    Examples:
      brainio cite modelfest.Carney1999
      brainio cite dicarlo.MajajHong2015 dicarlo.Rust2012.array --format bibtex
      brainio cite --catalog brainscore --format bibtex
      brainio cite modelfest.Carney1999 --json
    """
    if not identifiers and which["catalog"] is None:
        raise click.UsageError("Name an identifier, or a whole catalog with --catalog.")
    from brainio.exchange.citations import citation_records, format_works, select_entries
    from brainio.exchange.cited_works import collect_works

    works = collect_works(select_entries(identifiers, **which))
    if as_json:
        show_json(citation_records(works))
    else:
        echo(format_works(works, form))


@click.command()
@click.argument("identifier")
@click.option("--format", "form", type=click.Choice(["croissant"]), default="croissant", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: standard output."
)
@click.option("--with-files", is_flag=True, help="Fetch the files and copy them next to the output.")
@options.which
def export(identifier: str, form: str, output: Path | None, with_files: bool, **which: str | None) -> None:
    """Describe an entry for other programs (Croissant).

    The format is Croissant 1.0, which mlcroissant reads.

    \b
    Examples:
      brainio export modelfest.Carney1999 --kind stimulus_set
      brainio export modelfest.Carney1999 -o modelfest.json
      brainio export modelfest.Carney1999 -o folder/modelfest.json --with-files
    """
    if with_files and output is None:
        raise click.UsageError("--with-files copies files next to the output: add --output FILE.")
    from brainio.exchange import export as export_entry

    document = export_entry(identifier, output, format=form, with_files=with_files, **which)
    if output is None:
        show_json(document)
    else:
        notify(f"wrote {output}")
