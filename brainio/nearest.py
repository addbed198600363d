"""Suggestions for misspelled names, for error messages.

Only the spelling counts.
"""

from collections.abc import Iterable

_MOST_COMPARED = 10_000  # comparing the spelling of more takes seconds
# Pairs of letters to compare: the time grows with the square of the length of a name.
_MOST_PAIRS = 20_000_000


def nearest(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """Return the known names that are most similar to a name, the best first.

    Names that contain it, or that it contains, come before names of similar spelling, and among them names of similar
    length first. Case does not matter.

    Parameters
    ----------
    name : str
        The requested name.
    known : iterable of str
        The existing names. The spelling is compared with at most 10,000 of similar length, and with fewer if the name
        is longer than 40 letters.
    most : int, default 5
        The greatest number of names to return.

    Examples
    --------
    >>> nearest('majajhong2015', ['dicarlo.MajajHong2015', 'tong.Coggan2024_fMRI'])
    ['dicarlo.MajajHong2015']
    >>> nearest('MajajHnog2015', ['MajajHong2015', 'Rust2012'])
    ['MajajHong2015']
    """
    from difflib import get_close_matches

    folded = name.lower()
    if not folded:
        return []
    originals: dict[str, str] = {}
    for original in filter(None, known):
        originals.setdefault(original.lower(), original)
    related = [other for other in originals if folded in other or other in folded]
    containing = sorted(related, key=lambda other: (abs(len(other) - len(folded)), other))
    similar_size = [other for other in originals if 2 * abs(len(other) - len(folded)) <= len(folded)]
    count = min(_MOST_COMPARED, _MOST_PAIRS // len(folded) ** 2)
    similar = get_close_matches(folded, similar_size[:count], n=most, cutoff=0.6)
    return [originals[other] for other in dict.fromkeys([*containing, *similar])][:most]
