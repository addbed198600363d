"""Rows of catalogs for tests, and a catalog with two versions of an entry."""

from brainio.catalogs import CatalogSource, registry, writing


def row(identifier: str, **cells: str) -> dict[str, str]:
    """Return the row of an assembly on S3, with some cells changed or added."""
    common = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3", "sha1": "a" * 40}
    own = {"identifier": identifier, "location": f"s3://lab-bucket/{identifier}.nc", "stimulus_set_identifier": ""}
    return common | own | cells


def activate_with_versions(catalog: CatalogSource) -> CatalogSource:
    """Create a catalog with two versions of an entry and another entry, and add it to the active catalogs."""
    catalog.backend.check_writable()
    writing.add_entry(catalog, [row("lab.A")])
    writing.add_entry(catalog, [row("lab.A", version="2", sha1="b" * 40)])
    writing.add_entry(catalog, [row("lab.B")])
    registry.add_catalog(catalog.location)
    return catalog


def text_of(catalog: CatalogSource) -> str:
    """Return the text of a catalog that exists."""
    text = catalog.backend.read_current()
    assert text is not None
    return text
