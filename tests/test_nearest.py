"""What a name that does not exist was probably meant to be."""

from brainio.nearest import nearest


def test_a_name_that_contains_or_is_contained_comes_before_one_of_similar_spelling() -> None:
    assert nearest("MAJAJ", ["Magai", "dicarlo.Majaj2015", "Majaj"]) == ["Majaj", "dicarlo.Majaj2015", "Magai"]
    assert nearest("image12", ["", "i", "image1", "age", "image21"]) == ["image1", "age", "i", "image21"]


def test_what_resembles_nothing_gets_no_suggestion() -> None:
    assert nearest("xyz", ["Majaj", "Rust"]) == []
    assert nearest("", ["Majaj", ""]) == []


def test_no_more_are_named_than_asked_for_and_of_many_only_some_are_compared() -> None:
    names = [f"n{number:06d}" for number in range(30_000)]
    assert nearest("n02999", names, most=1) == ["n029990"]
    compared = nearest("n02999x", names, most=2)
    assert len(compared) == 2
    assert max(compared) < "n010000"
