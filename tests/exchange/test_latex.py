"""Promises of LaTeX: any text goes through BibTeX unharmed, and comes back as far as LaTeX can say it."""

import re
import unicodedata

import bibtexparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pybtex.database import parse_string  # type: ignore[import-untyped]
from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]

from brainio.exchange.bibtex import bibtex
from brainio.exchange.latex import latex, latex_title, verbatim
from brainio.exchange.works import Work

# Characters that LaTeX has words for, and some that it has none for and takes as they are.
SAYABLE = st.text(
    st.one_of(
        st.characters(min_codepoint=0x20, max_codepoint=0x7E),
        st.sampled_from("äöüÄÖÜßéèêñçøØåÅłŁńőžŠčğıİœæÆ\u2013\u2014\u2018\u2019“”…αβγΔΩ漢字かなрусский"),
    )
)


def decoded(text: str) -> str:
    # pylatexenc reads \textasciicircum as the modifier letter
    return LatexNodes2Text(strict_latex_spaces=True).latex_to_text(text).replace("\u02c6", "^")


def in_one_line(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


@given(title=SAYABLE, author=SAYABLE)
def test_what_latex_can_say_comes_back_from_a_bibtex_parser(title: str, author: str) -> None:
    written = bibtex([Work("key", f"x{title}", (f"y{author}",), year="2026")])
    (entry,) = bibtexparser.parse_string(written).entries
    assert decoded(entry["title"]) == in_one_line(f"x{title}")
    assert decoded(entry["author"]) == in_one_line(f"y{author}")


@given(text=st.text())
@example(text=",,")
def test_any_text_leaves_the_entry_around_it_as_it_is(text: str) -> None:
    work = Work(
        "key", f"x{text}", (f"Doe, {text}",), year="2026", doi=f"10.1234/{text}", url=f"https://{text}", note=text
    )
    written = bibtex([work, Work("other", "Another", journal="Lab")])
    library = bibtexparser.parse_string(written)
    assert [(entry.entry_type, entry.key) for entry in library.entries] == [("misc", "key"), ("article", "other")]
    assert library.failed_blocks == []
    assert library.entries[0]["year"] == "2026"
    assert written.count("{") == written.count("}"), "BibTeX counts braces, whatever is before them"
    assert {*parse_string(written, "bibtex").entries} == {"key", "other"}


@pytest.mark.parametrize("one", list("&%_#$"))
def test_special_characters_are_escaped(one: str) -> None:
    assert latex(f"a{one}b") == f"a\\{one}b"


@pytest.mark.parametrize(("text", "written"), [("ü", '{\\"u}'), ("ø", "{\\o}"), ("É", "{\\'E}"), ("ł", "{\\l}")])
def test_accents_are_commands_in_braces(text: str, written: str) -> None:
    assert latex(text) == written


def test_nothing_becomes_a_ligature() -> None:
    assert not re.search(r"--|''|,,", latex("--- '''' ,,,"))


def test_titles_keep_the_capitals_that_mean_something() -> None:
    assert latex_title("Deep Networks and V1, fMRI & DiCarlo's IT") == (
        "Deep Networks and {V1}, {fMRI} \\& {DiCarlo}'s {IT}"
    )


@given(SAYABLE)
def test_a_title_says_the_same_as_a_text(text: str) -> None:
    assert decoded(latex_title(text)) == decoded(latex(text))


def test_the_places_of_works_are_as_they_were() -> None:
    assert verbatim("https://x.org/a_b%20c?d=e&f=~g#h") == "https://x.org/a_b%20c?d=e&f=~g#h"
