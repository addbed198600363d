"""Commands that run the service and control access to its data.

A running service applies changes of tokens and embargoes within about a second.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brainio.catalogs import LOOKUP_TYPES, Listing, listing, sources
from brainio.cli import options
from brainio.cli.output import echo, notify, show, show_json
from brainio.errors import CatalogError, MissingExtraError
from brainio.installation import install_command

if TYPE_CHECKING:
    from brainio.service.database import Database
    from brainio.service.tokens import Token


_database = click.option(
    "--database",
    metavar="URL",
    help="Database for tokens, embargoes and changes: postgresql://USER@HOST/NAME or sqlite:////PATH. By default "
    "an SQLite file in BRAINIO_HOME. Put its password into ~/.pgpass: other users can see the command line.",
)
_config = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")


@contextmanager
def _require_service_extra() -> Iterator[None]:
    """Name the missing extra if a library of the service is not installed."""
    try:
        yield
    except ImportError as error:
        if isinstance(error, MissingExtraError):
            raise
        raise MissingExtraError(
            f"the service needs {error.name}, which comes with an extra: {install_command('service')}"
        ) from error


def _with_service_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the service database to a command, from its options, the environment or the settings file."""

    @_database
    @_config
    @wraps(command)
    def with_database(*args: Any, database: str | None, config: Path | None, **settings: Any) -> Any:
        with _require_service_extra():
            from brainio.service.database import Database
            from brainio.service.settings import read_settings
        return command(Database(read_settings(config, database=database).database), *args, **settings)

    return with_database


@click.command()
@click.option("--host", help="Address to listen on. By default 127.0.0.1: this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 selects a free one. By default 8000.")
@click.option("--workers", type=click.IntRange(1, 256), help="Number of worker processes. By default 1.")
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
    with _require_service_extra():
        from brainio.service.server import run
        from brainio.service.settings import read_settings
    settings: dict[str, object] = {"host": host, "port": port, "workers": workers, "database": database}
    run(read_settings(config, **settings), config, settings, lambda url: notify(f"serving at {url} (stop with Ctrl-C)"))


@click.group()
def service() -> None:
    """Maintain the database of the service.

    \b
    Examples:
      brainio service upgrade
    """


@service.command()
@_with_service_database
def upgrade(database: "Database") -> None:
    """Upgrade the tables of the service.

    Make a backup first. Missing tables are created.

    \b
    Examples:
      brainio service upgrade --database postgresql://me@db.lab.org/service
    """
    before, after = database.upgrade()
    notify(f"the schema was {before or 'missing'} and is now {after}")


@click.group()
def token() -> None:
    """Create, list and revoke access tokens.

    A token gives access to private catalogs, or to files under embargo.

    \b
    Examples:
      brainio token create --scope lab:read --note "Ada, laptop" --days 30
      brainio token list
      brainio token revoke 3f9a02c1
    """


@token.command()
@_with_service_database
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="CATALOG:RIGHT",
    help="The right is read (see the catalog, fetch its files) or embargoed (also files under embargo). The catalog * "
    "means all catalogs. Can be repeated.",
)
@click.option("--note", default="", metavar="TEXT", help="Owner and purpose.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires. By default 90.")
@click.option("--never-expires", is_flag=True, help="The token is valid until it is revoked.")
@options.as_json
def create(
    database: "Database", scopes: tuple[str, ...], note: str, days: int | None, never_expires: bool, as_json: bool
) -> None:
    """Create a token and print it once.

    Only its hash is stored, so it cannot be printed again.

    \b
    Examples:
      brainio token create --scope lab:read --note "Ada, laptop" --days 30
      brainio token create --scope lab:read --scope lab:embargoed --note "reviewers"
    """
    from brainio.service.tokens import DEFAULT_DAYS, create_token

    if days is not None and never_expires:
        raise click.UsageError("Use either --days or --never-expires, not both.")
    made, text = create_token(database, scopes, note, None if never_expires else days or DEFAULT_DAYS)
    if as_json:
        show_json(_record(made) | {"token": text})
        return
    echo(text)
    notify(f"token {made.id} is valid until {_format_time(made.expires) or 'it is revoked'}; it is not shown again")


@token.command("list")
@_with_service_database
@options.as_json
def list_tokens(database: "Database", as_json: bool) -> None:
    """List all tokens, without their secrets.

    Expired and revoked tokens are included.

    \b
    Examples:
      brainio token list --json
    """
    from brainio.service import tokens

    records = [_record(token_) for token_ in tokens.list_tokens(database)]
    show(records, ("id", "state", "scopes", "note", "made", "expires", "last_used"), as_json=as_json)


@token.command()
@_with_service_database
@click.argument("token_id", metavar="ID")
def revoke(database: "Database", token_id: str) -> None:
    """Revoke a token by its ID from `brainio token list`.

    \b
    Examples:
      brainio token revoke 3f9a02c1
    """
    from brainio.service.tokens import revoke_token

    revoked = revoke_token(database, token_id)
    notify(f"token {revoked.id} was revoked at {_format_time(revoked.revoked)}")


def _record(token_: "Token") -> dict[str, Any]:
    times = {name: _format_time(getattr(token_, name)) for name in ("made", "expires", "last_used", "revoked")}
    state = token_.state(datetime.now(UTC).timestamp())
    return {"id": token_.id, "state": state, "scopes": list(token_.scopes), "note": token_.note, **times}


def _format_time(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@click.group()
def embargo() -> None:
    """Withhold the files of entries until a date.

    Their descriptions stay public.

    \b
    Examples:
      brainio embargo set lab assembly lab.Doe2026 --until 2027-03-01
      brainio embargo list
      brainio embargo lift lab assembly lab.Doe2026
    """


@embargo.command("set")
@_with_service_database
@click.argument("catalog")
@click.argument("kind", type=click.Choice(LOOKUP_TYPES))
@click.argument("identifier")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="Last day of the embargo, in UTC.",
)
@click.option("--note", default="", metavar="TEXT", help="Reason.")
def set_(database: "Database", catalog: str, kind: str, identifier: str, until: datetime, note: str) -> None:
    """Withhold the files of all versions of an entry.

    The entry need not be listed yet.

    \b
    Examples:
      brainio embargo set lab assembly lab.Doe2026 --until 2027-03-01 --note "until the paper is out"
    """
    from brainio.service.embargoes import set_embargo, today

    day = until.date()
    if day < today():
        raise click.UsageError(f"{day} has passed; name a future day, or lift the embargo.")
    name = _current_identifier(catalog, kind, identifier)
    set_embargo(database, (catalog, kind, name), day, note)
    notify(f"the files of {kind} {name!r} of catalog {catalog!r} are withheld until the end of {day}, UTC")


@embargo.command("list")
@_with_service_database
@options.as_json
def list_embargoes(database: "Database", as_json: bool) -> None:
    """List all embargoes, including expired ones.

    \b
    Examples:
      brainio embargo list --json
    """
    from brainio.service import embargoes

    found = embargoes.list_embargoes(database)
    records = [
        item._asdict()
        | {
            "until": item.until.isoformat(),
            "made": _format_time(item.made),
            "state": "over" if item.is_over else "holds",
        }
        for item in found
    ]
    show(records, ("catalog", "kind", "identifier", "until", "state", "note"), as_json=as_json)


@embargo.command()
@_with_service_database
@click.argument("catalog")
@click.argument("kind", type=click.Choice(LOOKUP_TYPES))
@click.argument("identifier")
def lift(database: "Database", catalog: str, kind: str, identifier: str) -> None:
    """End the embargo on an entry now.

    IDENTIFIER may be any alias of the entry.

    \b
    Examples:
      brainio embargo lift lab assembly lab.Doe2026
    """
    from brainio.service import embargoes

    embargoed = {
        item.identifier for item in embargoes.list_embargoes(database) if (item.catalog, item.kind) == (catalog, kind)
    }
    names = [name for name in _entry_names(catalog, kind, identifier) if name in embargoed]
    for name in names or [identifier]:
        embargoes.lift_embargo(database, (catalog, kind, name))
        notify(f"the embargo of {kind} {name!r} of catalog {catalog!r} is lifted")


def _find_listing(catalog: str) -> Listing | None:
    """Return the listing of a catalog; None if it is not active here or not readable."""
    try:
        return listing(catalog) if catalog in sources() else None
    except CatalogError:
        return None


def _entry_names(catalog: str, kind: str, identifier: str) -> list[str]:
    """Return all names of an entry; an embargo may use any of them."""
    known = _find_listing(catalog)
    entry = known.entries.get((kind, known.aliases.get((kind, identifier), identifier))) if known else None
    return [identifier] if entry is None else [entry.identifier, *entry.aliases]


def _current_identifier(catalog: str, kind: str, identifier: str) -> str:
    """Return the current identifier of an entry, and print a note if its catalog does not list it."""
    known = _find_listing(catalog)
    if known is None:
        notify(f"note: no catalog {catalog!r} can be read here, so the identifier was not checked")
        return identifier
    name = known.aliases.get((kind, identifier), identifier)
    if (kind, name) not in known.entries:
        notify(f"note: catalog {catalog!r} lists no {kind} {identifier!r} yet; it is withheld once it does")
    return name
