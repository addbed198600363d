"""Text as LaTeX and BibTeX read it: what means something to them is escaped, accents are commands.

pylatexenc knows the commands; the rules before its own are what BibTeX wants beyond that. Characters for which it knows
no command (Chinese, for one) stay as they are, which every engine that reads UTF-8 takes.
"""

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pylatexenc.latexencode import UnicodeToLatexEncoder  # type: ignore[import-untyped]

_PLAIN = {ord(one): f"\\{one}" for one in "&%_#$"} | {ord(one): one for one in "\"'|"}
_IN_BRACES = {
    # BibTeX counts braces, also those behind a backslash
    "{": r"\ensuremath{\lbrace}",
    "}": r"\ensuremath{\rbrace}",
    "\\": r"\textbackslash",
    "~": r"\textasciitilde",
    "^": r"\textasciicircum",
    "`": r"\textasciigrave",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
}
_LIGATURE = re.compile(r"-(?=-)|'(?=')|,(?=,)")  # which would become a dash, or a quotation mark
_MOST_COMMAS = 2  # of a name
_KEEPS_CAPITALS = re.compile(r"(\b(?=\w*(?:\w[A-Z]|[A-Z]\d))\w+\b)")


def latex(text: str) -> str:
    r"""Write a text in one line of LaTeX.

    Examples
    --------
    >>> print(latex("Müller & Söhne, 50% of {a}"))
    M{\"u}ller \& S{\"o}hne, 50\% of {\ensuremath{\lbrace}}a{\ensuremath{\rbrace}}
    """
    return _escaped(_in_one_line(text))


def latex_title(title: str) -> str:
    """Write a title in LaTeX; what styles may not turn into lower case, such as fMRI and V1, stands in braces.

    Examples
    --------
    >>> latex_title("Responses of V1 in fMRI")
    'Responses of {V1} in {fMRI}'
    """
    parts = _KEEPS_CAPITALS.split(_in_one_line(title))  # the odd ones are those words
    return "".join(f"{{{_escaped(part)}}}" if number % 2 else _escaped(part) for number, part in enumerate(parts))


def latex_name(name: str) -> str:
    """Write the name of a person in LaTeX; BibTeX takes two commas as parts of a name, and refuses more.

    Examples
    --------
    >>> latex_name("Doe, Jr., Jane"), latex_name("Doe, Jane, PhD, MD")
    ('Doe, Jr., Jane', 'Doe, Jane{,} PhD{,} MD')
    """
    line = _in_one_line(name)
    if line.count(",") <= _MOST_COMMAS:
        return _escaped(line)
    family, _, rest = line.partition(",")
    return f"{_escaped(family)},{_escaped(rest).replace(',', '{,}')}"


def verbatim(text: str) -> str:
    """Write a DOI or URL, which styles set verbatim; what would end the field early is percent-encoded.

    Examples
    --------
    >>> verbatim("https://lab.org/a_b?c={d}")
    'https://lab.org/a_b?c=%7Bd%7D'
    """
    return quote(text.strip(), safe="%/:?#[]@!$&'()*+,;=~-._<>|")


def _in_one_line(text: str) -> str:
    printable = "".join(one if one.isprintable() else " " for one in text)
    return unicodedata.normalize("NFC", " ".join(printable.split()))


def _escaped(line: str) -> str:
    return _LIGATURE.sub(r"\g<0>{}", _encoder().unicode_to_latex(line))


@cache
def _encoder() -> "UnicodeToLatexEncoder":
    from pylatexenc.latexencode import RULE_DICT, UnicodeToLatexConversionRule, UnicodeToLatexEncoder

    in_braces = {ord(one): command for one, command in _IN_BRACES.items()}
    return UnicodeToLatexEncoder(
        conversion_rules=[
            UnicodeToLatexConversionRule(RULE_DICT, _PLAIN, replacement_latex_protection="none"),
            UnicodeToLatexConversionRule(RULE_DICT, in_braces),
            "defaults",
        ],
        replacement_latex_protection="braces-all",
        unknown_char_policy="keep",
        unknown_char_warning=False,
    )
