"""Words of the field: regions and species as names and titles write them, and what a class of assembly holds.

One table each. Says what a text mentions, not whether the data are of it: a title that names humans may go with
recordings of macaques. A card knows better, and wins.
"""

import re
from collections.abc import Iterable, Mapping

# Region -> how names and titles write it: capitals are found as they are, everything else in any case.
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
# Only names use these single words for regions; in titles they mean many things.
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

# What is looked for under other words than the name of the class says.
CLASSES: Mapping[str, str] = {
    "BehavioralAssembly": "behavior choices",
    "NeuroidAssembly": "neural recordings responses",
    "NeuronRecordingAssembly": "neural recordings responses",
    "SpikeTimesAssembly": "neural recordings spikes",
    "ModelFeaturesAssembly": "model features activations",
    "StimulusSet": "stimuli",
}


def _finder(table: Mapping[str, tuple[str, ...]], *, capitals: bool) -> tuple[re.Pattern[str], dict[str, str]]:
    """Compile one pattern for all spellings of a kind, the longest first, and say what each means."""
    means = {
        spelling if capitals else spelling.lower(): value
        for value, spellings in table.items()
        for spelling in spellings
        if spelling.isupper() == capitals
    }
    either = "|".join(re.escape(one) for one in sorted(means, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])", 0 if capitals else re.IGNORECASE), means


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
    found = [_CAPITALS[1][one] for one in _CAPITALS[0].findall(text)]
    return list(dict.fromkeys([*found, *(_PHRASES[1][one.lower()] for one in _PHRASES[0].findall(text))]))


def regions_named(names: str) -> list[str]:
    """Return the regions that identifiers and aliases mention.

    Examples
    --------
    >>> regions_named('Pereira2018.language dicarlo.Rajalingham2020orthographic_IT')
    ['language network', 'IT']
    """
    found = [_CAPITALS[1].get(one) or _IN_NAMES[one.lower()] for one in _IN_NAME.findall(names)]
    return list(dict.fromkeys(found))


def species_in(text: str) -> list[str]:
    """Return the species that a text mentions, by their everyday names.

    Examples
    --------
    >>> species_in('of humans, monkeys and networks'), species_in('Macaca mulatta')
    (['human', 'macaque'], ['macaque'])
    """
    return list(dict.fromkeys(_ANIMALS[1][one.lower()] for one in _ANIMALS[0].findall(text)))


def region_called(value: str) -> str:
    """Return a region by its usual name, what is not known as it is.

    Examples
    --------
    >>> region_called('inferotemporal'), region_called('v4'), region_called('area X')
    ('IT', 'V4', 'area X')
    """
    return _KNOWN_REGIONS.get(value.lower(), value)


def species_called(value: str) -> str:
    """Return a species by its everyday name, what is not known as it is.

    Examples
    --------
    >>> species_called('Locusta migratoria'), species_called('monkey'), species_called('Octopus vulgaris')
    ('locust', 'macaque', 'Octopus vulgaris')
    """
    return _ANIMALS[1].get(value.lower(), value)


def spellings(regions: Iterable[str], species: Iterable[str]) -> str:
    """Return all words under which regions and species are looked for.

    Examples
    --------
    >>> spellings(['IT'], ['marmoset', 'nonhuman primate'])
    'IT inferior temporal inferotemporal marmoset marmosets Callithrix jacchus nonhuman primate nonhuman primates'
    """
    found = [REGIONS.get(one, (one,)) for one in regions] + [SPECIES.get(one, (one,)) for one in species]
    return " ".join(spelling for one in found for spelling in one if "-" not in spelling)  # "non-human" is not human
