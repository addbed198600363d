"""The commands `brainio catalog ...`: start a catalog of one's own, check one, and move it into a database."""

import os
from pathlib import Path

import click

from brainio.catalogs import CatalogSource, catalog_source
from brainio.catalogs.backends import format_location
from brainio.catalogs.sources import source_from
from brainio.cli import options
from brainio.cli.log import tell_log
from brainio.cli.output import echo, report_record, show, show_json, show_report, tell
from brainio.errors import ValidationError

_FIRST_STEPS = "python packaging_scripts/package_example.py; pytest"


@click.group()
def catalog() -> None:
    """Start a catalog, check one, and move one into a database or out of it.

    \b
    Examples:
      brainio catalog init my_lab
      brainio catalog check my_lab --files all
    """
    tell_log()


@catalog.command()
@click.argument("name")
@click.option("--in", "parent", metavar="FOLDER", type=click.Path(path_type=Path), help="Default: the working folder.")
def init(name: str, parent: Path | None) -> None:
    """Make the project of a new catalog in the folder NAME: installable, with a packaging script, tests and CI.

    \b
    Examples:
      brainio catalog init my_lab
    """
    from brainio.packaging.new_catalog import new_catalog

    folder = new_catalog(name, parent)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        echo(os.path.relpath(path))
    tell(f"next: cd {os.path.relpath(folder)}; pip install -e '.[test]'; {_FIRST_STEPS}")


@catalog.command()
@click.argument("name", metavar="CATALOG|PATH|URL")
@click.option(
    "--files",
    type=click.Choice(["none", "sizes", "sample", "all"]),
    default="sample",
    show_default=True,
    help="How closely files are looked at where they lie: sizes only, a sample read and hashed, or all.",
)
@options.as_json
def check(name: str, files: str, as_json: bool) -> None:
    """Check that all rows serve, that stimulus sets are listed, and that the right files lie where a catalog says.

    The exit code is 11 if there are errors.

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
    """Copy a catalog with its publications and cards: from a CSV file into a database, back, or elsewhere.

    FROM is a catalog in force by its identifier; or it is, as TO is, a CSV file, or a database:
    sqlite:////PATH/lab.db or postgresql://USER@HOST/lab, with #NAME behind it for another name than the database has.

    \b
    Examples:
      brainio catalog copy my_lab sqlite:///lab.db
      brainio catalog copy lab.csv postgresql://me@db.lab.org/neuro#lab
      brainio catalog copy sqlite:///lab.db exported/lab.csv
    """
    from brainio.catalogs.copying import copy_catalog

    goal = source_from(target)
    copied = copy_catalog(_named(source), goal)
    counts = {"files": len(copied.rows), "cards": len(copied.cards), "publications": copied.publications is not None}
    show([{"catalog": format_location(goal.location), **counts}], ("catalog", *counts), as_json=as_json)


@catalog.command()
@click.argument("target", metavar="DATABASE")
def upgrade(target: str) -> None:
    """Bring the tables of a DATABASE up to date; make a backup before. Where there are none, they are made.

    \b
    Examples:
      brainio catalog upgrade postgresql://me@db.lab.org/lab
    """
    from brainio.catalogs.backends.sql.location import parse_database_location
    from brainio.catalogs.backends.sql.schema import upgrade as upgrade_schema

    before, after = upgrade_schema(parse_database_location(target))
    tell(f"the schema was {before or 'not there'} and is {after}")


def _named(name: str) -> CatalogSource:
    if name.endswith(".csv") or "/" in name:
        return source_from(name)
    return catalog_source(name)
