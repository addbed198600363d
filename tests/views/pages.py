"""Helpers to parse the HTML of views as a browser does, and to create stimulus files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import html5lib
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from brainio.stimuli import StimulusSet

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET
    from pathlib import Path

TIMES = "\N{MULTIPLICATION SIGN}\xa0"
# Without surrogates, which pandas supports only in some column types
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def parsed(html: str | None) -> ET.Element:
    """Parse as HTML 5 does; a fragment that is not well-formed is an error."""
    assert html is not None
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False, strict=True)
    return parser.parse(f"<!DOCTYPE html><title>x</title>{html}")


def texts(page: ET.Element) -> list[str]:
    """Return the text of every element."""
    return ["".join(element.itertext()) for element in page.iter() if isinstance(element.tag, str)]


def pictures(page: ET.Element) -> list[str]:
    return [element.attrib["src"] for element in page.iter("img")]


def runs_nothing(page: ET.Element) -> bool:
    """Return whether a page has no script, no event handler and no external resource."""
    elements = [element for element in page.iter() if isinstance(element.tag, str)]
    no_script = not any(element.tag in ("script", "iframe", "object", "embed", "link", "a") for element in elements)
    attributes = [(name, value) for element in elements for name, value in element.attrib.items()]
    no_handler = not any(name.startswith("on") for name, _ in attributes)
    is_self_contained = all(value.startswith("data:image/") for name, value in attributes if name in ("src", "href"))
    return no_script and no_handler and is_self_contained


def image(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0) -> Path:
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def stimulus_set(folder: Path, count: int = 3, **columns: object) -> StimulusSet:
    """Create a set of small images `s0`, `s1`, ..., with further columns."""
    table = StimulusSet({"stimulus_id": [f"s{number}" for number in range(count)], **columns})
    table.identifier = "lab.Doe2026"
    table.stimulus_paths = {name: image(folder / f"{name}.png") for name in table["stimulus_id"]}
    return table
