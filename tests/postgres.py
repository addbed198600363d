"""A PostgreSQL server for tests on the loopback interface, in a temporary folder and without root privileges."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from brainio.catalogs.backends.sql import connections
from tests.servers import HOST, closed_port

PASSWORD = "se cret/@#1"  # characters that URLs must quote
_FOLDERS = Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt")


def find_programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`; None if PostgreSQL is not installed."""
    found = shutil.which("pg_ctl")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += [path.parent for folder in _FOLDERS for path in sorted(folder.glob("*/bin/pg_ctl"), reverse=True)]
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


class Postgres:
    """Context manager that runs a server with the superuser `lab`, whose password is `PASSWORD`."""

    def __init__(self, bin_folder: Path) -> None:
        self.programs = bin_folder
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.port = closed_port()
        # PostgreSQL refuses to run as root, the usual user of tests in containers.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)

    def __enter__(self) -> Self:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "--username=lab", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", "-E", "UTF8")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_connections()
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-h {HOST} -p {self.port} -k {self._folder} -c fsync=off -c max_connections=100"
        self._run("pg_ctl", "--wait", f"--log={self._folder / 'log'}", f"--options={options}", "start")

    def stop(self) -> None:
        """Stop the server at once, which breaks its connections."""
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop", check=False)

    def create_database(self) -> str:
        """Create an empty database and return its URL with the password."""
        name = f"lab_{secrets.token_hex(6)}"
        self._execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return f"postgresql://lab:{quote(PASSWORD, safe='')}@{HOST}:{self.port}/{name}"

    def _execute(self, statement: Composed) -> None:
        """Execute a statement, without the new process that a client program would need."""
        with psycopg.connect(
            host=HOST, port=self.port, user="lab", password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def close_connections(self) -> None:
        """Close the connections of this process to the server."""
        for url in list(connections._servers):
            if f":{self.port}/" in url:
                connections._servers.pop(url).dispose()

    def run(self, program: str, *arguments: str) -> str:
        """Run a client program of PostgreSQL as the superuser, and return its standard output."""
        return self._run(program, *arguments, PGHOST=HOST, PGPORT=str(self.port), PGUSER="lab", PGPASSWORD=PASSWORD)

    def _run(self, program: str, *arguments: str, check: bool = True, **environment: str) -> str:
        done = subprocess.run(
            [self.programs / program, *arguments],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGDATA": str(self._folder / "data")} | environment,
            cwd=self._folder,
            user=self._user,
            stdout=subprocess.PIPE,
            stderr=(self._folder / "stderr").open("a"),
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{program} failed: {(self._folder / 'said').read_text()}")
        return done.stdout
