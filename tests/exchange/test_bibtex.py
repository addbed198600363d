"""Tests of BibTeX: parsers accept any text, and return text that LaTeX can express unchanged."""

import re
import unicodedata

import bibtexparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pybtex.database import parse_string  # type: ignore[import-untyped]
from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]

from brainio.exchange.bibtex import escape_latex, escape_title, escape_url, format_bibtex
from brainio.exchange.cited_works import Work

# Characters for which LaTeX has commands, and some that it accepts unchanged.
EXPRESSIBLE = st.text(
    st.one_of(
        st.characters(min_codepoint=0x20, max_codepoint=0x7E),
        st.sampled_from("äöüÄÖÜßéèêñçøØåÅłŁńőžŠčğıİœæÆ\u2013\u2014\u2018\u2019“”…αβγΔΩ漢字かなрусский"),
    )
)


def decode(text: str) -> str:
    # pylatexenc reads \textasciicircum as the modifier letter
    return LatexNodes2Text(strict_latex_spaces=True).latex_to_text(text).replace("\u02c6", "^")


def to_line(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


@given(title=EXPRESSIBLE, author=EXPRESSIBLE)
def test_expressible_text_survives_a_bibtex_parser(title: str, author: str) -> None:
    bibtex = format_bibtex([Work("key", f"x{title}", (f"y{author}",), year="2026")])
    (entry,) = bibtexparser.parse_string(bibtex).entries
    assert decode(entry["title"]) == to_line(f"x{title}")
    assert decode(entry["author"]) == to_line(f"y{author}")


@given(text=st.text())
@example(text=",,")
def test_no_text_breaks_the_surrounding_entry(text: str) -> None:
    work = Work(
        "key", f"x{text}", (f"Doe, {text}",), year="2026", doi=f"10.1234/{text}", url=f"https://{text}", note=text
    )
    bibtex = format_bibtex([work, Work("other", "Another", journal="Lab")])
    library = bibtexparser.parse_string(bibtex)
    assert [(entry.entry_type, entry.key) for entry in library.entries] == [("misc", "key"), ("article", "other")]
    assert library.failed_blocks == []
    assert library.entries[0]["year"] == "2026"
    assert bibtex.count("{") == bibtex.count("}"), "BibTeX counts braces, even after a backslash"
    assert {*parse_string(bibtex, "bibtex").entries} == {"key", "other"}


@pytest.mark.parametrize("character", list("&%_#$"))
def test_special_characters_are_escaped(character: str) -> None:
    assert escape_latex(f"a{character}b") == f"a\\{character}b"


@pytest.mark.parametrize(("text", "escaped"), [("ü", '{\\"u}'), ("ø", "{\\o}"), ("É", "{\\'E}"), ("ł", "{\\l}")])
def test_accents_are_commands_in_braces(text: str, escaped: str) -> None:
    assert escape_latex(text) == escaped


def test_repeated_punctuation_does_not_become_a_ligature() -> None:
    assert not re.search(r"--|''|,,", escape_latex("--- '''' ,,,"))


def test_titles_protect_the_capitals_of_names_and_acronyms() -> None:
    assert escape_title("Deep Networks and V1, fMRI & DiCarlo's IT") == (
        "Deep Networks and {V1}, {fMRI} \\& {DiCarlo}'s {IT}"
    )


@given(EXPRESSIBLE)
def test_a_title_decodes_to_the_same_text(text: str) -> None:
    assert decode(escape_title(text)) == decode(escape_latex(text))


def test_a_valid_url_is_unchanged() -> None:
    assert escape_url("https://x.org/a_b%20c?d=e&f=~g#h") == "https://x.org/a_b%20c?d=e&f=~g#h"
