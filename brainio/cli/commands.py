"""The command group `brainio`: its sections, help and errors.

Commands are a thin layer over the library. Each imports heavy libraries only when it runs, so that `brainio list`
responds at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, entries, sources
from brainio.cli import EXIT_INTERRUPTED, options
from brainio.cli.entries import summary
from brainio.cli.output import EXIT_CODE_HELP, echo, handle_errors, show
from brainio.installation import warn_of_conflicts
from brainio.version import __version__

_LOOKUP_TYPES = {
    "stimulus-sets": TYPE_STIMULUS_SET,
    "assemblies": TYPE_ASSEMBLY,
}
# Section -> command -> module, which loads when the command runs, and the line in the help: it needs no import.
_SECTIONS = {
    "Find data": {
        "search": ("entries", "Find stimulus sets and assemblies by words and facets."),
        "list": ("commands", "List the entries of the active catalogs, or the catalogs."),
        "info": ("entries", "Show all that is known about an identifier."),
        "history": ("entries", "Show all versions of an identifier."),
        "overlap": ("checks", "Compare two stimulus sets and list the stimuli they share."),
        "cite": ("entries", "Print the publications to cite for identifiers."),
        "export": ("entries", "Describe an entry for other programs (Croissant)."),
    },
    "Load data": {
        "get": ("get", "Fetch the files of identifiers into the cache."),
        "cache": ("cache", "List, verify and remove files in the cache."),
    },
    "Contribute data": {
        "validate": ("checks", "Validate your own files, or an entry, before you publish."),
        "package": ("packaging", "Validate and publish files, and add them to a catalog."),
        "check": ("checks", "Check assemblies against their stimulus sets."),
        "card": ("cards", "Build and show cards (facts that need no download)."),
        "catalog": ("catalogs", "Create, check, copy and upgrade catalogs."),
        "deprecate": ("entries", "Mark an identifier as deprecated, with a reason."),
    },
    "Operate a service": {
        "serve": ("service", "Serve the active catalogs over HTTP."),
        "service": ("service", "Maintain the database of the service."),
        "token": ("service", "Create, list and revoke access tokens."),
        "embargo": ("service", "Withhold the files of entries until a date."),
        "profile": ("cards", "Build and list the profiles that pages show."),
    },
}
_COMMANDS = {name: command for section in _SECTIONS.values() for name, command in section.items()}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *(name for name in super().list_commands(ctx) if name not in _COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands or cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"brainio.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        column = max(map(len, self.list_commands(ctx)))
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(column), line) for name, (_, line) in commands.items()])

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        with _exits_if_interrupted():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> object:
        with _exits_if_interrupted(), handle_errors():
            warn_of_conflicts()
            return super().invoke(ctx)


@contextmanager
def _exits_if_interrupted() -> Iterator[None]:
    """Exit with code 130 after Ctrl-C; click itself would print "Aborted!" and exit with 1."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None


def _show_version(ctx: click.Context, _option: click.Parameter, is_requested: bool) -> None:
    if is_requested and not ctx.resilient_parsing:
        with handle_errors():
            warn_of_conflicts()
            echo(f"brainio, version {__version__}")
        ctx.exit()


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODE_HELP,
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def main() -> None:
    """Find, load and publish stimuli and neural recordings by identifier.

    \b
    Examples:
      brainio search macaque V4 natural images
      brainio list assemblies
      brainio info dicarlo.MajajHong2015
      brainio get modelfest.Carney1999
      brainio cache ls

    brainio COMMAND --help describes a command.
    """


@main.command("list")
@click.argument(
    "kind",
    metavar="[stimulus-sets|assemblies|catalogs]",
    type=click.Choice([*_LOOKUP_TYPES, "catalogs"]),
    required=False,
)
@options.catalog
@options.as_json
def list_(kind: str | None, catalog: str | None, as_json: bool) -> None:
    """List the entries of the active catalogs, or the catalogs.

    \b
    Examples:
      brainio list
      brainio list assemblies --catalog brainscore
      brainio list catalogs --json
    """
    if kind == "catalogs":
        records = [
            {"catalog": name, "location": str(source)}
            for name, source in sources().items()
            if name == (catalog or name)
        ]
        show(records, ("catalog", "location"), as_json=as_json)
        return
    records = [summary(entry) for entry in entries(_LOOKUP_TYPES.get(kind or ""), catalog)]
    records.sort(key=lambda record: (record["kind"], record["identifier"]))
    show(records, ("identifier", "kind", "class", "catalog", "status"), as_json=as_json)
