"""Serve public and private catalogs, one of which contains a word that nobody without access may find."""

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

SECRET_WORD = "Qzmark"
"""Occurs in identifiers, titles, authors and file names of the catalog `hidden`, and nowhere else."""
HIDDEN, CONCEALED = "hidden", "concealed"
IDENTIFIER = f"{SECRET_WORD.lower()}.{SECRET_WORD}2026"


@dataclass
class PrivateService:
    """A running service with private catalogs, its database, and a token of each kind."""

    process: ServiceProcess
    database: Database
    url: str
    tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """Send a GET request with the token of a name, or without a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {self.tokens[token]}"}
        return self.process.client.get(path, headers=headers)

    def wait_until_accepted(self, token: str) -> str:
        """Wait until the service accepts a token, and return the token."""
        self.process.wait_until(lambda: self.get_with_token(token).status_code == 200)
        return token

    def get_with_token(self, token: str, path: str = "/api/v1/catalogs") -> httpx.Response:
        """Send a GET request with a token."""
        return self.process.client.get(path, headers={"Authorization": f"Bearer {token}"})


def make_hidden_catalog(folder: Path) -> Path:
    """Write a private catalog that also uses a stimulus set of the lab, and lists another set under a name of the lab.

    Its other entries are copies of those of the lab, under identifiers with the secret word.
    """
    folder.mkdir()
    lab = make_lab(folder / "lab")
    text = lab.read_text().replace(CARNEY, IDENTIFIER).replace(ROKEM, f"{SECRET_WORD.lower()}.Rokem2006")
    catalog = folder / "lab" / f"{HIDDEN}.csv"
    catalog.write_text(text)
    row = {"location_type": "", "class": "NeuroidAssembly", "sha1": "", "lookup_type": "assembly"}
    user = row | {
        "identifier": f"{SECRET_WORD.lower()}.User",
        "location": f"{SECRET_WORD}.nc",
        "stimulus_set_identifier": CARNEY,
    }
    namesake = row | {
        "identifier": ROKEM,
        "lookup_type": "stimulus_set",
        "class": "StimulusSet",
        "location": "other.csv",
    }
    append_rows(catalog, [user, namesake | {"stimulus_set_identifier": "", "sha1": "0" * 40}])
    publications = lab.with_name("publications.csv")
    publications.write_text(
        publications.read_text().replace("Development", SECRET_WORD).replace("Carney, T.", f"{SECRET_WORD}, Z.")
    )
    for card in (folder / "lab" / "cards").rglob("*.json"):
        card.write_text(card.read_text().replace("modelfest.Carney1999", IDENTIFIER))
    lab.unlink()
    return catalog


def make_third_catalog(folder: Path) -> Path:
    """Write a public catalog of an assembly whose stimulus set the lab lists."""
    row = {"identifier": "third.A", "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": ""}
    catalog = folder / "third.csv"
    append_rows(catalog, [row | {"location": "a.nc", "sha1": "", "stimulus_set_identifier": ROKEM}])
    return catalog


@contextmanager
def serve_private_catalogs(folder: Path, url: str) -> Iterator[PrivateService]:
    """Serve two public catalogs (`lab`, `third`) and two private ones (`hidden`, `concealed`)."""
    concealed = make_lab(folder / CONCEALED)
    concealed = concealed.rename(concealed.with_name(f"{CONCEALED}.csv"))
    catalogs = [make_lab(folder / "lab"), make_third_catalog(folder), make_hidden_catalog(folder / "h"), concealed]
    environment = {
        "BRAINIO_CATALOGS": ",".join(map(str, catalogs)),
        "BRAINIO_SERVE_PRIVATE": f"{HIDDEN},{CONCEALED},nosuch",
        "BRAINIO_SERVE_DATABASE": url,
    }
    database = Database(url)
    reader = create_token(database, [f"{HIDDEN}:read"], "reader")[1]
    with ServiceProcess(folder / "home", **environment) as service:
        private_service = PrivateService(service, database, url, {"reader": reader})
        private_service.tokens |= {
            "reader of all": create_token(database, ["*:read"], "")[1],
            "other": create_token(database, [f"{CONCEALED}:read", "lab:embargoed"], "")[1],
            "unknown": PREFIX + secrets.token_hex(32),
            "expired": expired_token(database, f"{HIDDEN}:read"),
            "malformed": "x",
        }
        revoked, private_service.tokens["revoked"] = create_token(database, [f"{HIDDEN}:read"], "")
        revoke_token(database, revoked.id)
        private_service.wait_until_accepted(private_service.tokens["other"])
        private_service.process.wait_until(lambda: private_service.get("/api/v1", "revoked").status_code == 401)
        yield private_service


def expired_token(database: Database, scope: str) -> str:
    """Create a token that expired a second ago, and return its text."""
    token, text = create_token(database, [scope], "", 1)
    with database.write_transaction() as connection:
        connection.execute(
            update(tokens_table).where(tokens_table.c.id == token.id).values(expires=int(time.time()) - 1)
        )
        mark_access_changed(connection)  # the service may already have read the token
    return text
