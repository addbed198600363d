"""The commands `brainio serve` and `brainio service ...`: the catalogs in force over HTTP, and what that keeps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brainio.cli.output import notify
from brainio.errors import MissingExtraError
from brainio.installation import install_command

if TYPE_CHECKING:
    from brainio.service.database import Database

_database = click.option(
    "--database",
    metavar="URL",
    help="Where the service keeps tokens, embargoes and changes: postgresql://USER@HOST/NAME or sqlite:////PATH. "
    "By default an SQLite file below BRAINIO_HOME. Keep its password in ~/.pgpass: others may see a command line.",
)
_config = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")


@contextmanager
def extra_needed() -> Iterator[None]:
    """Say which extra brings what the service needs, where that is not installed."""
    try:
        yield
    except ImportError as error:
        if isinstance(error, MissingExtraError):
            raise
        raise MissingExtraError(
            f"the service needs {error.name}, which comes with an extra: {install_command('service')}"
        ) from error


def on_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the database of the service that its options, the environment or the file say."""

    @_database
    @_config
    @wraps(command)
    def with_database(*args: Any, database: str | None, config: Path | None, **said: Any) -> Any:
        with extra_needed():
            from brainio.service.database import Database
            from brainio.service.settings import read_settings
        return command(Database(read_settings(config, database=database).database), *args, **said)

    return with_database


@click.command()
@click.option("--host", help="Address to listen at. By default 127.0.0.1: this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 is any free one. By default 8000.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer. By default one.")
@_database
@_config
def serve(host: str | None, port: int | None, workers: int | None, database: str | None, config: Path | None) -> None:
    """Serve the active catalogs over HTTP.

    The service has pages for people and an API for programs. Environment variables (such as BRAINIO_SERVE_PORT) take
    precedence over the file, and options over both.

    \b
    Examples:
      brainio serve
      brainio serve --host 0.0.0.0 --port 8080 --workers 4
      brainio serve --database postgresql://me@db.lab.org/service
      BRAINIO_CATALOGS=lab.csv brainio serve --config service.toml
    """
    with extra_needed():
        from brainio.service.server import run
        from brainio.service.settings import read_settings
    said: dict[str, object] = {"host": host, "port": port, "workers": workers, "database": database}
    run(read_settings(config, **said), config, said, lambda url: notify(f"serving at {url} (stop with Ctrl-C)"))


@click.group()
def service() -> None:
    """Maintain the database of the service.

    \b
    Examples:
      brainio service upgrade
    """


@service.command()
@on_database
def upgrade(database: "Database") -> None:
    """Upgrade the tables of the service.

    Make a backup first. Missing tables are created.

    \b
    Examples:
      brainio service upgrade --database postgresql://me@db.lab.org/service
    """
    before, after = database.upgrade()
    notify(f"the schema was {before or 'not there'} and is {after}")
