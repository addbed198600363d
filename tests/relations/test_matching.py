"""Tests of matching: it is symmetric, complete and linear in size, also for sets with duplicates."""

from hypothesis import given
from hypothesis import strategies as st

from brainio.relations.file_contents import Content
from brainio.relations.matching import (
    ID_ONLY,
    ID_UNREAD,
    Match,
    comparison_key,
    count_shared,
    find_duplicates,
    find_matches,
)
from brainio.relations.overlaps import Overlap

# Files with equal decoded data may differ in bytes; files with equal bytes have equal decoded data.
CONTENTS = [
    Content("a1", "pixels", "a"),
    Content("a2", "pixels", "a"),
    Content("b1", "pixels", "b"),
    Content("c1", "samples", "a"),
    Content("t1"),
    Content("t2"),
    Content("x1", fault="cut short"),
    Content("", fault="no such file"),
]
SETS = st.dictionaries(st.sampled_from("uvwxyz"), st.sampled_from(CONTENTS))
EQUAL = ("bytes", "pixels", "samples")


@given(SETS, SETS)
def test_overlap_is_symmetric(a: dict[str, Content], b: dict[str, Content]) -> None:
    assert {Match(match.b, match.a, match.kind) for match in find_matches(b, a)} == set(find_matches(a, b))
    assert {kind: both[::-1] for kind, both in count_shared(b, a).items()} == count_shared(a, b)


@given(SETS)
def test_overlap_of_a_set_with_itself_is_complete(a: dict[str, Content]) -> None:
    readable = {id_ for id_, content in a.items() if content.sha1}
    assert {match.a for match in find_matches(a, a) if match.kind == "bytes" and match.same_id} == readable
    assert [match for match in find_matches(a, a) if match.kind == ID_ONLY] == []
    if a:
        assert Overlap.from_contents("a", a, "a", a).a.share == len(readable) / len(a)


@given(SETS, SETS)
def test_every_shared_stimulus_is_matched_with_an_equal_stimulus_only(
    a: dict[str, Content], b: dict[str, Content]
) -> None:
    matches = [match for match in find_matches(a, b) if match.kind in EQUAL]
    keys = {comparison_key(content) for content in a.values()} & {comparison_key(content) for content in b.values()} - {
        None
    }
    assert {match.a for match in matches} == {id_ for id_, content in a.items() if comparison_key(content) in keys}
    assert {match.b for match in matches} == {id_ for id_, content in b.items() if comparison_key(content) in keys}
    assert all(comparison_key(a[match.a]) == comparison_key(b[match.b]) for match in matches)
    assert all((match.kind == "bytes") == (a[match.a].sha1 == b[match.b].sha1) for match in matches)


@given(SETS, SETS)
def test_the_number_of_matches_is_bounded_by_stimuli_and_shared_ids(
    a: dict[str, Content], b: dict[str, Content]
) -> None:
    matches = find_matches(a, b)
    assert len(matches) == len(set(matches))
    equal = [match for match in matches if match.kind in EQUAL]
    assert len(equal) <= len(a) + len(b)
    assert len(matches) - len(equal) <= len(a.keys() & b.keys())


@given(SETS, SETS)
def test_equal_stimuli_with_the_same_id_are_matched(a: dict[str, Content], b: dict[str, Content]) -> None:
    kinds = {match.a: match.kind for match in find_matches(a, b) if match.same_id}
    assert kinds.keys() == a.keys() & b.keys()
    for id_, kind in kinds.items():
        assert (kind in EQUAL) == (comparison_key(a[id_]) == comparison_key(b[id_]) is not None)


@given(SETS)
def test_duplicates_are_all_repeated_stimuli_and_nothing_else(a: dict[str, Content]) -> None:
    keys = [comparison_key(content) for content in a.values()]
    repeated = {
        id_
        for id_, content in a.items()
        if comparison_key(content) is not None and keys.count(comparison_key(content)) > 1
    }
    assert {id_ for ids, _ in find_duplicates(a) for id_ in ids} == repeated


def test_many_equal_images_give_few_matches() -> None:
    blank = {str(number): CONTENTS[number % 2] for number in range(3000)}
    others = {f"o{number}": CONTENTS[0] for number in range(1000)}
    assert len(find_matches(blank, others)) == 3000


def test_an_unreadable_file_is_not_a_contradiction() -> None:
    a, b = (
        {"u": CONTENTS[0], "v": CONTENTS[0], "w": CONTENTS[0]},
        {"u": CONTENTS[2], "v": CONTENTS[6], "w": CONTENTS[7]},
    )
    assert [match.kind for match in find_matches(a, b)] == [ID_ONLY, ID_UNREAD, ID_UNREAD]
    assert Overlap.from_contents("a", a, "b", b).contradictions == ["u"]
