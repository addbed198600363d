"""Promises of the stimuli of a set as JSON: what its profile holds, filtered, a page at a time."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.service.service_process import CARNEY, ServiceProcess

STIMULI = f"/api/v1/stimuli/lab/{CARNEY}"


def everything(profiled: ServiceProcess, path: str) -> list[dict[str, Any]]:
    found, following = [], path
    while following:
        page = profiled.get(following).raise_for_status().json()
        found += page["stimuli"]
        following = page["next"]
    assert len(found) == page["total"]
    return found


def test_pages_give_every_stimulus_once_in_the_order_of_the_table(profiled: ServiceProcess) -> None:
    whole = everything(profiled, f"{STIMULI}?limit=1000")
    assert len({one["stimulus_id"] for one in whole}) == len(whole) == 43
    assert everything(profiled, f"{STIMULI}?limit=7") == whole
    assert [one["number"] for one in whole] == sorted(one["number"] for one in whole)


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        (["kind:GaborPatch"], lambda one: one["kind"] == "GaborPatch"),
        (["kind:Gabor*"], lambda one: one["kind"].startswith("Gabor")),
        (["number:10..20"], lambda one: 10 <= one["number"] <= 20),
        (["frequency:"], lambda one: one["frequency"] is None),
        (["frequency:4"], lambda one: one["frequency"] == 4),
        (["number:10..", "number:..20"], lambda one: 10 <= one["number"] <= 20),
        (["kind:GaborPatch", "frequency:..4"], lambda one: one["kind"] == "GaborPatch" and one["frequency"] <= 4),
    ],
)
def test_filters_give_those_stimuli_and_all_of_them(profiled: ServiceProcess, where: list[str], holds: Any) -> None:
    query = "&".join(f"where={quote(one)}" for one in where)
    found = everything(profiled, f"{STIMULI}?{query}&limit=3")
    assert found
    assert found == [one for one in everything(profiled, STIMULI) if holds(one)]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("where=kindd:x", 400, "kind"),
        ("where=kind", 400, "COLUMN:VALUE"),
        ("where=:x", 400, "COLUMN:VALUE"),
        ("where=number:a..b", 400, "number"),
        ("cursor=nonsense", 400, "cursor"),
        ("limit=0", 422, "limit"),
        ("wehre=kind:x", 400, "where"),
    ],
)
def test_what_is_malformed_is_said(profiled: ServiceProcess, query: str, status: int, said: str) -> None:
    answer = profiled.get(f"{STIMULI}?{query}")
    assert answer.status_code == status
    assert said in answer.text


def test_a_cursor_of_another_question_is_refused(profiled: ServiceProcess) -> None:
    following = profiled.get(f"{STIMULI}?where=kind:Gabor*&limit=2").json()["next"]
    cursor = following.partition("cursor=")[2]
    assert profiled.get(f"{STIMULI}?limit=2&cursor={cursor}").json()["error"]["code"] == "bad_cursor"


def test_stimuli_that_are_not_here_are_said_to_be_not(profiled: ServiceProcess) -> None:
    answer = profiled.get("/api/v1/stimuli/brainscore/dicarlo.hvm")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_here")


def test_a_text_with_stars_is_asked_for_exactly(profiled: ServiceProcess) -> None:
    assert everything(profiled, f"{STIMULI}?where=kind:{quote('=Gabor*')}") == []
    assert len(everything(profiled, f"{STIMULI}?where=kind:{quote('=GaborPatch')}")) == 14
