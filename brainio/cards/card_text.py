"""Text for people from the fields of a card, for the terminal and for pages.

A card may come from anywhere: malformed fields are left out.
"""

from collections.abc import Callable
from typing import Any

from brainio.catalogs.cards import Card
from brainio.dois import stored_doi
from brainio.progress import readable_size
from brainio.text import quantity, shorten

_MAX_COMMON_WIDTH = 44  # characters of the most common values in a line
_MAX_COUNTED = 8  # regions, animals or subjects in a line
MALFORMED_CARD_ERRORS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""Exceptions that reading a malformed card may raise."""

Record = dict[str, Any]


def format_card(card: Card) -> dict[str, str]:
    """Return the text of each field of a card, without its columns.

    Examples
    --------
    >>> format_card({"dims": ["neuroid"], "shape": [1200], "dtype": "float32", "bytes": 4800, "species": 7})
    {'shape': '1,200 neuroid (float32, 4.8 kB)'}
    """
    texts = {name: _format_or_empty(format_field, card) for name, format_field in _FORMATS.items()}
    counts = card.get("counts")
    for record in counts if isinstance(counts, list) else ():
        name = _format_or_empty(lambda counted: f"by {counted['coordinate']}", record)
        texts[name] = _format_or_empty(_format_counts, record)
    return {name: text for name, text in texts.items() if name and text}


def _format_or_empty(format_field: Callable[[Record], str], record: Record) -> str:
    """Format a field; empty if it is malformed or absent."""
    try:
        text = format_field(record)
    except MALFORMED_CARD_ERRORS:
        return ""
    return text if isinstance(text, str) else ""


def format_column(column: Record) -> dict[str, str]:
    """Return the text of each property of a coordinate or column; raises `MALFORMED_CARD_ERRORS`.

    Examples
    --------
    >>> format_column({"name": "rxy", "kind": "number", "missing": 0, "distinct": 2, "minimum": -1, "maximum": 1})
    {'name': 'rxy', 'dim': '', 'kind': 'number', 'distinct': '2', 'missing': '', 'range': '-1 to 1', 'most_common': ''}
    """
    return {
        "name": str(column["name"]),
        "dim": ", ".join(column.get("dims", [])),
        "kind": str(column["kind"]),
        "distinct": f"{column['distinct']:,}" if "distinct" in column else "",
        "missing": f"{column['missing']:,}" if column["missing"] else "",
        "range": _format_range(column),
        "most_common": _format_most_common(column.get("most_common", [])),
    }


def _format_most_common(counts: list[Record]) -> str:
    return _join_that_fit([f"{_format_number(record['value'])} ({record['count']:,})" for record in counts])


def _join_that_fit(parts: list[str]) -> str:
    """Join as many parts as fit into a line."""
    line = ""
    for part in parts:
        longer = f"{line}, {part}" if line else part
        if len(longer) > _MAX_COMMON_WIDTH:
            return f"{line}, ..." if line else shorten(part, _MAX_COMMON_WIDTH)
        line = longer
    return line


def _format_range(numbers: Record) -> str:
    if "minimum" not in numbers:
        return ""
    low, high = (_format_number(numbers[name]) for name in ("minimum", "maximum"))
    return low if low == high else f"{low} to {high}"


def _format_number(value: Any) -> str:
    """Format a number with four significant digits, an integer with all digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _format_authors(card: Card) -> str:
    return ", ".join(" ".join(filter(None, [author["name"], author.get("orcid")])) for author in card["authors"])


def _format_shape(card: Card) -> str:
    sizes = [f"{size:,} {dim}" for size, dim in zip(card["shape"], card["dims"], strict=True)]
    return f"{' x '.join(sizes) or 'one value'} ({card['dtype']}, {readable_size(card['bytes'])})"


def _format_values(card: Card) -> str:
    values = card["values"]
    label = " ".join(filter(None, [card.get("long_name"), f"[{card['units']}]" if card.get("units") else ""]))
    parts = [
        label,
        _format_range(values),
        f"mean {_format_number(values['mean'])}" if values.get("mean") is not None else "",
    ]
    if values.get("most_common"):
        parts.append(_format_most_common(values["most_common"]))
    if values["missing"]:
        parts.append(f"{values['missing_share']:.2%} missing")
    if values.get("infinite"):
        parts.append(f"{values['infinite']:,} infinite")
    return ", ".join(filter(None, parts))


def _format_repetitions(card: Card) -> str:
    repetitions = card["repetitions"]
    low, middle, high = (_format_number(repetitions[name]) for name in ("minimum", "median", "maximum"))
    each = low if low == high else f"{low} to {high} (median {middle})"
    presentations = "presentation" if each == "1" else "presentations"
    return f"{each} {presentations} of each of {quantity(repetitions['stimuli'], 'stimulus')}"


def _format_time_bins(card: Card) -> str:
    bins = card["time_bins"]
    span = f"{_format_number(bins['start_ms'])} to {_format_number(bins['end_ms'])} ms"
    return f"{bins['count']:,} from {span}, {_format_range(bins['width_ms'])} ms wide"


def _format_reliability(card: Card) -> str:
    reliability = card["reliability"]
    quartiles = f"quartiles {reliability['lower_quartile']:.3f} to {reliability['upper_quartile']:.3f}"
    scope = f"median of {reliability['defined_for']:,}, {quartiles}; " if reliability["defined_for"] > 1 else ""
    return f"{reliability['median']:.3f} ({scope}split half, Spearman-Brown corrected)"


def _format_counts(counted: Record) -> str:
    parts = [f"{record['value']} {record['count']:,}" for record in counted["counts"][:_MAX_COUNTED]]
    more = counted["distinct"] - len(parts)
    return f"{', '.join(parts)}{f' and {more} more' if more > 0 else ''} ({counted['dim']})"


def _format_stated(card: Card) -> str:
    sizes = {name: size for name, size in card["stated"].items() if name != "sources"}
    return ", ".join(f"{name.replace('_', ' ')} {size:,}" for name, size in sizes.items())


def _format_files(card: Card) -> str:
    files = card["files"]
    kinds = " and ".join(f"{kind['count']:,} {kind['kind']}" for kind in files["kinds"])
    low, high, total = (readable_size(files[name]) for name in ("smallest", "largest", "bytes"))
    missing = f"; {files['missing']:,} are missing" if files.get("missing") else ""
    return f"{kinds or 'none'} ({f'{low} each' if low == high else f'{low} to {high}'}, {total} in total){missing}"


def _format_images(card: Card) -> str:
    images = card["images"]
    unreadable = f"; {images['unreadable']:,} unreadable" if images.get("unreadable") else ""
    if "width" not in images:
        return unreadable.removeprefix("; ")
    modes = ", ".join(mode["mode"] for mode in images["modes"])
    return f"{_format_range(images['width'])} x {_format_range(images['height'])} pixels, mode {modes}{unreadable}"


def _format_extras(card: Card) -> str:
    return "; ".join(f"{extra['name']}: {_format_shape(extra)}" for extra in card.get("extras", []))


_FORMATS: dict[str, Callable[[Card], str]] = {
    "license": lambda card: card["license"],
    "citation": lambda card: card["citation"],
    "doi": lambda card: stored_doi(card["doi"]),
    "authors": _format_authors,
    "species": lambda card: ", ".join(card["species"]),
    "regions": lambda card: ", ".join(card["regions"]),
    "animals": lambda card: ", ".join(card["animals"]),
    "status_reason": lambda card: card["status_reason"],
    "stated": _format_stated,
    "stated_by": lambda card: "\n".join(card["stated"]["sources"]),
    "shape": _format_shape,
    "values": _format_values,
    "repetitions": _format_repetitions,
    "time_bins": _format_time_bins,
    "reliability": _format_reliability,
    "extras": _format_extras,
    "stimuli": lambda card: f"{card['stimuli']:,}",
    "stimulus_files": _format_files,
    "images": _format_images,
}
