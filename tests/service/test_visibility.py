"""Visibility of profiles of data that another entry withholds: hashes alone reveal nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from brainio.catalogs import CatalogSource, Entry
from brainio.catalogs.listing import Listing
from brainio.service.access import Access
from brainio.service.embargoes import Embargoes
from brainio.service.responses import RenderedBody
from brainio.service.snapshots import ServedCatalog, Snapshot
from brainio.service.visibility import visible_profile
from tests.cards.profile_examples import demo

PUBLIC = Access(private=frozenset({"lab"}))


@pytest.fixture
def profiles(demo_profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the cache with the profiles of the demo catalog."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "profiles").symlink_to(demo_profiles)
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "home"))


def entry_of(catalog: str, base: str, bucket: str = "lab-bucket") -> Entry:
    """Return an entry with the files of the demo catalog on S3."""
    entry = demo()
    files = [replace(file, location_type="S3", location=f"s3://{bucket}/{file.part}") for file in entry.files]
    return replace(entry, catalog=catalog, base=base, files=tuple(files))


def snapshot_with(entry: Entry) -> Snapshot:
    """Return a snapshot of a catalog with one entry."""
    listing = Listing(entry.catalog, entries={(entry.lookup_type, entry.identifier): entry})
    body = RenderedBody(b"", b"", "", [], [])
    catalog = ServedCatalog(entry.catalog, listing, {}, body, [], frozenset(), CatalogSource(entry.catalog, ""))
    return Snapshot({entry.catalog: catalog}, embargoes=Embargoes({}))


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("base", "is_visible"),
    [
        ("/srv/lab", True),
        ("sqlite:////srv/lab/lab.db#copy", True),
        ("https://lab.org/data", False),
        ("s3://other-bucket", False),
        ("postgresql://db.lab.org/neuro#copy", False),
    ],
)
def test_only_a_catalog_on_this_machine_reveals_private_data_by_naming_their_location(
    base: str, *, is_visible: bool
) -> None:
    snapshot = snapshot_with(entry_of("lab", "/srv/lab"))
    assert (visible_profile(entry_of("copy", base), PUBLIC, snapshot) is not None) == is_visible
    assert visible_profile(entry_of("copy", base), Access(), snapshot) is not None


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("base", ["/srv/lab", "sqlite:////srv/lab/lab.db#copy", "https://lab.org/data"])
def test_equal_hashes_at_another_location_do_not_reveal_private_data(base: str) -> None:
    snapshot = snapshot_with(entry_of("lab", "/srv/lab"))
    assert visible_profile(entry_of("copy", base, "other-bucket"), PUBLIC, snapshot) is None
