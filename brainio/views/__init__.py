"""What data look like in a notebook or a page: HTML for tables, arrays and listings, and pictures of stimuli and data.

Takes pandas and xarray objects, plain records and paths; knows no class of this package above it. Nothing here fetches,
computes values of lazy arrays or runs script, and whatever data hold is shown as text. `rendering` holds the templates,
`columns` what one column holds, `previews` the picture of a file (`images`, `sounds`, `videos`), `thumbnails` what is
embedded of it, `sheets` the contact sheet, `stimuli`, `arrays` and `listings` the views, `drawings`
pictures of data as SVG.

Names load when they are first used: who draws a card needs no pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.views.arrays import array_html
    from brainio.views.listings import Found, catalog_html, results_html
    from brainio.views.previews import Preview, preview_of
    from brainio.views.sheets import contact_sheet
    from brainio.views.stimuli import stimuli_html
    from brainio.views.thumbnails import Thumbnail, thumbnails_of

__all__ = [
    "Found",
    "Preview",
    "Thumbnail",
    "array_html",
    "catalog_html",
    "contact_sheet",
    "preview_of",
    "results_html",
    "stimuli_html",
    "thumbnails_of",
]

_HOMES = {
    "Found": "listings",
    "Preview": "previews",
    "Thumbnail": "thumbnails",
    "array_html": "arrays",
    "catalog_html": "listings",
    "contact_sheet": "sheets",
    "preview_of": "previews",
    "results_html": "listings",
    "stimuli_html": "stimuli",
    "thumbnails_of": "thumbnails",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"brainio.views.{_HOMES[name]}"), name)
