"""Whether an identifier can stand in a catalog and in a file name, and whether it follows the convention."""

import re

from brainio.validation.problems import Problem, problem

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_CONVENTION = re.compile(r"[a-z][a-z0-9_]*\.[A-Z][A-Za-z]*[0-9]{4}(?![0-9])")
_LONGEST = 220  # characters of a message


def identifier_problems(identifier: object, place: str = "the identifier") -> list[Problem]:
    """List what is wrong with an identifier, calling it what `place` says.

    Examples
    --------
    >>> [one.code for name in ("dicarlo.MajajHong2015.public", "hvm", "lab/Doe") for one in identifier_problems(name)]
    ['identifier-unconventional', 'identifier-malformed']
    """
    found = repr(identifier)[:_LONGEST]
    if not (isinstance(identifier, str) and _IDENTIFIER.fullmatch(identifier)) or ".." in identifier:
        return [problem("identifier-malformed", place, found)]
    return [] if _CONVENTION.match(identifier) else [problem("identifier-unconventional", place, found)]
