"""Commands that validate data and compare entries with each other.

`brainio catalog check`, for the stored files of a whole catalog, is in `brainio.cli.catalogs`.
"""

from typing import Any

import click

from brainio.cli import options
from brainio.cli.output import echo, notify, report_record, show_json, show_log_warnings, show_report, terminal_width
from brainio.errors import ValidationError
from brainio.text import quantity


@click.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option(
    "--catalog", metavar="CATALOG", help="Use only this catalog; without identifiers, check all of its entries."
)
@options.version
@click.option("--fetch", is_flag=True, help="Fetch missing netCDF files and tables, but no stimuli.")
@options.as_json
def check(identifiers: tuple[str, ...], fetch: bool, as_json: bool, **which: str | None) -> None:
    """Check assemblies against their stimulus sets.

    Every presentation of an assembly must have its stimulus in the stimulus set. The command reads files in the cache;
    the IDENTIFIER of a stimulus set selects all assemblies that use it. It also checks that the catalog lists the named
    stimulus sets and successors, and that local cards exist. The exit code is 11 if there are errors. Entries that are
    not in the cache are listed as not checked, which is not an error.

    `brainio validate` checks one file or entry by itself; `brainio catalog check` checks the files in stores.

    \b
    Examples:
      brainio check dicarlo.MajajHong2015
      brainio check modelfest.Carney1999 --fetch
      brainio check --catalog brainscore --json
    """
    options.require_names(
        identifiers, which["catalog"], which["version"], to="check all of it", current_entries="are checked"
    )
    from brainio.relations.checks import check as check_entries

    show_log_warnings()
    results = check_entries(*identifiers, fetch=fetch, on_plan=lambda plan: notify(str(plan)), **which)
    if as_json:
        show_json(results.record())
    else:
        echo(results.table(terminal_width()))
    if not results.ok:
        raise ValidationError(f"{quantity(len(results.errors), 'error')} found; {results.summary}")


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--forbid", is_flag=True, help="Exit with code 11 if the sets share stimuli, or may: a test for leakage.")
@options.as_json
def overlap(a: str, b: str, forbid: bool, as_json: bool) -> None:
    """Compare two stimulus sets and list the stimuli they share.

    A and B are identifiers, which are fetched, CSV files next to a folder or ZIP archive, or folders with a CSV file
    and stimuli. Images are equal if they have the same pixels in any format, WAV sounds if they have the same samples,
    and other files if they have the same bytes. The table shows the first shared stimuli, --json shows all.

    \b
    Examples:
      brainio overlap hvm-public hvm-private
      brainio overlap modelfest.Carney1999 my_stimuli/ --forbid
      brainio overlap train.csv test.csv --json
    """
    from brainio.relations.overlaps import overlap as compare_sets

    show_log_warnings()
    result = compare_sets(a, b)
    if as_json:
        show_json(result.record())
    else:
        echo(result.table(terminal_width()))
    if forbid and not result.is_disjoint:
        raise ValidationError(f"{a} and {b} share stimuli: {result.a.shared_counts['content']:,} of {a} are in {b}")
    if forbid and result.unreadable_count:
        raise ValidationError(f"{result.unreadable_count:,} files of {a} and {b} cannot be read, so they may be shared")


@click.command()
@click.argument("subjects", metavar="PATH|IDENTIFIER...", nargs=-1, required=True)
@click.option(
    "--stimuli", metavar="PATH", help="Stimulus set of an assembly, or folder with the stimuli of a CSV file."
)
@click.option("--class", "class_name", metavar="NAME", help="Intended class of an assembly.")
@options.recording
@options.as_json
def validate(
    subjects: tuple[str, ...], stimuli: str | None, class_name: str | None, as_json: bool, **given: Any
) -> None:
    """Validate your own files, or an entry, before you publish.

    Lists every problem of stimulus sets and assemblies, with its position and the way to fix it. To check that
    assemblies fit their stimulus sets, use `brainio check`; to check a whole catalog and its stored files, `brainio
    catalog check`.

    PATH is a source for `brainio package`: a folder of stimuli, a CSV or parquet table of them, a netCDF file, a .npy
    file, or with --value a table of trials. It may also be a packaged CSV file next to its ZIP archive. The
    files of an IDENTIFIER are fetched. The exit code is 11 if there are errors, but not for warnings and notes.

    \b
    Examples:
      brainio validate my_stimuli/
      brainio validate stimuli.csv --stimuli images/
      brainio validate recording.nc --stimuli stimuli.csv --class NeuroidAssembly
      brainio validate rates.npy --dims presentation,neuroid --coords presentation=trials.csv \\
        --coords neuroid=neurons.csv --stimuli stimuli.csv
      brainio validate times.csv --value rt --missing NA --stimuli stimuli.csv
      brainio validate modelfest.Carney1999 --json
    """
    from brainio.validation import validate as report_on

    show_log_warnings()
    reports, how = [], options.recording_arguments(given)
    for number, subject in enumerate(subjects):
        reports.append(report_on(subject, stimuli, class_name=class_name, **how))
        if not as_json:
            if number:
                echo()
            show_report(reports[-1])
    if as_json:
        show_json([report_record(report) for report in reports])
    bad = [report.subject for report in reports if not report.ok]
    if bad:
        raise ValidationError(f"there are errors in {', '.join(bad)}")
