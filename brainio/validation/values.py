"""Checks of individual values: kinds, ids and identifiers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainio.text import fault_of_text
from brainio.validation.report import Problem, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


TEXT, NUMBER, TRUTH = "text", "numbers", "True and False"
_KINDS = {"i": NUMBER, "u": NUMBER, "f": NUMBER, "c": NUMBER, "U": TEXT, "S": TEXT, "T": TEXT, "b": TRUTH}


def kinds_of(values: np.ndarray) -> list[str]:
    """Return the kinds of values that are not missing, in words, sorted."""
    if values.dtype.kind in _KINDS:
        return [_KINDS[values.dtype.kind]]
    if values.dtype.kind != "O":
        return [str(values.dtype)]
    types = {type(value) for value in values.ravel()[~pd.isna(values.ravel())]}
    return sorted({_kind_of(one) for one in types})


def _kind_of(one: type) -> str:
    if issubclass(one, str):
        return TEXT
    if issubclass(one, bool | np.bool_):
        return TRUTH
    return NUMBER if issubclass(one, int | float | np.number) else one.__name__


def fault_of_texts(values: np.ndarray) -> tuple[int, str] | None:
    """Return the position and a description of the first text that cannot be stored; None if there is none."""
    if values.dtype.kind not in "OUT":
        return None
    texts = [value if isinstance(value, str) else "" for value in values.ravel().tolist()]
    if fault_of_text("".join(texts)) is None:
        return None
    return next((place, fault) for place, fault in enumerate(map(fault_of_text, texts)) if fault)


def is_text(value: object) -> bool:
    """Whether a value is a text that is not empty."""
    return isinstance(value, str) and bool(value.strip())


def is_integer(value: object) -> bool:
    """Whether an id is a number, as older packages have them; it is written, and read back, as its text."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_id(value: object) -> bool:
    """Whether a value can be a `stimulus_id`: a text that is not empty, or a number as older packages have them."""
    return is_text(value) or is_integer(value)


def is_missing(value: object) -> bool:
    """Whether a value stands for none."""
    return value is None or (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT


def repeats(values: Iterable[object], key: Callable[[object], object] = str) -> list[tuple[int, int]]:
    """Return (position, position of the first like it) of each value that has come before, as `key` sees it."""
    first: dict[object, int] = {}
    found = [(place, first.setdefault(key(value), place)) for place, value in enumerate(values)]
    return [(place, earlier) for place, earlier in found if place != earlier]


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
