"""Laws of matching contents: symmetric, complete, few, whatever repeats in the sets."""

from hypothesis import given
from hypothesis import strategies as st

from brainio.relations.contents import Content
from brainio.relations.matching import DIFFERENT, UNKNOWN, Match, counts, duplicates, key_of, matches
from brainio.relations.shared import Overlap

# What decodes alike may have other bytes; the same bytes decode alike.
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
    assert {Match(match.b, match.a, match.kind) for match in matches(b, a)} == set(matches(a, b))
    assert {kind: both[::-1] for kind, both in counts(b, a).items()} == counts(a, b)


@given(SETS)
def test_overlap_of_a_set_with_itself_is_complete(a: dict[str, Content]) -> None:
    readable = {one for one, content in a.items() if content.sha1}
    assert {match.a for match in matches(a, a) if match.kind == "bytes" and match.same_id} == readable
    assert [match for match in matches(a, a) if match.kind == DIFFERENT] == []
    if a:
        assert Overlap.of("a", a, "a", a).a.share == len(readable) / len(a)


@given(SETS, SETS)
def test_every_shared_stimulus_is_matched_with_an_equal_one_and_no_other(
    a: dict[str, Content], b: dict[str, Content]
) -> None:
    found = [match for match in matches(a, b) if match.kind in EQUAL]
    keys = {key_of(content) for content in a.values()} & {key_of(content) for content in b.values()} - {None}
    assert {match.a for match in found} == {one for one, content in a.items() if key_of(content) in keys}
    assert {match.b for match in found} == {one for one, content in b.items() if key_of(content) in keys}
    assert all(key_of(a[match.a]) == key_of(b[match.b]) for match in found)
    assert all((match.kind == "bytes") == (a[match.a].sha1 == b[match.b].sha1) for match in found)


@given(SETS, SETS)
def test_matches_of_equals_are_no_more_than_stimuli_and_others_no_more_than_shared_ids(
    a: dict[str, Content], b: dict[str, Content]
) -> None:
    found = matches(a, b)
    assert len(found) == len(set(found))
    equal = [match for match in found if match.kind in EQUAL]
    assert len(equal) <= len(a) + len(b)
    assert len(found) - len(equal) <= len(a.keys() & b.keys())


@given(SETS, SETS)
def test_equal_stimuli_of_one_id_are_matched_with_each_other(a: dict[str, Content], b: dict[str, Content]) -> None:
    kinds = {match.a: match.kind for match in matches(a, b) if match.same_id}
    assert kinds.keys() == a.keys() & b.keys()
    for one, kind in kinds.items():
        assert (kind in EQUAL) == (key_of(a[one]) == key_of(b[one]) is not None)


@given(SETS)
def test_duplicates_are_every_repeat_and_nothing_else(a: dict[str, Content]) -> None:
    keys = [key_of(content) for content in a.values()]
    repeated = {one for one, content in a.items() if key_of(content) is not None and keys.count(key_of(content)) > 1}
    assert {one for ids, _ in duplicates(a) for one in ids} == repeated


def test_many_equal_pictures_make_few_matches() -> None:
    blank = {str(number): CONTENTS[number % 2] for number in range(3000)}
    others = {f"o{number}": CONTENTS[0] for number in range(1000)}
    assert len(matches(blank, others)) == 3000


def test_what_cannot_be_read_is_no_contradiction() -> None:
    a, b = (
        {"u": CONTENTS[0], "v": CONTENTS[0], "w": CONTENTS[0]},
        {"u": CONTENTS[2], "v": CONTENTS[6], "w": CONTENTS[7]},
    )
    assert [match.kind for match in matches(a, b)] == [DIFFERENT, UNKNOWN, UNKNOWN]
    assert Overlap.of("a", a, "b", b).contradictions == ["u"]
