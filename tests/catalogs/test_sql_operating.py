"""The commands of docs/operating.md have the documented effects, in the order of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from brainio.catalogs import add_catalog, add_publication, append_rows, resolve
from brainio.errors import CatalogError
from tests.catalogs.rows import row
from tests.postgres import Postgres

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.slow(reason="30 commands, one after the other, on a PostgreSQL server")
def test_the_commands_of_the_page_run(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create_database()
    append_rows(tmp_path / "my_lab.csv", [row("lab.A", own_column="x")])
    add_publication(tmp_path / "my_lab.csv", {"publication": "doe2026"})
    path = f"{Path(sys.executable).parent}:{postgres.programs}:{os.environ['PATH']}"
    script = "set -eu\n" + "".join(BLOCKS).replace("postgresql://lab@db.lab.org/neuro", url)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lab.A" in done.stdout
    for name in ("my_lab.csv", "publications.csv"):
        assert (tmp_path / "backup" / name).read_bytes() == (tmp_path / name).read_bytes()
    for place in (f"{url}#my_lab", f"{url}#my_lab_restored", f"sqlite:///{tmp_path / 'lab.db'}#lab"):
        assert resolve("assembly", "lab.A", catalog=add_catalog(place)).identifier == "lab.A"
    postgres.close_connections()


@pytest.fixture
def reader(postgres: Postgres) -> str:
    """The catalog `lab` with one entry, for a role with read permission only."""
    url = postgres.create_database()
    append_rows(f"{url}#lab", [row("lab.A")])
    postgres.run("psql", url, "-c", "CREATE ROLE looker LOGIN PASSWORD 'x'")
    postgres.run("psql", url, "-c", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
    return f"postgresql://looker:x@{url.rpartition('@')[2]}#lab"


def test_a_role_with_select_permission_reads_but_cannot_write(postgres: Postgres, reader: str) -> None:
    add_catalog(reader)
    assert resolve("assembly", "lab.A").catalog == "lab"
    with pytest.raises(CatalogError, match="permission denied"):
        append_rows(reader, [row("lab.B")])
    postgres.close_connections()
