"""Reading cards: a missing, malformed or slow card is a warning and delays nothing for long."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from brainio.catalogs import Entry, cards
from brainio.catalogs.cards import card_bytes, card_location, forget_cards, read_card
from brainio.errors import CatalogError, CatalogWarning
from tests.servers import HttpFolder

ENTRY = Entry("lab", "assembly", "lab.Doe2026", (), card="cards/a.json")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def accept() -> None:
            try:
                while True:
                    connections.append(server.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in connections:
            connection.close()


def web(server: HttpFolder) -> Entry:
    (server.folder / "cards").mkdir()
    (server.folder / "cards" / "a.json").write_text('{"shape": [1]}')
    return replace(ENTRY, base=server.url)


def test_an_entry_without_a_card_has_an_empty_card() -> None:
    assert read_card(replace(ENTRY, card="")) == {}


def test_a_remote_card_is_requested_once(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")
    entry = web(http_folder)
    assert read_card(entry) == {"shape": [1]}
    (http_folder.folder / "cards" / "a.json").write_text('{"shape": [2]}')
    assert read_card(entry) == {"shape": [1]}
    forget_cards()
    assert read_card(entry) == {"shape": [2]}


def test_a_local_card_is_always_current(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    for shape in ([1], [2]):
        (tmp_path / "cards" / "a.json").write_bytes(card_bytes({"shape": shape}))
        assert read_card(replace(ENTRY, base=str(tmp_path))) == {"shape": shape}


DEEP = b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}"
NO_CARDS = [None, b"", b"[1]", b"\xff", b"[" * 100_000, b'"' + b"x" * 2**21 + b'"']
# Values that JSON parsers accept but cannot write again, and deep nesting.
NO_CARDS += [b'{"mean": 1e999}', b'{"mean": [-1e999]}', b'{"mean": NaN}', b'{"a": "\\ud800"}', b'{"\\udfff": 1}', DEEP]


@pytest.mark.parametrize("body", NO_CARDS)
def test_an_invalid_card_is_left_out_with_a_warning(body: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    if body is not None:
        (tmp_path / "cards" / "a.json").write_bytes(body)
    with pytest.warns(CatalogWarning, match=r"card of assembly 'lab.Doe2026' of catalog 'lab' cannot be read"):
        assert read_card(replace(ENTRY, base=str(tmp_path))) == {}


def test_every_card_that_is_read_can_be_written(tmp_path: Path) -> None:
    body = b'{"a": 1, "a": 2, "b": ' + b"9" * 4000 + b', "c": "\\ud83d\\ude00", "d": ' + b"[" * 48 + b"]" * 48 + b"}"
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "a.json").write_bytes(body)
    card = read_card(replace(ENTRY, base=str(tmp_path)))
    assert (card["a"], card["c"]) == (2, "😀")
    assert json.loads(card_bytes(card)) == card


def test_a_server_that_never_answers_costs_one_short_timeout(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")
    monkeypatch.setattr(cards, "_PATIENCE", 0.2)
    entry = replace(ENTRY, base=silent_server)
    with pytest.warns(CatalogWarning, match="did not arrive within"):
        assert read_card(entry) == {}
    monkeypatch.setattr(cards, "_PATIENCE", 3600.0)
    started = time.monotonic()
    with pytest.warns(CatalogWarning, match="did not arrive within"):
        assert read_card(entry) == {}
    assert time.monotonic() - started < 3600


def test_a_remote_card_is_left_out_silently_offline(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    assert read_card(web(http_folder)) == {}
    assert len(recwarn) == 0


def test_every_entry_has_a_unique_card_location() -> None:
    places = {
        card_location(kind, name, version)
        for kind in ("assembly", "stimulus_set")
        for name in ("lab.A", "lab.A2")
        for version in ("", "2")
    }
    assert len(places) == 8


@pytest.mark.parametrize("version", ["a/b", "@", "..\\x"])
def test_a_version_that_cannot_name_a_file_is_refused(version: str) -> None:
    with pytest.raises(CatalogError, match="the version"):
        card_location("assembly", "lab.A", version)


def test_json_holds_text_of_all_scripts_and_no_nan() -> None:
    assert "日本語" in card_bytes({"a": "日本語"}).decode()
    with pytest.raises(ValueError, match="JSON"):
        card_bytes({"a": float("nan")})
