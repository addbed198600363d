"""Views of data: HTML for notebooks and pages, previews and thumbnails of stimuli, contact sheets, SVG charts.

Takes pandas and xarray objects, plain records and paths, and imports no subpackage above it. Views fetch nothing,
compute no lazy values, run no script, and escape all text of the data.

Modules: `stimuli`, `arrays` and `listings` build HTML views from the templates in `rendering`; `decoders` and
`previews` make small pictures of files, which `thumbnails` describes; `charts` draws the statistics of cards and
assemblies.

Names load on first use, since cards and charts need no pandas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
