"""What data look like in a notebook or a page: HTML for tables, arrays and listings, and pictures of stimuli and data.

Takes pandas and xarray objects, plain records and paths; knows no class of this package above it. Nothing here fetches,
computes values of lazy arrays or runs script, and whatever data hold is shown as text. `rendering` holds the templates,
`columns` what one column holds, `previews` the picture of a file (`images`, `sounds`, `videos`), `thumbnails` what is
embedded of it, `sheets` the contact sheet, `stimuli`, `arrays` and `listings` the views, `drawings`
pictures of data as SVG.

Names load when they are first used: who draws a card needs no pandas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
