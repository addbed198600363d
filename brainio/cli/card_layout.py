"""A card for people: lines of facts, and a table of its coordinates or columns.

A card may come from anywhere: what is not in the form of docs/cards.md is not shown, and no text controls the terminal.
"""

import contextlib
import textwrap
from typing import Any

import click

from brainio.catalogs.cards import Card
from brainio.cli.output import Record, show
from brainio.progress import readable_size

_COLUMNS = ("name", "dim", "kind", "distinct", "missing", "range", "most_common")
_LINE = 96  # characters of a fact before it goes on in the next line
_WIDTH = 44  # characters of the most common values in a line
_COUNTED = 8  # regions, animals or subjects in a line
_BROKEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def card_facts(card: Card) -> Record:
    """Return what a card says beside its columns, each fact in a line of words."""
    facts: Record = {}
    for name, in_words in _FACTS.items():
        try:
            facts[name] = _in_lines(in_words(card))
        except _BROKEN:
            continue
    with contextlib.suppress(*_BROKEN):
        facts |= {_printable(f"by {one['coordinate']}"): _in_lines(_counts(one)) for one in card.get("counts", [])}
    return {name: text for name, text in facts.items() if text}


def show_columns(card: Card) -> None:
    """Print a table with a line for each coordinate of an assembly, or each column of a stimulus set."""
    try:
        columns = [_column(column) for column in card.get("coordinates") or card.get("columns") or []]
    except _BROKEN:
        return
    if columns:
        click.echo()
        show(columns, [name for name in _COLUMNS if any(column[name] for column in columns)], as_json=False)


def _column(column: Record) -> Record:
    texts = {
        "name": column["name"],
        "dim": ", ".join(column.get("dims", [])),
        "kind": column["kind"],
        "distinct": f"{column['distinct']:,}" if "distinct" in column else "",
        "missing": f"{column['missing']:,}" if column["missing"] else "",
        "range": _range(column),
        "most_common": _in_a_line(
            [f"{_number(one['value'])} ({one['count']:,})" for one in column.get("most_common", [])]
        ),
    }
    return {name: _printable(text) for name, text in texts.items()}


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
    return f"{each} presentations of each of {found['stimuli']:,} stimuli"


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
    "doi": lambda card: card["doi"],
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


def _in_lines(text: str) -> str:
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(_printable(part), _LINE))


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
