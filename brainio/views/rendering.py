"""From records to HTML: the templates, with every value escaped, and how numbers and texts are written."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from brainio.progress import readable_size
from brainio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = 60  # characters of a value that are shown


def render(template: str, **values: Any) -> str:
    """Fill in a template. Every value is escaped; what HTML or UTF-8 cannot hold is written as Python escapes it."""
    html = templates_of("brainio.views").get_template(template).render(values)
    return html.encode("utf-8", "backslashreplace").decode()


@cache
def templates_of(package: str) -> Environment:
    """Return the templates in the folder `templates` of a package, which escape every value and write numbers alike."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    environment.filters["bytes"] = readable_size
    return environment


def shown(value: Any, most: int = _TEXT, digits: int = 6) -> str:
    """Write a value of a table or coordinate, cut where it is long.

    >>> shown(0.1 + 0.2), shown("a" * 9, most=5), shown(float("nan"))
    ('0.3', 'aaaa…', '')
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float) or type(value).__name__.startswith("float"):
        return "" if math.isnan(value) else f"{float(value):.{digits}g}"
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # an object of anybody's may fail to say what it is
        text = f"<{type(value).__name__}>"
    return text if len(text) <= most else text[: most - 1] + "…"


def count(number: int) -> str:
    """Write a number of things.

    >>> count(147200)
    '147,200'
    """
    return f"{number:,}"


def joined(parts: Mapping[str, str]) -> dict[str, Markup]:
    """Mark HTML that others have escaped already, so that it is not escaped again."""
    return {name: Markup(part) for name, part in parts.items()}  # noqa: S704 - pandas' and xarray's own HTML, escaped there
