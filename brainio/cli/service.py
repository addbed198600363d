"""The command `brainio serve`: the catalogs in force over HTTP."""

from pathlib import Path

import click

from brainio.cli.output import tell
from brainio.errors import MissingExtraError


@click.command()
@click.option("--host", help="Address to listen at. By default 127.0.0.1: this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 is any free one. By default 8000.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer. By default one.")
@click.option("--database", help="postgresql://... for the search index, where several machines or processes serve.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
def serve(host: str | None, port: int | None, workers: int | None, database: str | None, config: Path | None) -> None:
    """Serve the catalogs in force over HTTP, for programs and for people.

    What is set in the environment (BRAINIO_SERVE_PORT, ...) counts more than the file, options more than both.

    \b
    Examples:
      brainio serve
      brainio serve --host 0.0.0.0 --port 8080 --workers 4
      brainio serve --workers 4 --database postgresql://lab@db.lab.org/neuro
      BRAINIO_CATALOGS=lab.csv brainio serve --config service.toml
    """
    try:
        from brainio.service.running import run
        from brainio.service.settings import read_settings
    except ImportError as error:
        raise MissingExtraError(
            f"the service needs {error.name}, which comes with an extra: pip install 'brainio[service]'"
        ) from error
    said: dict[str, object] = {"host": host, "port": port, "workers": workers, "database": database}
    run(read_settings(config, **said), config, said, lambda url: tell(f"serving at {url} (stop with Ctrl-C)"))
