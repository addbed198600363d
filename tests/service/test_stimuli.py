"""The stimuli of a set as JSON: rows of its profile, filtered, page by page."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.service.service_process import CARNEY, ServiceProcess, all_pages

STIMULI = f"/api/v1/stimuli/lab/{CARNEY}"


def all_stimuli(profiled: ServiceProcess, path: str) -> list[dict[str, Any]]:
    """Return the stimuli of all pages that follow a path."""
    stimuli = all_pages(profiled, "stimuli", path)
    assert len(stimuli) == profiled.get(path).json()["total"]
    return stimuli


def test_pages_contain_every_stimulus_once_in_the_order_of_the_table(profiled: ServiceProcess) -> None:
    whole = all_stimuli(profiled, f"{STIMULI}?limit=1000")
    assert len({stimulus["stimulus_id"] for stimulus in whole}) == len(whole) == 43
    assert all_stimuli(profiled, f"{STIMULI}?limit=7") == whole
    assert [stimulus["number"] for stimulus in whole] == sorted(stimulus["number"] for stimulus in whole)


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (["kind:GaborPatch"], lambda stimulus: stimulus["kind"] == "GaborPatch"),
        (["kind:Gabor*"], lambda stimulus: stimulus["kind"].startswith("Gabor")),
        (["number:10..20"], lambda stimulus: 10 <= stimulus["number"] <= 20),
        (["frequency:"], lambda stimulus: stimulus["frequency"] is None),
        (["frequency:4"], lambda stimulus: stimulus["frequency"] == 4),
        (["number:10..", "number:..20"], lambda stimulus: 10 <= stimulus["number"] <= 20),
        (
            ["kind:GaborPatch", "frequency:..4"],
            lambda stimulus: stimulus["kind"] == "GaborPatch" and stimulus["frequency"] <= 4,
        ),
    ],
)
def test_filters_return_exactly_the_matching_stimuli(profiled: ServiceProcess, where: list[str], matches: Any) -> None:
    query = "&".join(f"where={quote(condition)}" for condition in where)
    found = all_stimuli(profiled, f"{STIMULI}?{query}&limit=3")
    assert found
    assert found == [stimulus for stimulus in all_stimuli(profiled, STIMULI) if matches(stimulus)]


@pytest.mark.parametrize(
    ("query", "status", "text"),
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
def test_a_malformed_query_is_explained(profiled: ServiceProcess, query: str, status: int, text: str) -> None:
    answer = profiled.get(f"{STIMULI}?{query}")
    assert answer.status_code == status
    assert text in answer.text


def test_a_cursor_of_another_filter_is_refused(profiled: ServiceProcess) -> None:
    following = profiled.get(f"{STIMULI}?where=kind:Gabor*&limit=2").json()["next"]
    cursor = following.partition("cursor=")[2]
    assert profiled.get(f"{STIMULI}?limit=2&cursor={cursor}").json()["error"]["code"] == "bad_cursor"


def test_stimuli_without_local_files_get_a_404(profiled: ServiceProcess) -> None:
    answer = profiled.get("/api/v1/stimuli/brainscore/dicarlo.hvm")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_here")


def test_an_equals_sign_before_a_value_disables_its_wildcards(profiled: ServiceProcess) -> None:
    assert all_stimuli(profiled, f"{STIMULI}?where=kind:{quote('=Gabor*')}") == []
    assert len(all_stimuli(profiled, f"{STIMULI}?where=kind:{quote('=GaborPatch')}")) == 14
