"""The command `brainio validate`: all that is wrong with files or published entries, as a table or for programs."""

import click

from brainio.cli import options
from brainio.cli.log import tell_log
from brainio.cli.output import echo, report_record, show_json, show_report
from brainio.errors import ValidationError


@click.command()
@click.argument("subjects", metavar="PATH|IDENTIFIER...", nargs=-1, required=True)
@click.option("--stimuli", metavar="PATH", help="Stimulus set of an assembly, or where the stimuli of a CSV file are.")
@click.option("--class", "class_name", metavar="NAME", help="The class that an assembly is meant to be of.")
@options.as_json
def validate(subjects: tuple[str, ...], stimuli: str | None, class_name: str | None, as_json: bool) -> None:
    """List everything that is wrong with stimulus sets and assemblies, where, and how to fix it.

    PATH is a folder with a CSV file and stimuli, a CSV file with a folder or ZIP archive beside it, or a netCDF file.
    The files of an IDENTIFIER are fetched. The exit code is 11 if there are errors; warnings and notes are no errors.

    \b
    Examples:
      brainio validate my_stimuli/
      brainio validate stimuli.csv --stimuli images/
      brainio validate recording.nc --stimuli stimuli.csv --class NeuroidAssembly
      brainio validate modelfest.Carney1999 --json
    """
    from brainio.validation import validate as report_on

    tell_log()
    reports = []
    for number, subject in enumerate(subjects):
        reports.append(report_on(subject, stimuli, class_name=class_name))
        if not as_json:
            if number:
                echo()
            show_report(reports[-1])
    if as_json:
        show_json([report_record(one) for one in reports])
    bad = [one.subject for one in reports if not one.ok]
    if bad:
        raise ValidationError(f"there are errors in {', '.join(bad)}")
