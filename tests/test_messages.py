"""Messages show no classes and objects of libraries, no temporary paths, and correct plurals."""

from pathlib import Path

import pytest

import brainio
from brainio.errors import BrainioError, TransferError, UnsafeFileError
from brainio.stores import parse_location, read_whole
from brainio.text import nearest, some
from brainio.validation.report import unreadable_assembly
from tests.servers import closed_port

LIBRARY_INTERNALS = ("object at 0x", "Max retries", "HTTPConnectionPool", "HTTPConnection(", "PosixPath")


def message_of(location: str) -> str:
    with pytest.raises(TransferError) as caught:
        read_whole(parse_location(location), 100)
    return str(caught.value)


def test_a_refused_connection_is_described_without_objects_of_libraries() -> None:
    message = message_of(f"http://127.0.0.1:{closed_port()}/a.csv")
    assert "did not answer: " in message
    assert "Connection refused" in message
    assert not [part for part in LIBRARY_INTERNALS if part in message]


def test_an_unknown_host_is_described_without_objects_of_libraries() -> None:
    message = message_of("http://no-such-host.invalid/a.csv")
    assert not [part for part in LIBRARY_INTERNALS if part in message], message


def test_paths_in_messages_are_texts() -> None:
    assert some([Path("a.csv"), "b.csv"]) == "'a.csv', 'b.csv'"


def test_an_unsafe_file_is_not_to_be_trusted() -> None:
    problem = unreadable_assembly(Path("a.nc"), UnsafeFileError("a.nc has external storage"))
    assert problem.fix.startswith("do not trust the file")
    assert "do not trust" not in unreadable_assembly(Path("a.nc"), OSError("cut short")).fix


def test_an_unknown_catalog_lists_the_active_catalogs() -> None:
    with pytest.raises(BrainioError, match=r"no catalog 'zz' is active \(active catalogs: "):
        brainio.get_catalog("zz")


def test_a_name_that_contains_or_is_contained_comes_before_one_of_similar_spelling() -> None:
    assert nearest("MAJAJ", ["Magai", "dicarlo.Majaj2015", "Majaj"]) == ["Majaj", "dicarlo.Majaj2015", "Magai"]
    assert nearest("image12", ["", "i", "image1", "age", "image21"]) == ["image1", "age", "i", "image21"]


def test_a_name_without_similar_names_gets_no_suggestion() -> None:
    assert nearest("xyz", ["Majaj", "Rust"]) == []
    assert nearest("", ["Majaj", ""]) == []


def test_the_number_of_suggestions_and_comparisons_is_limited() -> None:
    names = [f"n{number:06d}" for number in range(30_000)]
    assert nearest("n02999", names, most=1) == ["n029990"]
    compared = nearest("n02999x", names, most=2)
    assert len(compared) == 2
    assert max(compared) < "n010000"
