"""Text normalization: the words of entries and queries, in lower case, without accents, in the singular."""

import re
import unicodedata
from functools import lru_cache

from brainio.dois import stored_doi

PREFIX_FROM = 4  # letters from which a word of a query also matches longer words
_CHUNK = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[\W_]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_SYNONYMS = {
    "stimuli": "stimulus",
    "mice": "mouse",
    "cortices": "cortex",
    "behaviour": "behavior",
    "behavioural": "behavioral",
    "colour": "color",
    "grey": "gray",
    "greyscale": "grayscale",
    "picture": "image",
    "photo": "image",
    "movie": "video",
}
_STOP_WORDS = frozenset(
    {
        *("a", "about", "all", "an", "and", "any", "are", "as", "at", "by", "did", "do", "does", "for", "from", "had"),
        *("has", "have", "how", "in", "into", "is", "me", "of", "on", "or", "show", "that", "the", "their", "to"),
        *("was", "were", "what", "where", "which", "who", "whose", "with"),
    }
)


def split_words(text: str) -> list[str]:
    """Return the words of a text in their order.

    Examples
    --------
    >>> split_words('Grouping of contextual elements: vernier stimuli, Über-Colours')
    ['grouping', 'of', 'contextual', 'element', 'vernier', 'stimulus', 'uber', 'color']
    """
    return [_plain(chunk) for chunk in _CHUNK.findall(_folded(text))]


def split_name(name: str) -> list[str]:
    """Return the words of an identifier or alias: the parts between dots, and the words within each part.

    Examples
    --------
    >>> split_name('dicarlo.MajajHong2015.temporal-10ms')
    ['dicarlo', 'majajhong2015', 'majajhong', 'majaj', 'hong', '2015', 'temporal', '10ms', '10', 'ms']
    >>> split_name('THINGS_fMRI_V4')
    ['thing', 'fmri', 'mri', 'v4']
    """
    words: list[str] = []
    for chunk in _CHUNK.findall(name if name.isascii() else _without_accents(name)):
        words += _words_of_chunk(chunk)
    return list(dict.fromkeys(words))


def query_words(text: str) -> dict[str, str]:
    """Return the words of a query without stop words; normalized word -> original spelling.

    A DOI may have any form, such as a URL; documents contain its stored form.

    Examples
    --------
    >>> query_words('https://doi.org/10.1117/12.348473') == query_words('10.1117/12.348473')
    True
    >>> query_words('V4 recordings to "natural" images')
    {'v4': 'v4', 'recording': 'recordings', 'natural': 'natural', 'image': 'images'}
    """
    words = {_plain(chunk): chunk for chunk in _CHUNK.findall(_folded(stored_doi(text)))}
    return {word: chunk for word, chunk in words.items() if word not in _STOP_WORDS} or words


def has_prefix_match(word: str, words: str) -> bool:
    """Return whether a word of a query is one of some words separated by spaces, or a prefix of one.

    Examples
    --------
    >>> has_prefix_match('natural', 'a naturalistic'), has_prefix_match('v4', 'v4d'), has_prefix_match('v4', 'v4')
    (True, False, True)
    """
    return (f" {word}" if len(word) >= PREFIX_FROM else f" {word} ") in f" {words} "


def fold_name(name: str) -> str:
    """Normalize a name to one word without case, accents and punctuation.

    Examples
    --------
    >>> fold_name('dicarlo.MajajHong2015')
    'dicarlomajajhong2015'
    """
    return _BETWEEN.sub("", _folded(name))


@lru_cache(maxsize=16384)
def _words_of_chunk(chunk: str) -> tuple[str, ...]:
    """Return the words of a part of a name without punctuation; single letters have no meaning."""
    folded = chunk.casefold()
    if chunk == folded and chunk.isalpha():
        return (_plain(folded),)
    parts = (chunk.rstrip("0123456789"), *_PARTS.findall(chunk))
    return (_plain(folded), *[_plain(part.casefold()) for part in parts if len(part) > 1])


def _plain(word: str) -> str:
    """Return the approximate singular of a normalized word, in one spelling."""
    return _singular(word) if word.isalpha() else word


@lru_cache(maxsize=16384)
def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return _SYNONYMS.get(word, word)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else _without_accents(_without_accents(text).casefold())


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
