"""Describe briefly where two plain answers differ."""

from __future__ import annotations

import json
from typing import Any

ERROR_WORDS = "an error"
_LEAVES = 4
_WIDTH = 70


def describe(first: Any, second: Any) -> tuple[str, str]:
    """Return for each of two plain answers the facts that the other one lacks."""
    leaves = list(_leaves(first, second, ()))
    shown = leaves[:_LEAVES]
    more = f"; {len(leaves) - _LEAVES} more" if len(leaves) > _LEAVES else ""
    sides = ["; ".join(_leaf(path, side[number]) for path, *side in shown) + more for number in (0, 1)]
    return sides[0], sides[1]


def _is_error(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("error") is True


def _leaves(first: Any, second: Any, path: tuple[str, ...]) -> Any:
    if first == second:
        return
    if isinstance(first, dict) and isinstance(second, dict) and not _is_error(first) and not _is_error(second):
        for key in sorted(set(first) | set(second)):
            yield from _leaves(first.get(key, ...), second.get(key, ...), path if key == "mapping" else (*path, key))
    else:
        yield path, first, second


def _leaf(path: tuple[str, ...], answer: Any) -> str:
    where = " ".join(part for part in path if part not in ("coords", "values"))
    if answer is ...:
        return f"no {where}"
    return f"{where} {_words(answer)}".strip()


def _words(answer: Any) -> str:
    if _is_error(answer):
        return ERROR_WORDS
    if isinstance(answer, dict) and "columns" in answer:
        return f"{answer['class']} of {len(answer['rows'])} rows"
    if isinstance(answer, dict) and "attrs" in answer:
        sizes = ", ".join(f"{dim}: {size}" for dim, size in zip(answer["dims"], answer["shape"], strict=True))
        return f"{answer['class']} ({sizes})"
    if isinstance(answer, dict) and set(answer) == {"dims", "kind", "values"}:
        answer = answer["values"] if answer["dims"] else answer["values"][0]
    elif isinstance(answer, dict) and answer.get("class") == "ndarray":
        answer = answer["values"]
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) <= _WIDTH else text[:_WIDTH] + " …"
