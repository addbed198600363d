"""HTML rendering: templates that escape every value, and the formatting of values in tables."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from brainio.progress import readable_size
from brainio.text import printable, shorten

_MAX_LENGTH = 60  # of a formatted value


def render(template: str, **values: Any) -> str:
    """Render a template with escaped values; characters that UTF-8 cannot encode become Python escapes."""
    html = template_environment("brainio.views").get_template(template).render(values)
    return html.encode("utf-8", "backslashreplace").decode()


@cache
def template_environment(package: str) -> Environment:
    """Return the environment for the folder `templates` of a package, with escaping and the shared filters."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = format_count
    environment.filters["bytes"] = readable_size
    return environment


def format_value(value: Any, max_length: int = _MAX_LENGTH, digits: int = 6) -> str:
    """Format a value of a table or coordinate, truncated to `max_length` characters.

    >>> format_value(0.1 + 0.2), format_value("a" * 9, max_length=5), format_value(float("nan"))
    ('0.3', 'aaaa…', '')
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float) or type(value).__name__.startswith("float"):
        return "" if math.isnan(value) else f"{float(value):.{digits}g}"
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # third-party objects can raise anything
        text = f"<{type(value).__name__}>"
    return shorten(text, max_length)


def format_count(number: int) -> str:
    """Format a number with thousands separators.

    >>> format_count(147200)
    '147,200'
    """
    return f"{number:,}"


def trusted_html(html: str) -> Markup:
    """Mark HTML as escaped, so that templates insert it unchanged."""
    return Markup(html)  # noqa: S704 - the HTML of pandas and xarray, which escape it
