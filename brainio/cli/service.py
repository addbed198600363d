"""The commands `brainio serve` and `brainio service ...`: the catalogs in force over HTTP, and what that keeps."""

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
@on_database
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="CATALOG:RIGHT",
    help="The right is read (see the catalog, have its files) or embargoed (also files under embargo). The catalog * "
    "is all. May be said several times.",
)
@click.option("--note", default="", metavar="TEXT", help="Whose it is, and what for.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it serves. By default 90 days.")
@click.option("--never-expires", is_flag=True, help="It serves until it is revoked.")
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
        raise click.UsageError("--days and --never-expires cannot both be said.")
    made, text = create_token(database, scopes, note, None if never_expires else days or DEFAULT_DAYS)
    if as_json:
        show_json(_record(made) | {"token": text})
        return
    echo(text)
    notify(f"token {made.id} serves until {_moment(made.expires) or 'it is revoked'}; it is not shown again")


@token.command("list")
@on_database
@options.as_json
def list_tokens(database: "Database", as_json: bool) -> None:
    """List all tokens, without their secrets.

    Expired and revoked tokens are included.

    \b
    Examples:
      brainio token list --json
    """
    from brainio.service import tokens

    records = [_record(one) for one in tokens.list_tokens(database)]
    show(records, ("id", "state", "scopes", "note", "made", "expires", "last_used"), as_json=as_json)


@token.command()
@on_database
@click.argument("token_id", metavar="ID")
def revoke(database: "Database", token_id: str) -> None:
    """Revoke a token by its ID from `brainio token list`.

    \b
    Examples:
      brainio token revoke 3f9a02c1
    """
    from brainio.service.tokens import revoke_token

    revoked = revoke_token(database, token_id)
    notify(f"token {revoked.id} was revoked at {_moment(revoked.revoked)}")


def _record(one: "Token") -> dict[str, Any]:
    moments = {name: _moment(getattr(one, name)) for name in ("made", "expires", "last_used", "revoked")}
    state = one.state(datetime.now(UTC).timestamp())
    return {"id": one.id, "state": state, "scopes": list(one.scopes), "note": one.note, **moments}


def _moment(seconds: int | None) -> str | None:
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
@on_database
@click.argument("catalog")
@click.argument("kind", type=click.Choice(LOOKUP_TYPES))
@click.argument("identifier")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="The last day; the embargo ends with it, in UTC.",
)
@click.option("--note", default="", metavar="TEXT", help="Why.")
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
        raise click.UsageError(f"{day} has passed; name a day to come, or lift the embargo.")
    name = _listed(catalog, kind, identifier)
    set_embargo(database, (catalog, kind, name), day, note)
    notify(f"the files of {kind} {name!r} of catalog {catalog!r} are withheld until the end of {day}, UTC")


@embargo.command("list")
@on_database
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
        one._asdict()
        | {"until": one.until.isoformat(), "made": _moment(one.made), "state": "over" if one.is_over else "holds"}
        for one in found
    ]
    show(records, ("catalog", "kind", "identifier", "until", "state", "note"), as_json=as_json)


@embargo.command()
@on_database
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

    kept = {one.identifier for one in embargoes.list_embargoes(database) if (one.catalog, one.kind) == (catalog, kind)}
    names = [name for name in _names(catalog, kind, identifier) if name in kept]
    for name in names or [identifier]:
        embargoes.lift_embargo(database, (catalog, kind, name))
        notify(f"the embargo of {kind} {name!r} of catalog {catalog!r} is lifted")


def _known(catalog: str) -> Listing | None:
    """Return what a catalog lists where it is in force here and can be read."""
    try:
        return listing(catalog) if catalog in sources() else None
    except CatalogError:
        return None


def _names(catalog: str, kind: str, identifier: str) -> list[str]:
    """Return all names of an entry, by any of which it may be under embargo."""
    known = _known(catalog)
    entry = known.entries.get((kind, known.aliases.get((kind, identifier), identifier))) if known else None
    return [identifier] if entry is None else [entry.identifier, *entry.aliases]


def _listed(catalog: str, kind: str, identifier: str) -> str:
    """Return what an entry is called where its catalog is in force here; say so where it is not known."""
    known = _known(catalog)
    if known is None:
        notify(f"note: no catalog {catalog!r} can be read here, so that the identifier was not checked")
        return identifier
    name = known.aliases.get((kind, identifier), identifier)
    if (kind, name) not in known.entries:
        notify(f"note: catalog {catalog!r} lists no {kind} {identifier!r} yet; it is withheld once it does")
    return name
