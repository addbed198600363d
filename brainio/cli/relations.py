"""The commands `brainio check` and `brainio overlap`: what fits together, and what two stimulus sets share."""

import click

from brainio.cli import options
from brainio.cli.log import tell_log
from brainio.cli.output import echo, show_json, show_report, tell
from brainio.errors import ValidationError
from brainio.text import quantity


@click.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option("--catalog", metavar="CATALOG", help="Look in this catalog only; without identifiers: check all of it.")
@options.version
@click.option("--fetch", is_flag=True, help="Fetch what is not in the cache: netCDF files and tables, no stimuli.")
@options.as_json
def check(identifiers: tuple[str, ...], fetch: bool, as_json: bool, **which: str | None) -> None:
    """Check that the presentations of assemblies resolve in their stimulus sets, both ways.

    Looked at are files that are in the cache; of an IDENTIFIER of a stimulus set, those of all assemblies that used it.
    Also, the stimulus set and successor that a catalog names must be listed, and its cards on this machine be there.
    The exit code is 11 if there are errors; what is not in the cache is listed as not checked, which is none.

    What lies in stores is checked by `brainio catalog check`, one file by itself by `brainio validate`.

    \b
    Examples:
      brainio check dicarlo.MajajHong2015
      brainio check modelfest.Carney1999 --fetch
      brainio check --catalog brainscore --json
    """
    options.require_names(
        identifiers, which["catalog"], which["version"], to="check all of it", current_entries="are checked"
    )
    from brainio.relations.integrity import check as checks_of

    tell_log()
    checks = checks_of(*identifiers, fetch=fetch, on_plan=lambda plan: tell(str(plan)), **which)
    if as_json:
        show_json(checks.records())
    else:
        show_report(checks)
    if not checks.ok:
        raise ValidationError(f"{quantity(len(checks.errors), 'error')} found; {checks.summary}")


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--forbid", is_flag=True, help="End with exit code 11 if they share content, or may: tests of leakage.")
@options.as_json
def overlap(a: str, b: str, forbid: bool, as_json: bool) -> None:
    """Find the stimuli that two sets share: by id, by bytes, and by what they show or sound like.

    A and B are identifiers, which are fetched, CSV files with a folder or ZIP archive beside them, or folders with a
    CSV file and stimuli. Equal are images of the same pixels, whatever their format, WAV sounds of the same samples,
    and other files of the same bytes. The table shows the first of them, JSON has all.

    \b
    Examples:
      brainio overlap hvm-public hvm-private
      brainio overlap modelfest.Carney1999 my_stimuli/ --forbid
      brainio overlap train.csv test.csv --json
    """
    from brainio.relations.overlaps import overlap as overlap_of

    tell_log()
    found = overlap_of(a, b)
    if as_json:
        show_json(found.record())
    else:
        echo(str(found))
    if forbid and not found.is_disjoint:
        raise ValidationError(f"{a} and {b} share stimuli: {found.a.same['content']:,} of {a} are in {b}")
    if forbid and found.unknown:
        raise ValidationError(f"{found.unknown:,} files of {a} and {b} cannot be read, so they may be shared")
