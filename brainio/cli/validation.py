"""The command `brainio validate`: all that is wrong with files or published entries, as a table or for programs."""

from typing import Any

import click

from brainio.cli import options
from brainio.cli.output import echo, report_record, show_json, show_log_warnings, show_report
from brainio.errors import ValidationError


@click.command()
@click.argument("subjects", metavar="PATH|IDENTIFIER...", nargs=-1, required=True)
@click.option("--stimuli", metavar="PATH", help="Stimulus set of an assembly, or where the stimuli of a CSV file are.")
@click.option("--class", "class_name", metavar="NAME", help="The class that an assembly is meant to be of.")
@options.recording
@options.as_json
def validate(
    subjects: tuple[str, ...], stimuli: str | None, class_name: str | None, as_json: bool, **given: Any
) -> None:
    """Validate your own files, or an entry, before you publish.

    Lists every problem of stimulus sets and assemblies, with its position and the way to fix it. To check that
    assemblies fit their stimulus sets, use `brainio check`; to check a whole catalog and its stored files, `brainio
    catalog check`.

    PATH is what `brainio package` takes: a folder of stimuli, a CSV or parquet table of them, a netCDF file, a .npy
    file, or with --value a table of trials. It may also be a packaged CSV file with its ZIP archive beside it. The
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
        show_json([report_record(one) for one in reports])
    bad = [one.subject for one in reports if not one.ok]
    if bad:
        raise ValidationError(f"there are errors in {', '.join(bad)}")
