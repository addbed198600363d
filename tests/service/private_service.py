"""A service of a public lab and of private catalogs, one of which holds a word that nobody else may find."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import update

from brainio.catalogs import append_rows
from brainio.service.database import Database, tokens_table
from brainio.service.tokens import PREFIX, create_token, mark_access_changed, revoke_token
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab

WORD = "Qzmark"
"""Stands in identifiers, aliases, titles, authors, regions and file names of the private catalog, and nowhere else."""
HIDDEN, CONCEALED = "hidden", "apart"
IDENTIFIER = f"{WORD.lower()}.{WORD}2026"


@dataclass
class PrivateService:
    """The running service, its database, and a token of each kind."""

    service: ServiceProcess
    database: Database
    url: str
    tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """Ask with one of the tokens, by its name, or with none."""
        headers = {} if token is None else {"Authorization": f"Bearer {self.tokens[token]}"}
        return self.service.client.get(path, headers=headers)

    def wait_until_accepted(self, token: str) -> str:
        """Return a token once the service knows it."""
        self.service.eventually(lambda: self.ask(token).status_code == 200)
        return token

    def ask(self, token: str, path: str = "/api/v1/catalogs") -> httpx.Response:
        """Ask with a token."""
        return self.service.client.get(path, headers={"Authorization": f"Bearer {token}"})


def make_hidden_catalog(folder: Path) -> Path:
    """Make the private catalog: data of its own, a user of a set of the lab, and another set of a name of the lab."""
    folder.mkdir()
    made = make_lab(folder / "made")
    text = made.read_text().replace(CARNEY, IDENTIFIER).replace(ROKEM, f"{WORD.lower()}.Rokem2006")
    catalog = folder / "made" / f"{HIDDEN}.csv"
    catalog.write_text(text)
    row = {"location_type": "", "class": "NeuroidAssembly", "sha1": "", "lookup_type": "assembly"}
    uses = row | {"identifier": f"{WORD.lower()}.User", "location": f"{WORD}.nc", "stimulus_set_identifier": CARNEY}
    same = row | {"identifier": ROKEM, "lookup_type": "stimulus_set", "class": "StimulusSet", "location": "other.csv"}
    append_rows(catalog, [uses, same | {"stimulus_set_identifier": "", "sha1": "0" * 40}])
    publications = made.with_name("publications.csv")
    publications.write_text(publications.read_text().replace("Development", WORD).replace("Carney, T.", f"{WORD}, Z."))
    for card in (folder / "made" / "cards").rglob("*.json"):
        card.write_text(card.read_text().replace("modelfest.Carney1999", IDENTIFIER))
    made.unlink()
    return catalog


def make_third_catalog(folder: Path) -> Path:
    """Make a public catalog of an assembly whose stimulus set is listed by the lab."""
    row = {"identifier": "third.A", "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": ""}
    catalog = folder / "third.csv"
    append_rows(catalog, [row | {"location": "a.nc", "sha1": "", "stimulus_set_identifier": ROKEM}])
    return catalog


@contextmanager
def serve_private_catalogs(folder: Path, url: str) -> Iterator[PrivateService]:
    """Serve a public lab, a third catalog, and two private ones."""
    apart = make_lab(folder / CONCEALED)
    apart = apart.rename(apart.with_name(f"{CONCEALED}.csv"))
    catalogs = [make_lab(folder / "lab"), make_third_catalog(folder), make_hidden_catalog(folder / "h"), apart]
    environment = {
        "BRAINIO_CATALOGS": ",".join(map(str, catalogs)),
        "BRAINIO_SERVE_PRIVATE": f"{HIDDEN},{CONCEALED},nosuch",
        "BRAINIO_SERVE_DATABASE": url,
    }
    database = Database(url)
    right = create_token(database, [f"{HIDDEN}:read"], "right")[1]
    with ServiceProcess(folder / "home", **environment) as service:
        vault = PrivateService(service, database, url, {"right": right})
        vault.tokens |= {
            "every": create_token(database, ["*:read"], "")[1],
            "other": create_token(database, [f"{CONCEALED}:read", "lab:embargoed"], "")[1],
            "wrong": PREFIX + secrets.token_hex(32),
            "expired": expired_token(database, f"{HIDDEN}:read"),
            "none": "x",
        }
        revoked, vault.tokens["revoked"] = create_token(database, [f"{HIDDEN}:read"], "")
        revoke_token(database, revoked.id)
        vault.wait_until_accepted(vault.tokens["other"])
        vault.service.eventually(lambda: vault.get("/api/v1", "revoked").status_code == 401)
        yield vault


def expired_token(database: Database, scope: str) -> str:
    """Make a token that served until a second ago."""
    made, text = create_token(database, [scope], "", 1)
    with database.write_transaction() as connection:
        connection.execute(
            update(tokens_table).where(tokens_table.c.id == made.id).values(expires=int(time.time()) - 1)
        )
        mark_access_changed(connection)  # the service may have read the token already
    return text
