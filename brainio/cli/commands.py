"""The commands of `brainio`: a thin layer over the package, without logic of its own.

Heavy libraries load inside the commands that need them, so that `brainio list` answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, entries, sources
from brainio.cli import EXIT_INTERRUPTED, options
from brainio.cli.output import EXIT_CODES_TOLD, errors_told, show
from brainio.cli.records import summary
from brainio.installation import warn_of_conflicts
from brainio.version import __version__

_KINDS = {
    "stimulus-sets": TYPE_STIMULUS_SET,
    "assemblies": TYPE_ASSEMBLY,
}
_ELSEWHERE = {  # modules that load when they are named
    "cache": "brainio.cli.upkeep",
    "card": "brainio.cli.cards",
    "catalog": "brainio.cli.catalogs",
    "cite": "brainio.cli.exchange",
    "check": "brainio.cli.relations",
    "deprecate": "brainio.cli.history",
    "embargo": "brainio.cli.rights",
    "export": "brainio.cli.exchange",
    "get": "brainio.cli.fetching",
    "history": "brainio.cli.history",
    "info": "brainio.cli.info",
    "overlap": "brainio.cli.relations",
    "package": "brainio.cli.packaging",
    "profile": "brainio.cli.profiles",
    "search": "brainio.cli.search",
    "serve": "brainio.cli.service",
    "service": "brainio.cli.service",
    "token": "brainio.cli.rights",
    "validate": "brainio.cli.validation",
}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
        return command

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        with _exits_if_interrupted():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> object:
        with _exits_if_interrupted(), errors_told():
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
        with errors_told():
            warn_of_conflicts()
            click.echo(f"brainio, version {__version__}")
        ctx.exit()


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_TOLD,
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def main() -> None:
    """Stimuli and neural recordings by identifier.

    \b
    Examples:
      brainio list assemblies
      brainio info dicarlo.MajajHong2015
      brainio get modelfest.Carney1999
      brainio cache ls
    """


@main.command("list")
@click.argument("what", type=click.Choice([*_KINDS, "catalogs"]), required=False)
@options.catalog
@options.as_json
def list_(what: str | None, catalog: str | None, as_json: bool) -> None:
    """List the contents of the active catalogs: stimulus-sets, assemblies, or the catalogs themselves.

    \b
    Examples:
      brainio list
      brainio list assemblies --catalog brainscore
      brainio list catalogs --json
    """
    if what == "catalogs":
        places = [
            {"catalog": name, "location": str(source)}
            for name, source in sources().items()
            if name == (catalog or name)
        ]
        show(places, ("catalog", "location"), as_json=as_json)
        return
    records = [summary(entry) for entry in entries(_KINDS.get(what or ""), catalog)]
    records.sort(key=lambda record: (record["kind"], record["identifier"]))
    show(records, ("identifier", "kind", "class", "catalog", "status"), as_json=as_json)
