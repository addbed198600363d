"""Contents of the stimuli of two sets -> which are equal, and in what. Reads nothing; time and rows grow linearly."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainio.relations.contents import Content

Contents: TypeAlias = "Mapping[str, Content]"
"""Stimulus id -> content."""

BYTES = "bytes"
DIFFERENT = "id only"
UNKNOWN = "id, unread"


class Match(NamedTuple):
    """Two stimuli that are equal, or have the same id.

    Attributes
    ----------
    a, b : str
        The ids.
    kind : str
        What is equal: `'bytes'` (then all is), `'pixels'`, `'samples'`, `'id only'` (the contents differ), or
        `'id, unread'` (a file cannot be read or decoded, and the bytes differ).
    """

    a: str
    b: str
    kind: str

    @property
    def same_id(self) -> bool:
        """Whether both have the same id."""
        return self.a == self.b


def key_of(content: Content) -> tuple[str, str] | None:
    """Return what the contents of two files have in common if and only if they are equal; None: it cannot be told."""
    if content.digest:
        return content.kind, content.digest
    return (BYTES, content.sha1) if content.sha1 else None


def matches(a: Contents, b: Contents) -> list[Match]:
    """Match the stimuli of two sets.

    Each stimulus that has an equal one in the other set is in one match at least, with one of them: that of the same id
    if there is one, else one of the same bytes if there is one. Stimuli of the same id that are not equal follow.

    Examples
    --------
    >>> from brainio.relations.contents import Content
    >>> picture = [Content("png", "pixels", "x"), Content("bmp", "pixels", "x"), Content("gif", "pixels", "y")]
    >>> found = matches({"1": picture[0], "2": picture[2]}, {"one": picture[1], "2": picture[0]})
    >>> [tuple(match) for match in found]
    [('1', '2', 'bytes'), ('1', 'one', 'pixels'), ('2', '2', 'id only')]
    """
    of_a, of_b = _by_key(a), _by_key(b)
    found: list[Match] = []
    for key, ids in of_a.items():
        if key in of_b:
            pairs = _pairs(ids, of_b[key], a, b)
            found += [Match(one, other, BYTES if a[one].sha1 == b[other].sha1 else key[0]) for one, other in pairs]
    return found + [_of_same_id(one, a[one], b[one]) for one in a if one in b and _differ(a[one], b[one])]


def counts(a: Contents, b: Contents) -> dict[str, tuple[int, int]]:
    """Count the stimuli of each set that have an equal in the other: of the same id, the same bytes, the same content.

    Examples
    --------
    >>> from brainio.relations.contents import Content
    >>> counts({"1": Content("a"), "2": Content("a")}, {"2": Content("a")})
    {'id': (1, 1), 'bytes': (2, 1), 'content': (2, 1)}
    """
    return {
        "id": (len(a.keys() & b.keys()),) * 2,
        BYTES: _counted(a, b, lambda one: one.sha1 or None),
        "content": _counted(a, b, key_of),
    }


def _counted(a: Contents, b: Contents, key: Callable[[Content], object]) -> tuple[int, int]:
    keys_a, keys_b = [key(one) for one in a.values()], [key(one) for one in b.values()]
    shared = (set(keys_a) & set(keys_b)) - {None}
    return sum(one in shared for one in keys_a), sum(one in shared for one in keys_b)


def duplicates(contents: Contents) -> list[tuple[tuple[str, ...], str]]:
    """Return the stimuli of one set that are equal to others in it, each group with what is equal.

    Examples
    --------
    >>> from brainio.relations.contents import Content
    >>> duplicates({"1": Content("a"), "2": Content("a"), "3": Content("b")})
    [(('1', '2'), 'bytes')]
    """
    groups = [(key, ids) for key, ids in _by_key(contents).items() if len(ids) > 1]
    return [(tuple(ids), BYTES if len({contents[one].sha1 for one in ids}) == 1 else key[0]) for key, ids in groups]


def _by_key(contents: Contents) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for stimulus_id, content in contents.items():
        key = key_of(content)
        if key is not None:
            groups[key].append(stimulus_id)
    return groups


def _pairs(ids_a: Sequence[str], ids_b: Sequence[str], a: Contents, b: Contents) -> list[tuple[str, str]]:
    """Pair stimuli that are all equal, so that each is in a pair, and in as few as that takes."""
    pairs, rest_a, rest_b = _zipped(ids_a, ids_b, str, str)
    same_bytes, rest_a, rest_b = _zipped(rest_a, rest_b, lambda one: a[one].sha1, lambda one: b[one].sha1)
    others, rest_a, rest_b = _zipped(rest_a, rest_b, lambda _: "", lambda _: "")
    first_a = {a[one].sha1: one for one in reversed(ids_a)}
    first_b = {b[one].sha1: one for one in reversed(ids_b)}
    left_over = [(one, first_b.get(a[one].sha1, ids_b[0])) for one in rest_a]
    return [*pairs, *same_bytes, *others, *left_over, *((first_a.get(b[one].sha1, ids_a[0]), one) for one in rest_b)]


def _zipped(
    ids_a: Sequence[str], ids_b: Sequence[str], key_a: Callable[[str], str], key_b: Callable[[str], str]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Pair ids of equal keys in their order, and return what is left of both."""
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for one in ids_b:
        waiting[key_b(one)].append(one)
    pairs, rest = [], []
    for one in ids_a:
        others = waiting[key_a(one)]
        if others:
            pairs.append((one, others.popleft()))
        else:
            rest.append(one)
    paired = {other for _, other in pairs}
    return pairs, rest, [one for one in ids_b if one not in paired]


def _differ(one: Content, other: Content) -> bool:
    keys = key_of(one), key_of(other)
    return None in keys or keys[0] != keys[1]


def _of_same_id(stimulus_id: str, one: Content, other: Content) -> Match:
    return Match(stimulus_id, stimulus_id, UNKNOWN if one.fault or other.fault else DIFFERENT)
