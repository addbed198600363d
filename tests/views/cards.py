"""Cards with the data of every chart, and helpers to inspect their SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from brainio.views import charts

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainio.views.charts import Drawing

NAMES = [draw.__name__ for draw in charts.ASSEMBLY_CHARTS]
LARGEST = 40_000  # bytes of an SVG


def assembly_card(regions: int = 2, animals: int = 2, bins: int = 24, rows: int = 6) -> dict[str, Any]:
    """Return a card with the data of every chart of an assembly."""
    edges = [number / 10 for number in range(-5, 26)]
    centers = [number * 10 - 95.5 for number in range(bins)]
    groups = [{"value": f"area {r}", "count": 40 + r, "median": 0.5 + r / 10} for r in range(regions)]
    counts = [[(7 * place + 11 * r) % 23 for place in range(30)] for r in range(regions)]
    mean = [[(place * (r + 3)) % 17 / 8 for place in range(bins)] for r in range(regions)]
    pairs = [(f"area {r}", f"monkey {a}", 30 * r + a + 1) for r in range(regions) for a in range(animals)]
    grouped = [group | {"counts": counts[r]} for r, group in enumerate(groups)]
    return {
        "dims": ["presentation", "neuroid", "time_bin"],
        "shape": [148480, 168, bins],
        "long_name": "firing rate",
        "units": "spikes/s",
        "counts": [{"coordinate": "region", "dim": "neuroid", "counts": [{"value": "IT", "count": 168}]}],
        "reliability": {"median": 0.71},
        "pictures": {
            "populations": [{"region": r, "animal": a, "count": n} for r, a, n in pairs],
            "responses": {"by": "region", "of": "neuroid", "edges": edges, "groups": grouped},
            "reliability": {"by": "region", "edges": edges, "groups": grouped},
            "repetitions": [{"repetitions": 28, "stimuli": 640}, {"repetitions": 50, "stimuli": 2560}],
            "time_course": {
                "by": "region",
                "centers_ms": centers,
                "groups": [group | {"mean": mean[r], "error": [0.1] * bins} for r, group in enumerate(groups)],
            },
            "raster": {
                "rows": [
                    {"label": f"cell {row}", "times": [row + 6.5 * place for place in range(75)]} for row in range(rows)
                ],
                "rows_of": "neuroid_id",
                "shown": rows,
                "total": 1210,
            },
        },
    }


def histogram_record(**more: Any) -> dict[str, Any]:
    return {"name": "azimuth", "histogram": {"edges": [-180, -90, 0, 90, 180], "counts": [4, 1500, 0, 9]}, **more}


def common_record(**more: Any) -> dict[str, Any]:
    common = [{"value": "face", "count": 640}, {"value": "hand", "count": 64}]
    return {"name": "kind", "distinct": 2, "most_common": common, **more}


def draw(name: str, card: dict[str, Any]) -> Drawing | None:
    function: Callable[[dict[str, Any], str], Drawing | None] = getattr(charts, name)
    return function(card, f"p-{name}")


def draw_existing(name: str, card: dict[str, Any]) -> Drawing:
    drawing = draw(name, card)
    assert drawing is not None
    return drawing


def every_drawing(card: dict[str, Any]) -> list[Drawing]:
    return [drawing for name in NAMES if (drawing := draw(name, card))]


def element(drawing: Drawing) -> ET.Element:
    """Parse as XML, which is stricter than HTML."""
    return ET.fromstring(drawing.svg)


def texts_of(drawing: Drawing) -> list[str]:
    return [text.text or "" for text in element(drawing).iter("text")]


def classes_of(drawing: Drawing) -> set[str]:
    return {name for node in element(drawing).iter() for name in node.get("class", "").split()}


def examples() -> list[Drawing]:
    """Return drawings of every layout: few and many groups, short and long, both kinds of columns."""
    cards = [assembly_card(), assembly_card(1, 1), assembly_card(5, 8, rows=40), assembly_card(8, 3, bins=200)]
    cards[1]["pictures"]["repetitions"] = [{"repetitions": n, "stimuli": 70 - n} for n in range(1, 61)]
    records = [histogram_record(), common_record(), common_record(distinct=900)]
    of_columns = [charts.column(record, f"c{number}", str) for number, record in enumerate(records)]
    return [*(drawing for card in cards for drawing in every_drawing(card)), *filter(None, of_columns)]
