"""What data look like, drawn from the numbers of a card: SVG for a page, and the same in words and as a table.

Functions from a card to a `Drawing`, or None where the card lacks the numbers or they are malformed: cards come from
anybody. Each takes about a millisecond, the fullest about ten; none imports numpy or gives more than 40 kB. `records`
checks the numbers, `axes` scales them, `figure` collects shapes, `plots` holds the parts that pictures share;
`tallies`, `values`, `histograms`, `courses` and `boxes` hold the pictures.

Examples
--------
>>> card = {"dims": ["presentation", "neuroid"], "shape": [2560, 168]}
>>> [found.title for draw in OF_ASSEMBLIES if (found := draw(card, draw.__name__))]
['Dimensions']
"""

from brainio.views.charts.courses import raster, time_course
from brainio.views.charts.dimensions import dimensions
from brainio.views.charts.figure import Drawing
from brainio.views.charts.histograms import reliability, responses
from brainio.views.charts.tallies import populations, repetitions
from brainio.views.charts.values import column

OF_ASSEMBLIES = (dimensions, populations, responses, time_course, raster, reliability, repetitions)

__all__ = [
    "OF_ASSEMBLIES",
    "Drawing",
    "column",
    "dimensions",
    "populations",
    "raster",
    "reliability",
    "repetitions",
    "responses",
    "time_course",
]
