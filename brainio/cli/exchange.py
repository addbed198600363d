"""The commands `brainio cite` and `brainio export`: what papers and other programs take of an entry."""

from pathlib import Path

import click

from brainio.cli import options
from brainio.cli.output import echo, notify, show_json


@click.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "bibtex"]),
    default="text",
    show_default=True,
    help="A line for each publication, or BibTeX.",
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
        raise click.UsageError("Name an identifier, or with --catalog a catalog to cite all of it.")
    from brainio.exchange.citing import named, records, written
    from brainio.exchange.works import works_of

    works = works_of(named(identifiers, **which))
    if as_json:
        show_json(records(works))
    else:
        echo(written(works, form))


@click.command()
@click.argument("identifier")
@click.option("--format", "form", type=click.Choice(["croissant"]), default="croissant", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: standard output."
)
@click.option("--with-files", is_flag=True, help="Fetch the files and put copies beside the output.")
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
        raise click.UsageError("--with-files puts the files beside the output; name that with --output.")
    from brainio.exchange import export as described

    document = described(identifier, output, format=form, with_files=with_files, **which)
    if output is None:
        show_json(document)
    else:
        notify(f"wrote {output}")
