"""`brainio.lookup`: the catalogs as pandas tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import brainio
from brainio import lookup
from brainio.catalogs import Catalog
from brainio.errors import CatalogError

ROWS = """identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier
a.b,stimulus_set,StimulusSet,S3,https://bkt.s3.amazonaws.com/stimulus_a_b.csv,1111111111111111111111111111111111111111,
a.b,stimulus_set,,S3,https://bkt.s3.amazonaws.com/stimulus_a_b.zip,2222222222222222222222222222222222222222,
a.c,assembly,NeuroidAssembly,S3,https://bkt.s3.amazonaws.com/assy_a_c.nc,3333333333333333333333333333333333333333,a.b
"""
SHARED = ["identifier", "lookup_type", "class", "location_type", "location", "sha1", "stimulus_set_identifier"]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    path = tmp_path / "lab.csv"
    path.write_text(ROWS)
    brainio.add_catalog(path)
    return path


def test_a_lookup_returns_the_row_as_a_pandas_series(lab: Path) -> None:
    row = lookup.lookup_assembly("a.c")
    assert isinstance(row, pd.Series)
    assert list(row.index[:8]) == [*SHARED, "source_catalog"]
    assert list(row.iloc[:8]) == [*ROWS.splitlines()[3].split(","), "lab"]
    assert row.name == 2
    assert pd.isna(row["version_id"])


def test_a_stimulus_set_is_looked_up_as_two_rows(lab: Path) -> None:
    csv_row, zip_row = lookup.lookup_stimulus_set("a.b")
    assert csv_row["location"].endswith(".csv")
    assert zip_row["location"].endswith(".zip")
    assert pd.isna(zip_row["class"])
    assert pd.isna(csv_row["stimulus_set_identifier"])


def test_a_stimulus_set_without_csv_is_not_looked_up() -> None:
    with pytest.raises(lookup.StimulusSetLookupError, match="lists no CSV file"):
        lookup.lookup_stimulus_set("Zerbe2026_fmri_stim_full")


def test_the_version_null_is_not_the_same_as_no_version() -> None:
    assert lookup.lookup_assembly("dicarlo.MajajHong2015")["version_id"] == "null"
    catalog = lookup.get_catalog("brainscore")
    assert (catalog["version_id"] == "null").sum() > 300
    assert catalog["version_id"].isna().sum() > 0


def test_all_catalogs_are_combined_and_each_row_names_its_catalog(lab: Path) -> None:
    combined = lookup.combined_catalog()
    assert isinstance(combined, Catalog)
    assert set(combined["source_catalog"]) == {"lab", "brainscore", "brainio_demo"}
    assert len(combined) == sum(len(catalog) for catalog in lookup.get_catalogs().values())


def test_a_catalog_knows_its_location(lab: Path) -> None:
    catalog = Catalog.from_files("lab", lab, url="https://lab.org")
    assert (catalog.identifier, catalog.url) == ("lab", "https://lab.org")
    assert catalog.attrs["source_path"] == lab
    part = catalog[catalog["lookup_type"] == "assembly"]
    assert isinstance(part, Catalog)
    assert (part.identifier, part.url) == ("lab", "https://lab.org")


def test_a_catalog_whose_file_lacks_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("identifier\nx\n")
    with pytest.raises(CatalogError, match="its header lacks lookup_type"):
        Catalog.from_files("x", tmp_path / "x.csv")


def test_append_adds_a_row_and_refuses_to_replace_one(lab: Path) -> None:
    sha1 = "4" * 40
    catalog = lookup.append("lab", "new", "NeuroidAssembly", "assembly", "bk", sha1, "folder/assy_new.nc", "a.b")
    expected = [
        "new",
        "assembly",
        "NeuroidAssembly",
        "S3",
        "https://bk.s3.amazonaws.com/folder/assy_new.nc",
        sha1,
        "a.b",
    ]
    assert list(catalog.iloc[-1]) == expected
    assert lab.read_text() == ROWS + ",".join(expected) + "\n"
    with pytest.raises(CatalogError, match="published identifiers do not change"):
        lookup.append("lab", "new", "NeuroidAssembly", "assembly", "bk", "5" * 40, "folder/assy_new.nc", "a.b")


def test_the_archive_of_a_stimulus_set_is_appended_without_a_class(lab: Path) -> None:
    catalog = lookup.append("lab", "s", None, "stimulus_set", "bk", "6" * 40, "s.zip")
    assert np.isnan(catalog.iloc[-1]["class"])


def test_names_are_listed_sorted_and_once(lab: Path) -> None:
    for names in (brainio.list_stimulus_sets(), brainio.list_assemblies(), brainio.list_catalogs()):
        assert names == sorted(set(names))
    assert "a.c" in brainio.list_assemblies()
    assert "a.b" in brainio.list_stimulus_sets()


def test_an_unknown_catalog_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="no catalog 'zz' is active"):
        brainio.get_catalog("zz")
