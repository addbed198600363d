"""Commands that package the files of a lab and publish them as entries."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brainio.cli import options
from brainio.cli.options import Command, fact_options, parse_facts
from brainio.cli.output import Record, echo, echo_wrapped, notify, show, show_facts, show_json, show_log_warnings
from brainio.local_files import absolute_path
from brainio.stores.location import is_url

if TYPE_CHECKING:
    import xarray as xr

    from brainio.stimuli import StimulusSet


@click.group()
def package() -> None:
    """Validate and publish files, and add them to a catalog.

    \b
    Examples:
      brainio package stimulus-set images/ --identifier lab.Doe2026 --to files/ --catalog lab.csv
      brainio package assembly rates.npy --dims presentation,neuroid --coords presentation=trials.csv \\
        --coords neuroid=neurons.csv --identifier lab.Doe2026 --stimulus-set lab.Doe2026 --to files/ --catalog lab.csv
    """
    show_log_warnings()


_COMMON = (
    click.option(
        "--identifier", metavar="ID", required=True, help="Identifier of the new entry: <lab>.<Author><Year>."
    ),
    click.option(
        "--to",
        "bucket",
        metavar="PLACE",
        required=True,
        help="Store for the files: a folder, s3://BUCKET/FOLDER, or another URL.",
    ),
    click.option(
        "--catalog",
        metavar="CATALOG",
        required=True,
        help="Catalog for the entry: a CSV file (created if missing), s3://..., or an active catalog.",
    ),
    fact_options,
    click.option(
        "--fact",
        "facts",
        metavar="NAME=VALUE",
        type=options.Pair(),
        multiple=True,
        callback=options.distinct_names,
        help="Another column of the entry, such as publication=doe2026. Can be repeated.",
    ),
    click.option("--version", metavar="VERSION", help="Version to publish, in addition to the listed versions."),
    options.dry_run,
    options.as_json,
)


def _with_common_options(command: Command) -> Command:
    """Decorate a command with the options that all commands for packaging have."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


@package.command("stimulus-set")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--files", metavar="FOLDER", type=click.Path(path_type=Path), help="Folder with the stimuli of a table.")
@options.cells
@_with_common_options
def stimulus_set(
    source: Path,
    files: Path | None,
    text: tuple[str, ...],
    missing: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **entry: Any,
) -> None:
    """Package a folder or table of stimuli.

    SOURCE is a folder of stimuli, or a CSV or parquet table with a column stimulus_id. The column filename names the
    file of each stimulus; without it, the file has the name of the stimulus_id. Without a table, every file is a
    stimulus.

    \b
    Examples:
      brainio package stimulus-set images/ --identifier lab.Doe2026 --to files/ --catalog lab.csv --dry-run
      brainio package stimulus-set stimuli.csv --files images/ --identifier lab.Doe2026 --to s3://lab-data \\
        --catalog lab.csv --license CC-BY-4.0 --author 'Josiah Carberry <0000-0002-1825-0097>' --author 'Richard Roe'
    """
    from brainio.packaging import package_stimulus_set
    from brainio.packaging.lab_files import read_stimuli

    columns, facts = _facts(entry)
    stimuli = read_stimuli(source, files, text=text, missing=missing)
    result = package_stimulus_set(
        options.catalog_named(entry["catalog"]),
        stimuli,
        entry["identifier"],
        _parse_store(entry["bucket"]),
        entry_facts=columns,
        card_facts=facts,
        dry_run=dry_run,
    )
    _show_result(result, stimuli, as_json=as_json)
    if not dry_run:
        notify(f"the stimulus set {entry['identifier']} is published in {entry['catalog']}")


@package.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--stimulus-set", "stimuli", metavar="ID", required=True, help="Stimulus set of the recording.")
@click.option(
    "--stimulus-set-version", metavar="VERSION", help="Version of the stimulus set; default: the current one."
)
@click.option("--class", "class_name", metavar="NAME", default="NeuronRecordingAssembly", show_default=True)
@options.recording
@click.option("--units", metavar="UNITS", help="Units of the values, such as ms or Hz.")
@click.option("--long-name", metavar="TEXT", help="Description of the values for labels, such as 'reaction time'.")
@_with_common_options
def assembly(
    source: Path,
    stimuli: str,
    stimulus_set_version: str | None,
    class_name: str,
    units: str | None,
    long_name: str | None,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Package a recording or a table of behaviour.

    SOURCE is a netCDF file, a NumPy file, or a table with a row for each presentation.

    Cells of CSV tables keep their text, such as 007, unless a whole column consists of numbers. With --dry-run the type
    of every column is shown.

    \b
    Examples:
      brainio package assembly rates.nc --identifier lab.Doe2026 --stimulus-set lab.Doe2026 --to files/ \\
        --catalog lab.csv
      brainio package assembly times.csv --value rt --units ms --long-name 'reaction time' --class BehavioralAssembly \\
        --missing NA --identifier lab.Doe2026.times --stimulus-set lab.Doe2026 --to files/ --catalog lab.csv
      brainio package assembly answers.csv --value choice --class BehavioralAssembly --identifier lab.Doe2026.choices \\
        --stimulus-set lab.Doe2026 --to files/ --catalog lab.csv --license CC-BY-4.0 --species 'Homo sapiens' \\
        --doi 10.1152/jn.00891.2005 --citation 'Doe, J., & Roe, R. (2026). On choices. Journal of Examples, 1, 1-9.'
    """
    from brainio.packaging import package_data_assembly
    from brainio.packaging.lab_files import read_recording

    columns, facts = _facts(given)
    recording = read_recording(source, units=units, long_name=long_name, **options.recording_arguments(given))
    result = package_data_assembly(
        options.catalog_named(given["catalog"]),
        recording,
        given["identifier"],
        stimuli,
        assembly_class_name=class_name,
        bucket_name=_parse_store(given["bucket"]),
        entry_facts=columns,
        card_facts=facts,
        stimulus_set_version=stimulus_set_version,
        dry_run=dry_run,
    )
    _show_result(result, recording, as_json=as_json)
    if not dry_run:
        notify(f"the assembly {given['identifier']} is published in {given['catalog']}")


def _parse_store(name: str) -> str | Path:
    if is_url(name):
        return name
    from brainio.packaging.packages import check_store

    check_store(name)  # absolute_path would mistake a DOI for a folder
    return absolute_path(name)


def _facts(entry: Record) -> tuple[dict[str, str], Record]:
    """Return the columns of the entry's rows, and the facts of its card; both include the licence."""
    from brainio.packaging.packages import canonical_facts

    columns, facts = canonical_facts(dict(entry["facts"])), parse_facts(entry)
    for name, value in (("license", facts.get("license")), ("version", entry["version"])):
        if value and columns.setdefault(name, value) != value:
            raise click.UsageError(f"--{name} is {value!r}, but --fact gives {name}={columns[name]}. Give it once.")
    return columns, facts


def _show_result(result: Record, data: "StimulusSet | xr.DataArray", *, as_json: bool) -> None:
    """Show the published entry; for a dry run, show the plan and the type of every column."""
    plan = result.get("plan")
    if plan is not None:
        from brainio.packaging.lab_files import describe_columns

        result["columns"] = describe_columns(data)
    if as_json:
        show_json(result)
    elif plan is not None:
        notify("nothing was stored; the plan is:")
        echo_wrapped(plan)
        echo()
        show(result["columns"], ("column", "of", "type", "distinct", "missing", "examples"), as_json=False)
    else:
        show_facts(result)
