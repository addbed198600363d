"""BibTeX entries of works, with text escaped for LaTeX.

Special characters are escaped, and accents become commands. pylatexenc supplies the commands; additional rules cover
the requirements of BibTeX. Characters without a command, such as Chinese ones, stay unchanged: every engine that reads
UTF-8 accepts them.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from brainio.catalogs.publications import DETAILS
from brainio.exchange.cited_works import Work

if TYPE_CHECKING:
    from pylatexenc.latexencode import UnicodeToLatexEncoder  # type: ignore[import-untyped]

_WITHOUT_BRACES = {ord(character): f"\\{character}" for character in "&%_#$"} | {
    ord(character): character for character in "\"'|"
}
_IN_BRACES = {
    # BibTeX counts braces, even after a backslash
    "{": r"\ensuremath{\lbrace}",
    "}": r"\ensuremath{\rbrace}",
    "\\": r"\textbackslash",
    "~": r"\textasciitilde",
    "^": r"\textasciicircum",
    "`": r"\textasciigrave",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
}
_LIGATURE = re.compile(r"-(?=-)|'(?=')|,(?=,)")  # LaTeX would print a dash or a quotation mark
_MOST_COMMAS = 2  # in the name of a person
_WORD_WITH_CAPITALS = re.compile(r"(\b(?=\w*(?:\w[A-Z]|[A-Z]\d))\w+\b)")  # such as fMRI and V1


def format_bibtex(works: Iterable[Work]) -> str:
    r"""Format works as BibTeX.

    Examples
    --------
    >>> print(format_bibtex([Work("doe2026cards", "On cards", ("Doe, J.",), year="2026", journal="Lab & Life")]))
    @article{doe2026cards,
      title = {On cards},
      author = {Doe, J.},
      year = {2026},
      journal = {Lab \& Life},
    }
    """
    return "\n\n".join(map(_format_entry, works))


def _format_entry(work: Work) -> str:
    fields = {
        "title": f"{{{escape_latex(work.title)}}}" if work.is_data else escape_title(work.title),
        "author": " and ".join([*map(escape_name, work.authors), *(["others"] if work.more_authors else [])]),
        "year": escape_latex(work.year),
        "journal" if work.is_published else "note": escape_latex(work.journal),
        **{name: escape_latex(getattr(work, name)) for name in DETAILS},
        "version": escape_latex(work.version),
        "doi": escape_url(work.doi),
        "url": escape_url(work.url),
    }
    if work.note:
        fields["note"] = escape_latex(work.note)
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{_entry_type(work)}{{{work.key},\n{lines}}}"


def _entry_type(work: Work) -> str:
    if work.is_published:
        return "article"
    return "unpublished" if work.journal else "misc"


def escape_latex(text: str) -> str:
    r"""Escape a text for LaTeX, as a single line.

    Examples
    --------
    >>> print(escape_latex("Müller & Söhne, 50% of {a}"))
    M{\"u}ller \& S{\"o}hne, 50\% of {\ensuremath{\lbrace}}a{\ensuremath{\rbrace}}
    """
    return _escape_line(_to_line(text))


def escape_title(title: str) -> str:
    """Escape a title for BibTeX, and protect words such as fMRI and V1 from being set in lower case.

    Examples
    --------
    >>> escape_title("Responses of V1 in fMRI")
    'Responses of {V1} in {fMRI}'
    """
    parts = _WORD_WITH_CAPITALS.split(_to_line(title))  # every second part is a word with capitals
    return "".join(
        f"{{{_escape_line(part)}}}" if number % 2 else _escape_line(part) for number, part in enumerate(parts)
    )


def escape_name(name: str) -> str:
    """Escape the name of a person for BibTeX, which accepts at most two commas outside braces.

    Examples
    --------
    >>> escape_name("Doe, Jr., Jane"), escape_name("Doe, Jane, PhD, MD")
    ('Doe, Jr., Jane', 'Doe, Jane{,} PhD{,} MD')
    """
    line = _to_line(name)
    if line.count(",") <= _MOST_COMMAS:
        return _escape_line(line)
    family, _, rest = line.partition(",")
    return f"{_escape_line(family)},{_escape_line(rest).replace(',', '{,}')}"


def escape_url(text: str) -> str:
    """Percent-encode the characters of a DOI or URL that would end its field early; styles print it verbatim.

    Examples
    --------
    >>> escape_url("https://lab.org/a_b?c={d}")
    'https://lab.org/a_b?c=%7Bd%7D'
    """
    return quote(text.strip(), safe="%/:?#[]@!$&'()*+,;=~-._<>|")


def _to_line(text: str) -> str:
    """Replace line breaks and control characters by blanks, and normalize accents."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return unicodedata.normalize("NFC", " ".join(printable.split()))


def _escape_line(line: str) -> str:
    return _LIGATURE.sub(r"\g<0>{}", _encoder().unicode_to_latex(line))


@cache
def _encoder() -> "UnicodeToLatexEncoder":
    """Return the encoder from Unicode characters to LaTeX commands."""
    from pylatexenc.latexencode import RULE_DICT, UnicodeToLatexConversionRule, UnicodeToLatexEncoder

    in_braces = {ord(character): command for character, command in _IN_BRACES.items()}
    return UnicodeToLatexEncoder(
        conversion_rules=[
            UnicodeToLatexConversionRule(RULE_DICT, _WITHOUT_BRACES, replacement_latex_protection="none"),
            UnicodeToLatexConversionRule(RULE_DICT, in_braces),
            "defaults",
        ],
        replacement_latex_protection="braces-all",
        unknown_char_policy="keep",
        unknown_char_warning=False,
    )
