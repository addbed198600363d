"""The catalogs that ship with brainio, offered as any lab offers its own: by entry points of `brainio_lookups`."""

from pathlib import Path

from brainio.catalogs import CatalogSource

_HERE = Path(__file__).parent

brainscore = CatalogSource("brainscore", str(_HERE / "brainscore" / "brainscore.csv"))
brainio_demo = CatalogSource("brainio_demo", str(_HERE / "brainio_demo" / "brainio_demo.csv"))
