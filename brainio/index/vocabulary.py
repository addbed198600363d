"""The vocabulary of search: words in normal form, with the names of regions, species and classes that texts mention.

Words are in lower case, without accents, in the singular. The data of an entry need not be of the species that its
texts mention: a title that mentions humans may belong to recordings of macaques. Facts of a card take precedence.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from brainio.dois import stored_doi

# Region -> spellings in identifiers and titles: acronyms match in capitals only, everything else in any case.
REGIONS: Mapping[str, tuple[str, ...]] = {
    "V1": ("V1", "primary visual cortex", "striate cortex"),
    "V2": ("V2", "second visual area", "secondary visual cortex"),
    "V3": ("V3",),
    "V4": ("V4",),
    "IT": ("IT", "inferior temporal", "inferotemporal"),
    "MT": ("MT", "middle temporal"),
    "MST": ("MST", "medial superior temporal"),
    "LGN": ("LGN", "lateral geniculate"),
    "SC": ("superior colliculus",),
    "FFA": ("FFA", "fusiform face area"),
    "OFA": ("OFA", "occipital face area"),
    "PPA": ("PPA", "parahippocampal place area"),
    "EBA": ("EBA", "extrastriate body area"),
    "LOC": ("LOC", "lateral occipital"),
    "STS": ("STS", "superior temporal sulcus"),
    "PFC": ("PFC", "prefrontal"),
    "A1": ("A1", "primary auditory cortex"),
    "M1": ("M1", "primary motor cortex"),
    "S1": ("S1", "primary somatosensory cortex", "barrel cortex"),
    "retina": ("retina", "retinal"),
    "hippocampus": ("hippocampus", "hippocampal"),
    "amygdala": ("amygdala",),
    "cerebellum": ("cerebellum", "cerebellar"),
    "auditory cortex": ("auditory cortex",),
    "motor cortex": ("motor cortex",),
    "visual cortex": ("visual cortex", "visual cortices"),
    "ventral stream": ("ventral stream", "ventral visual stream", "ventral visual pathway"),
    "language network": ("language network", "language areas", "language system"),
    "multiple-demand network": ("multiple-demand", "multiple demand"),
}
# Single words that mean regions in identifiers only; in titles they have many meanings.
_IN_NAMES = {"language": "language network"}

SPECIES: Mapping[str, tuple[str, ...]] = {
    "human": ("human", "humans", "Homo sapiens"),
    "macaque": ("macaque", "macaques", "monkey", "monkeys", "rhesus", "Macaca mulatta", "Macaca fascicularis"),
    "nonhuman primate": ("nonhuman primate", "nonhuman primates", "non-human primate", "non-human primates"),
    "marmoset": ("marmoset", "marmosets", "Callithrix jacchus"),
    "mouse": ("mouse", "mice", "Mus musculus"),
    "rat": ("rats", "Rattus norvegicus"),
    "cat": ("Felis catus",),
    "ferret": ("ferret", "ferrets", "Mustela putorius furo"),
    "zebra finch": ("zebra finch", "zebra finches", "Taeniopygia guttata"),
    "zebrafish": ("zebrafish", "Danio rerio"),
    "fruit fly": ("drosophila", "fruit fly", "Drosophila melanogaster"),
    "locust": ("locust", "locusts", "Locusta migratoria"),
}

# Further search words of a class.
CLASSES: Mapping[str, str] = {
    "BehavioralAssembly": "behavior choices",
    "NeuroidAssembly": "neural recordings responses",
    "NeuronRecordingAssembly": "neural recordings responses",
    "SpikeTimesAssembly": "neural recordings spikes",
    "ModelFeaturesAssembly": "model features activations",
    "StimulusSet": "stimuli",
}

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


def _finder(table: Mapping[str, tuple[str, ...]], *, capitals: bool) -> tuple[re.Pattern[str], dict[str, str]]:
    """Compile a pattern for all spellings, the longest first; return it with the value of each spelling."""
    values = {
        spelling if capitals else spelling.lower(): value
        for value, spellings in table.items()
        for spelling in spellings
        if spelling.isupper() == capitals
    }
    either = "|".join(re.escape(spelling) for spelling in sorted(values, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])", 0 if capitals else re.IGNORECASE), values


_CAPITALS = _finder(REGIONS, capitals=True)
_PHRASES = _finder(REGIONS, capitals=False)
_ANIMALS = _finder(SPECIES, capitals=False)
_IN_NAME = re.compile(f"{_CAPITALS[0].pattern}|(?<![A-Za-z0-9])(?i:{'|'.join(_IN_NAMES)})(?![A-Za-z0-9])")
_KNOWN_REGIONS = {region.lower(): region for region in REGIONS} | _PHRASES[1]


def regions_in(text: str) -> list[str]:
    """Return the regions that a text mentions.

    Examples
    --------
    >>> regions_in('Macaque V1 and inferior temporal responses; it is 2026')
    ['V1', 'IT']
    """
    acronyms = [_CAPITALS[1][word] for word in _CAPITALS[0].findall(text)]
    return list(dict.fromkeys([*acronyms, *(_PHRASES[1][phrase.lower()] for phrase in _PHRASES[0].findall(text))]))


def regions_in_name(names: str) -> list[str]:
    """Return the regions that identifiers and aliases mention.

    Examples
    --------
    >>> regions_in_name('Pereira2018.language dicarlo.Rajalingham2020orthographic_IT')
    ['language network', 'IT']
    """
    regions = [_CAPITALS[1].get(word) or _IN_NAMES[word.lower()] for word in _IN_NAME.findall(names)]
    return list(dict.fromkeys(regions))


def species_in(text: str) -> list[str]:
    """Return the species that a text mentions, by their common names.

    Examples
    --------
    >>> species_in('of humans, monkeys and networks'), species_in('Macaca mulatta')
    (['human', 'macaque'], ['macaque'])
    """
    return list(dict.fromkeys(_ANIMALS[1][name.lower()] for name in _ANIMALS[0].findall(text)))


def canonical_region(value: str) -> str:
    """Return a region by its usual name; return unknown names unchanged.

    Examples
    --------
    >>> canonical_region('inferotemporal'), canonical_region('v4'), canonical_region('area X')
    ('IT', 'V4', 'area X')
    """
    return _KNOWN_REGIONS.get(value.lower(), value)


def canonical_species(value: str) -> str:
    """Return a species by its common name; return unknown names unchanged.

    Examples
    --------
    >>> canonical_species('Locusta migratoria'), canonical_species('monkey'), canonical_species('Octopus vulgaris')
    ('locust', 'macaque', 'Octopus vulgaris')
    """
    return _ANIMALS[1].get(value.lower(), value)


def spellings(regions: Iterable[str], species: Iterable[str]) -> str:
    """Return all spellings of regions and species.

    Examples
    --------
    >>> spellings(['IT'], ['marmoset', 'nonhuman primate'])
    'IT inferior temporal inferotemporal marmoset marmosets Callithrix jacchus nonhuman primate nonhuman primates'
    """
    names = [REGIONS.get(name, (name,)) for name in regions] + [SPECIES.get(name, (name,)) for name in species]
    # "non-human" would match queries for "human".
    return " ".join(spelling for group in names for spelling in group if "-" not in spelling)


def split_words(text: str) -> list[str]:
    """Return the words of a text in their order.

    Examples
    --------
    >>> split_words('Grouping of contextual elements: vernier stimuli, Über-Colours')
    ['grouping', 'of', 'contextual', 'element', 'vernier', 'stimulus', 'uber', 'color']
    """
    return [_plain(chunk) for chunk in _CHUNK.findall(_fold_case_and_accents(text))]


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
    words = {_plain(chunk): chunk for chunk in _CHUNK.findall(_fold_case_and_accents(stored_doi(text)))}
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
    return _BETWEEN.sub("", _fold_case_and_accents(name))


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


def _fold_case_and_accents(text: str) -> str:
    return text.lower() if text.isascii() else _without_accents(_without_accents(text).casefold())


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
