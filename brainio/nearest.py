"""Which of the names that exist somebody probably meant, for the messages of errors.

Compares spelling only; what the names are of is not this module's business.
"""

from collections.abc import Iterable

_MOST_COMPARED = 10_000  # comparing the spelling of more takes seconds
_MOST_PAIRS = (
    20_000_000  # of letters that are compared: long names take a time that grows with the square of their length
)


def nearest(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """Return the known names that `name` was probably meant to be, the best first.

    Names that contain it (or that it contains), whatever their case, come before names of similar spelling; of those,
    the ones of similar length come first.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is. Of a great many, spelling is compared with the first 10,000 of similar length only, and with
        fewer where names are longer than 40 letters.
    most : int, default 5
        The number of names to return at most.

    Examples
    --------
    >>> nearest('majajhong2015', ['dicarlo.MajajHong2015', 'tong.Coggan2024_fMRI'])
    ['dicarlo.MajajHong2015']
    >>> nearest('MajajHnog2015', ['MajajHong2015', 'Rust2012'])
    ['MajajHong2015']
    """
    from difflib import get_close_matches

    wanted = name.lower()
    if not wanted:
        return []
    folded: dict[str, str] = {}
    for one in filter(None, known):
        folded.setdefault(one.lower(), one)
    around = [one for one in folded if wanted in one or one in wanted]
    containing = sorted(around, key=lambda one: (abs(len(one) - len(wanted)), one))
    similar_size = [one for one in folded if 2 * abs(len(one) - len(wanted)) <= len(wanted)]
    count = min(_MOST_COMPARED, _MOST_PAIRS // len(wanted) ** 2)
    similar = get_close_matches(wanted, similar_size[:count], n=most, cutoff=0.6)
    return [folded[one] for one in dict.fromkeys([*containing, *similar])][:most]
