"""The vocabulary of the field: names of regions, species and classes of data in identifiers and titles.

Finds the names that a text mentions. The data need not be of them: a title that mentions humans may belong to
recordings of macaques. Facts of a card take precedence.
"""

import re
from collections.abc import Iterable, Mapping

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
