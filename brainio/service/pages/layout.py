"""From a template to a page: what every page has around it, and what browsers may do with it."""

import json as json_form
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from brainio.service import urls
from brainio.service.access import Access
from brainio.service.pages.assets import address_of
from brainio.service.responses import RenderedBody, render
from brainio.version import __version__
from brainio.views.rendering import templates_of

HTML = "text/html"
_RELEASE = __version__
# Only what this service gives: no script in pages, no style in attributes, nothing framed.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def render_page(template: str, *, address: str, access: Access | None, json: str, **values: Any) -> RenderedBody:
    """Fill in a template, and say what a browser may do with the page.

    Parameters
    ----------
    template : str
        Its name.
    address : str
        The address of the page, to which signing in leads back; empty for the front page.
    sight : Access or None
        Of whom the page is for; None: not known.
    json : str
        The address of the same as JSON; empty where there is none.
    **values
        What the template shows.
    """
    found = templates_of("brainio.service.pages").get_template(template)
    signin = urls.signin_of(address)
    text = found.render(values, signin=signin, access=access, json=json, asset=address_of, release=_RELEASE, at=urls)
    body = text.encode("utf-8", "backslashreplace")
    headers = {"Content-Security-Policy": _POLICY, "Cross-Origin-Resource-Policy": "same-origin"}
    return render(body, f"{HTML}; charset=utf-8", "Accept-Encoding", further=headers)


def as_script(data: Mapping[str, Any]) -> Markup:
    r"""Return JSON that can stand in a `script` of data, whatever texts it holds.

    Examples
    --------
    >>> as_script({"name": "</script>"})
    Markup('{"name": "\\u003c/script\\u003e"}')
    """
    text = json_form.dumps(data, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text.encode("utf-8", "backslashreplace").decode())  # noqa: S704 - no letter is left that ends it
