"""What a card says, in words: for the terminal and for pages alike.

A card may come from anywhere: what is not in the form of docs/cards.md is not told.
"""

from collections.abc import Callable
from typing import Any

from brainio.catalogs.cards import Card
from brainio.dois import stored_doi
from brainio.progress import readable_size
from brainio.text import quantity

_WIDTH = 44  # characters of the most common values in a line
_COUNTED = 8  # regions, animals or subjects in a line
BROKEN = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What a card of another form raises where it is read."""

Record = dict[str, Any]


def facts_in_words(card: Card) -> dict[str, str]:
    """Return what a card says beside its columns, fact by fact.

    Examples
    --------
    >>> facts_in_words({"dims": ["neuroid"], "shape": [1200], "dtype": "float32", "bytes": 4800, "species": 7})
    {'shape': '1,200 neuroid (float32, 4.8 kB)'}
    """
    told = {name: _attempt(in_words, card) for name, in_words in _FACTS.items()}
    counts = card.get("counts")
    for one in counts if isinstance(counts, list) else ():
        told[_attempt(lambda record: f"by {record['coordinate']}", one)] = _attempt(_counts, one)
    return {name: text for name, text in told.items() if name and text}


def _attempt(in_words: Callable[[Record], str], record: Record) -> str:
    """Put something into words; what is not in its form has none."""
    try:
        text = in_words(record)
    except BROKEN:
        return ""
    return text if isinstance(text, str) else ""


def column_in_words(column: Record) -> dict[str, str]:
    """Return what a card says of a coordinate or column; raises one of `BROKEN` where that is of another form.

    Examples
    --------
    >>> column_in_words({"name": "rxy", "kind": "number", "missing": 0, "distinct": 2, "minimum": -1, "maximum": 1})
    {'name': 'rxy', 'dim': '', 'kind': 'number', 'distinct': '2', 'missing': '', 'range': '-1 to 1', 'most_common': ''}
    """
    return {
        "name": str(column["name"]),
        "dim": ", ".join(column.get("dims", [])),
        "kind": str(column["kind"]),
        "distinct": f"{column['distinct']:,}" if "distinct" in column else "",
        "missing": f"{column['missing']:,}" if column["missing"] else "",
        "range": _range(column),
        "most_common": _in_a_line(
            [f"{_number(one['value'])} ({one['count']:,})" for one in column.get("most_common", [])]
        ),
    }


def _in_a_line(parts: list[str]) -> str:
    """Join as many parts as a line has room for."""
    line = ""
    for part in parts:
        longer = f"{line}, {part}" if line else part
        if len(longer) > _WIDTH:
            return f"{line}, ..." if line else f"{part[: _WIDTH - 3]}..."
        line = longer
    return line


def _range(numbers: Record) -> str:
    if "minimum" not in numbers:
        return ""
    low, high = (_number(numbers[name]) for name in ("minimum", "maximum"))
    return low if low == high else f"{low} to {high}"


def _number(value: Any) -> str:
    """Write a number with four digits, a whole one with all of them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _authors(card: Card) -> str:
    return ", ".join(" ".join(filter(None, [one["name"], one.get("orcid")])) for one in card["authors"])


def _shape(card: Card) -> str:
    sizes = [f"{size:,} {dim}" for size, dim in zip(card["shape"], card["dims"], strict=True)]
    return f"{' x '.join(sizes) or 'one value'} ({card['dtype']}, {readable_size(card['bytes'])})"


def _values(card: Card) -> str:
    values = card["values"]
    what = " ".join(filter(None, [card.get("long_name"), f"[{card['units']}]" if card.get("units") else ""]))
    parts = [what, _range(values), f"mean {_number(values['mean'])}" if values.get("mean") is not None else ""]
    if values.get("most_common"):
        parts.append(_in_a_line([f"{_number(one['value'])} ({one['count']:,})" for one in values["most_common"]]))
    if values["missing"]:
        parts.append(f"{values['missing_share']:.2%} missing")
    if values.get("infinite"):
        parts.append(f"{values['infinite']:,} infinite")
    return ", ".join(filter(None, parts))


def _repetitions(card: Card) -> str:
    found = card["repetitions"]
    low, middle, high = (_number(found[name]) for name in ("minimum", "median", "maximum"))
    each = low if low == high else f"{low} to {high} (median {middle})"
    presentations = "presentation" if each == "1" else "presentations"
    return f"{each} {presentations} of each of {quantity(found['stimuli'], 'stimulus')}"


def _time_bins(card: Card) -> str:
    bins = card["time_bins"]
    span = f"{_number(bins['start_ms'])} to {_number(bins['end_ms'])} ms"
    return f"{bins['count']:,} from {span}, {_range(bins['width_ms'])} ms wide"


def _reliability(card: Card) -> str:
    found = card["reliability"]
    quartiles = f"quartiles {found['lower_quartile']:.3f} to {found['upper_quartile']:.3f}"
    of_how_many = f"median of {found['defined_for']:,}, {quartiles}; " if found["defined_for"] > 1 else ""
    return f"{found['median']:.3f} ({of_how_many}split half, Spearman-Brown corrected)"


def _counts(counted: Record) -> str:
    parts = [f"{one['value']} {one['count']:,}" for one in counted["counts"][:_COUNTED]]
    more = counted["distinct"] - len(parts)
    return f"{', '.join(parts)}{f' and {more} more' if more > 0 else ''} ({counted['dim']})"


def _stated(card: Card) -> str:
    sizes = {name: size for name, size in card["stated"].items() if name != "sources"}
    return ", ".join(f"{name.replace('_', ' ')} {size:,}" for name, size in sizes.items())


def _files(card: Card) -> str:
    files = card["files"]
    kinds = " and ".join(f"{kind['count']:,} {kind['kind']}" for kind in files["kinds"])
    low, high, whole = (readable_size(files[name]) for name in ("smallest", "largest", "bytes"))
    missing = f"; {files['missing']:,} are missing" if files.get("missing") else ""
    return f"{kinds or 'none'} ({f'{low} each' if low == high else f'{low} to {high}'}, {whole} in all){missing}"


def _images(card: Card) -> str:
    images = card["images"]
    unreadable = f"; {images['unreadable']:,} unreadable" if images.get("unreadable") else ""
    if "width" not in images:
        return unreadable.removeprefix("; ")
    modes = ", ".join(one["mode"] for one in images["modes"])
    return f"{_range(images['width'])} x {_range(images['height'])} pixels, mode {modes}{unreadable}"


def _extras(card: Card) -> str:
    return "; ".join(f"{extra['name']}: {_shape(extra)}" for extra in card.get("extras", []))


_FACTS = {
    "license": lambda card: card["license"],
    "citation": lambda card: card["citation"],
    "doi": lambda card: stored_doi(card["doi"]),
    "authors": _authors,
    "species": lambda card: ", ".join(card["species"]),
    "regions": lambda card: ", ".join(card["regions"]),
    "animals": lambda card: ", ".join(card["animals"]),
    "status_reason": lambda card: card["status_reason"],
    "stated": _stated,
    "stated_by": lambda card: "\n".join(card["stated"]["sources"]),
    "shape": _shape,
    "values": _values,
    "repetitions": _repetitions,
    "time_bins": _time_bins,
    "reliability": _reliability,
    "extras": _extras,
    "stimuli": lambda card: f"{card['stimuli']:,}",
    "stimulus_files": _files,
    "images": _images,
}
