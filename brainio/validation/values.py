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
    """Return the sorted names of the kinds of values, without missing ones."""
    if values.dtype.kind in _KINDS:
        return [_KINDS[values.dtype.kind]]
    if values.dtype.kind != "O":
        return [str(values.dtype)]
    types = {type(value) for value in values.ravel()[~pd.isna(values.ravel())]}
    return sorted({_kind_of(cls) for cls in types})


def _kind_of(cls: type) -> str:
    if issubclass(cls, str):
        return TEXT
    if issubclass(cls, bool | np.bool_):
        return TRUTH
    return NUMBER if issubclass(cls, int | float | np.number) else cls.__name__


def fault_of_texts(values: np.ndarray) -> tuple[int, str] | None:
    """Return position and description of the first text that cannot be stored, None if all can."""
    if values.dtype.kind not in "OUT":
        return None
    texts = [value if isinstance(value, str) else "" for value in values.ravel().tolist()]
    if fault_of_text("".join(texts)) is None:
        return None
    return next((place, fault) for place, fault in enumerate(map(fault_of_text, texts)) if fault)


def is_text(value: object) -> bool:
    """Whether a value is a non-empty text."""
    return isinstance(value, str) and bool(value.strip())


def is_integer(value: object) -> bool:
    """Whether an id is a number, as in older packages; files store it as text."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_id(value: object) -> bool:
    """Whether a value can be a `stimulus_id`: a non-empty text, or a number as in older packages."""
    return is_text(value) or is_integer(value)


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NA or NaT."""
    return value is None or (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT


def repeats(values: Iterable[object], key: Callable[[object], object] = str) -> list[tuple[int, int]]:
    """Return (position, position of first occurrence) of each repeated value; `key` decides equality."""
    first: dict[object, int] = {}
    found = [(place, first.setdefault(key(value), place)) for place, value in enumerate(values)]
    return [(place, earlier) for place, earlier in found if place != earlier]


_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_CONVENTION = re.compile(r"[a-z][a-z0-9_]*\.[A-Z][A-Za-z]*[0-9]{4}(?![0-9])")
_LONGEST = 220  # characters in a message


def identifier_problems(identifier: object, place: str = "the identifier") -> list[Problem]:
    """List the problems of an identifier.

    Examples
    --------
    >>> names = "dicarlo.MajajHong2015.public", "hvm", "lab/Doe"
    >>> [item.code for name in names for item in identifier_problems(name)]
    ['identifier-unconventional', 'identifier-malformed']
    """
    found = repr(identifier)[:_LONGEST]
    if not (isinstance(identifier, str) and _IDENTIFIER.fullmatch(identifier)) or ".." in identifier:
        return [problem("identifier-malformed", place, found)]
    return [] if _CONVENTION.match(identifier) else [problem("identifier-unconventional", place, found)]
