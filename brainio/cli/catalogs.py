"""Commands that create, check, copy and upgrade catalogs."""

import os
from pathlib import Path

import click

from brainio.catalogs import CatalogSource, catalog_source
from brainio.catalogs.backends import format_location
from brainio.catalogs.registry import source_from
from brainio.cli import options
from brainio.cli.output import echo, notify, report_record, show, show_json, show_log_warnings, show_report
from brainio.errors import ValidationError

_FIRST_STEPS = "python packaging_scripts/package_example.py; pytest"


@click.group()
def catalog() -> None:
    """Create, check, copy and upgrade catalogs.

    \b
    Examples:
      brainio catalog init my_lab
      brainio catalog check my_lab --files all
    """
    show_log_warnings()


@catalog.command()
@click.argument("name")
@click.option(
    "--in",
    "parent",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Parent folder. By default the current one.",
)
def init(name: str, parent: Path | None) -> None:
    """Create a project for a new catalog in the folder NAME.

    The project can be installed, and has a packaging script, tests and a CI workflow.

    \b
    Examples:
      brainio catalog init my_lab
    """
    from brainio.packaging.new_catalog import new_catalog

    folder = new_catalog(name, parent)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        echo(os.path.relpath(path))
    notify(f"next: cd {os.path.relpath(folder)}; pip install -e '.[test]'; {_FIRST_STEPS}")


@catalog.command()
@click.argument("name", metavar="CATALOG|PATH|URL")
@click.option(
    "--files",
    type=click.Choice(["none", "sizes", "sample", "all"]),
    default="sample",
    show_default=True,
    help="Check of stored files: their sizes only, or also the hashes of a sample, or of all.",
)
@options.as_json
def check(name: str, files: str, as_json: bool) -> None:
    """Check a whole catalog: its rows and its stored files.

    Every row must be valid, every stimulus set of an assembly must be listed, and every location must return the right
    file. The exit code is 11 if there are errors. `brainio check` compares assemblies with their stimulus sets;
    `brainio validate` checks the content of single entries or of your own files.

    \b
    Examples:
      brainio catalog check my_lab
      brainio catalog check lab.csv --files all --json
    """
    from brainio.validation import check_catalog

    report = check_catalog(options.catalog_named(name), files=files)  # type: ignore[arg-type]  # one of the choices
    if as_json:
        show_json(report_record(report))
    else:
        show_report(report)
    if not report.ok:
        raise ValidationError(f"there are errors in {report.subject}")


@catalog.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@options.as_json
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy a catalog to a CSV file or into a database.

    Publications and cards are copied too. FROM is the identifier of an active catalog or, like TO, a CSV file or a
    database: sqlite:////PATH/lab.db or postgresql://USER@HOST/lab. Append #NAME if the catalog has another name than
    its database.

    \b
    Examples:
      brainio catalog copy my_lab sqlite:///lab.db
      brainio catalog copy lab.csv postgresql://me@db.lab.org/neuro#lab
      brainio catalog copy sqlite:///lab.db exported/lab.csv
    """
    from brainio.catalogs.writing import copy_catalog

    destination = source_from(target)
    copied = copy_catalog(_parse_source(source), destination)
    counts = {"files": len(copied.rows), "cards": len(copied.cards), "publications": copied.publications is not None}
    show([{"catalog": format_location(destination.location), **counts}], ("catalog", *counts), as_json=as_json)


@catalog.command()
@click.argument("target", metavar="DATABASE")
def upgrade(target: str) -> None:
    """Upgrade the tables of a catalog database.

    Make a backup first. Missing tables are created.

    \b
    Examples:
      brainio catalog upgrade postgresql://me@db.lab.org/lab
    """
    from brainio.catalogs.backends import backend_of

    before, after = backend_of(target).upgrade()
    notify(f"the schema was {before or 'missing'} and is now {after}")


def _parse_source(name: str) -> CatalogSource:
    if name.endswith(".csv") or "/" in name:
        return source_from(name)
    return catalog_source(name)
