"""The commands `brainio catalog ...`: start a catalog of one's own, and check that one keeps its promises."""

import os
import shutil
from pathlib import Path

import click

from brainio.cli import options
from brainio.cli.log import tell_log
from brainio.cli.output import show_json, tell
from brainio.errors import ValidationError

_FIRST_STEPS = "python packaging_scripts/package_example.py; pytest"
_NARROWEST, _WIDEST = 80, 120  # columns that a report is laid out for


@click.group()
def catalog() -> None:
    """Start a catalog, and check one.

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
        click.echo(os.path.relpath(path))
    tell(f"next: cd {os.path.relpath(folder)}; pip install -e '.[test]'; {_FIRST_STEPS}")


@catalog.command()
@click.argument("name", metavar="CATALOG|PATH")
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

    is_path = name.endswith(".csv") or "/" in name
    report = check_catalog(Path(name) if is_path else name, files=files)  # type: ignore[arg-type]  # one of the choices
    if as_json:
        show_json({"subject": report.subject, "ok": report.ok, "problems": report.records()})
    else:
        click.echo(report.table(min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)))
    if not report.ok:
        raise ValidationError(f"there are errors in {report.subject}")
