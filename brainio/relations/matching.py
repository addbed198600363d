"""Matching of equal stimuli in two sets by the contents of their files.

Reads no files. Time and the number of matches grow linearly with the size of the sets.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainio.relations.file_contents import Content

Contents: TypeAlias = "Mapping[str, Content]"
"""Stimulus id -> content of its file."""

BYTES = "bytes"
ID_ONLY = "id only"
ID_UNREAD = "id, unread"


class Match(NamedTuple):
    """Two stimuli that are equal, or have the same id.

    Attributes
    ----------
    a, b : str
        The ids.
    kind : str
        What both have in common: `'bytes'` (everything), `'pixels'`, `'samples'`, `'id only'` (different content), or
        `'id, unread'` (the bytes differ, and a file cannot be read or decoded).
    """

    a: str
    b: str
    kind: str

    @property
    def same_id(self) -> bool:
        """Whether both have the same id."""
        return self.a == self.b


def comparison_key(content: Content) -> tuple[str, str] | None:
    """Return a key that is equal for equal contents and only for these; None if the file cannot be read."""
    if content.digest:
        return content.kind, content.digest
    return (BYTES, content.sha1) if content.sha1 else None


def find_matches(a: Contents, b: Contents) -> list[Match]:
    """Match the stimuli of two sets.

    Each stimulus that has equal stimuli in the other set is matched with one of them: preferably with the same id, then
    with the same bytes. Matches of stimuli with the same id but different content follow.

    Examples
    --------
    >>> from brainio.relations.file_contents import Content
    >>> png, bmp, other = Content("1", "pixels", "x"), Content("2", "pixels", "x"), Content("3", "pixels", "y")
    >>> [tuple(match) for match in find_matches({"u": png, "v": other}, {"w": bmp, "v": png})]
    [('u', 'v', 'bytes'), ('u', 'w', 'pixels'), ('v', 'v', 'id only')]
    """
    ids_by_key_a, ids_by_key_b = _group_by_key(a), _group_by_key(b)
    matches: list[Match] = []
    for key, ids in ids_by_key_a.items():
        if key in ids_by_key_b:
            for id_a, id_b in _pair_equal(ids, ids_by_key_b[key], a, b):
                matches.append(Match(id_a, id_b, BYTES if a[id_a].sha1 == b[id_b].sha1 else key[0]))
    contradictions = [id_ for id_ in a if id_ in b and _differ(a[id_], b[id_])]
    return matches + [_match_of_same_id(id_, a[id_], b[id_]) for id_ in contradictions]


def count_shared(a: Contents, b: Contents) -> dict[str, tuple[int, int]]:
    """Count the stimuli of each set that are in the other set too: by id, by bytes and by content.

    Examples
    --------
    >>> from brainio.relations.file_contents import Content
    >>> count_shared({"1": Content("a"), "2": Content("a")}, {"2": Content("a")})
    {'id': (1, 1), 'bytes': (2, 1), 'content': (2, 1)}
    """
    return {
        "id": (len(a.keys() & b.keys()),) * 2,
        BYTES: _count_by_key(a, b, lambda content: content.sha1 or None),
        "content": _count_by_key(a, b, comparison_key),
    }


def _count_by_key(a: Contents, b: Contents, key: Callable[[Content], object]) -> tuple[int, int]:
    keys_a, keys_b = [key(content) for content in a.values()], [key(content) for content in b.values()]
    shared = (set(keys_a) & set(keys_b)) - {None}
    return sum(key in shared for key in keys_a), sum(key in shared for key in keys_b)


def find_duplicates(contents: Contents) -> list[tuple[tuple[str, ...], str]]:
    """Return the groups of equal stimuli in one set: their ids and the kind of equality, as in `Match`.

    Examples
    --------
    >>> from brainio.relations.file_contents import Content
    >>> find_duplicates({"1": Content("a"), "2": Content("a"), "3": Content("b")})
    [(('1', '2'), 'bytes')]
    """
    groups = [(key, ids) for key, ids in _group_by_key(contents).items() if len(ids) > 1]
    return [(tuple(ids), BYTES if len({contents[id_].sha1 for id_ in ids}) == 1 else key[0]) for key, ids in groups]


def _group_by_key(contents: Contents) -> dict[tuple[str, str], list[str]]:
    """Group the ids of readable stimuli by `comparison_key`."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for stimulus_id, content in contents.items():
        key = comparison_key(content)
        if key is not None:
            groups[key].append(stimulus_id)
    return groups


def _pair_equal(ids_a: Sequence[str], ids_b: Sequence[str], a: Contents, b: Contents) -> list[tuple[str, str]]:
    """Pair stimuli that all have equal content, with as few pairs as possible but each stimulus in one of them."""
    same_id, rest_a, rest_b = _pair_by_key(ids_a, ids_b, str, str)
    same_bytes, rest_a, rest_b = _pair_by_key(rest_a, rest_b, lambda id_: a[id_].sha1, lambda id_: b[id_].sha1)
    in_order, rest_a, rest_b = _pair_by_key(rest_a, rest_b, lambda _: "", lambda _: "")
    first_with_bytes_a = {a[id_].sha1: id_ for id_ in reversed(ids_a)}
    first_with_bytes_b = {b[id_].sha1: id_ for id_ in reversed(ids_b)}
    surplus_a = [(id_, first_with_bytes_b.get(a[id_].sha1, ids_b[0])) for id_ in rest_a]
    surplus_b = [(first_with_bytes_a.get(b[id_].sha1, ids_a[0]), id_) for id_ in rest_b]
    return [*same_id, *same_bytes, *in_order, *surplus_a, *surplus_b]


def _pair_by_key(
    ids_a: Sequence[str], ids_b: Sequence[str], key_a: Callable[[str], str], key_b: Callable[[str], str]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Pair ids with equal keys in their order, and return the pairs and the unpaired ids of both."""
    candidates: dict[str, deque[str]] = defaultdict(deque)
    for id_b in ids_b:
        candidates[key_b(id_b)].append(id_b)
    pairs, rest_a = [], []
    for id_a in ids_a:
        partners = candidates[key_a(id_a)]
        if partners:
            pairs.append((id_a, partners.popleft()))
        else:
            rest_a.append(id_a)
    paired = {id_b for _, id_b in pairs}
    return pairs, rest_a, [id_b for id_b in ids_b if id_b not in paired]


def _differ(a: Content, b: Content) -> bool:
    """Return whether two contents differ, or may differ because one is unreadable."""
    keys = comparison_key(a), comparison_key(b)
    return None in keys or keys[0] != keys[1]


def _match_of_same_id(stimulus_id: str, a: Content, b: Content) -> Match:
    """Return the match of two stimuli with the same id, but without equal content."""
    return Match(stimulus_id, stimulus_id, ID_UNREAD if a.fault or b.fault else ID_ONLY)
