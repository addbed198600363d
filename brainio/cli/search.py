"""The command `brainio search`: what there is, by words and by facets."""

import click

from brainio.cli import options
from brainio.cli.output import echo, show_json


@click.command()
@click.argument("text", nargs=-1)
@click.option("--kind", help="assembly or stimulus_set.")
@options.catalog
@click.option("--region", multiple=True, help="Such as V4; several times: one of them.")
@click.option("--species", multiple=True, help="Such as macaque; several times: one of them.")
@click.option("--year", multiple=True, help="Of the publication: 2018, or 2015-2020.")
@click.option("--lab", multiple=True, help="Such as dicarlo.")
@click.option("--class", "cls", multiple=True, help="Such as NeuroidAssembly.")
@click.option("--has-repetitions/--no-repetitions", default=None, help="What the card of an entry says.")
@click.option("--has-reliability/--no-reliability", default=None, help="What the card of an entry says.")
@click.option("--include-superseded", is_flag=True, help="Also superseded and deprecated entries.")
@click.option("--limit", default=20, show_default=True, help="How many are shown.")
@click.option("--offset", default=0, help="How many better ones are passed over.")
@click.option("--facets", is_flag=True, help="Only the counts by facet.")
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
    An entry must have all words. Words are those of identifiers, titles, authors, regions, species, coordinates and
    columns; nothing in them is an operator.

    \b
    Examples:
      brainio search macaque V1 natural images
      brainio search --region IT --kind assembly --year 2018-2020
      brainio search fMRI --facets
    """
    import brainio

    found = brainio.search(
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
        show_json(found.record())
        return
    echo(found.table(loads=True))
