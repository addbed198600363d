"""Charts of data: one description of a chart, built from cards or assemblies, drawn as SVG or by matplotlib.

`description` defines charts, which `svg_renderer` (on `svg_shapes`) and `matplotlib_renderer` draw. `assembly_charts`
and `bars` are the charts of pages: functions from a card, whose numbers `card_values` validates, to a `Drawing` of at
most 40 kB, or None if the numbers are missing or malformed.
SVG charts take milliseconds and need neither numpy nor matplotlib. Names load on first use.

Examples
--------
>>> from brainio.views.charts import ASSEMBLY_CHARTS
>>> card = {"dims": ["presentation", "neuroid"], "shape": [2560, 168]}
>>> [drawing.title for draw in ASSEMBLY_CHARTS if (drawing := draw(card, draw.__name__))]
['Dimensions']
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
