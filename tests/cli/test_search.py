"""The command `brainio search`."""

import json

import pytest

from tests.cli.command import brainio


def test_search_prints_each_hit_with_its_matches_and_the_line_that_loads_it() -> None:
    done = brainio("search", "macaque", "V1", "natural images", "--kind", "assembly")
    assert (done.returncode, done.stderr) == (0, "")
    summary, header, _, line = done.stdout.splitlines()
    assert summary == "1 entry for 'macaque V1 natural images'"
    assert header.split() == ["identifier", "class", "year", "title", "why", "load"]
    assert line.startswith("tolias.Cadena2017 ")
    assert "title: macaque v1 natural images" in line
    assert line.endswith("brainio.get_assembly('tolias.Cadena2017')")


def test_search_with_json_prints_everything() -> None:
    done = brainio("search", "macaque V1 natural images", "--json")
    found = json.loads(done.stdout)
    assert (found["total"], found["has_all_words"], found["facets"]["year"]) == (2, True, {"2017": 2})
    assert {hit["load"] for hit in found["hits"]} == {
        "brainio.get_stimulus_set('Cadena2017')",
        "brainio.get_assembly('tolias.Cadena2017')",
    }


def test_search_with_facets_prints_only_counts() -> None:
    done = brainio("search", "--region", "IT", "--region", "V2", "--year", "2013-2019", "--facets")
    assert done.returncode == 0, done.stderr
    summary, *lines = done.stdout.splitlines()
    assert summary.endswith("entries")
    facets = dict(line.split(": ", 1) for line in lines)
    assert facets["region"].startswith("IT (15), V2 (13), V1 (")
    assert "dicarlo" in facets["lab"]


def test_search_accepts_all_filters_and_pages() -> None:
    filters = (
        "--species",
        "monkey",
        "--lab",
        "dicarlo",
        "--class",
        "NeuronRecordingAssembly",
        "--catalog",
        "brainscore",
    )
    every = json.loads(brainio("search", *filters, "--json", "--limit", "5").stdout)["hits"]
    assert len(every) > 1
    assert {(hit["lab"], hit["class"], hit["catalog"]) for hit in every} == {
        ("dicarlo", "NeuronRecordingAssembly", "brainscore")
    }
    second = json.loads(brainio("search", *filters, "--json", "--limit", "1", "--offset", "1").stdout)["hits"]
    assert second == every[1:2]
    repeated = json.loads(brainio("search", "--has-repetitions", "--has-reliability", "--json").stdout)["hits"]
    assert [hit["identifier"] for hit in repeated] == ["modelfest.Carney1999"]


def test_an_empty_search_result_is_not_an_error() -> None:
    done = brainio("search", "MajajHnog2015")
    assert (done.returncode, done.stdout) == (0, "0 entries for 'MajajHnog2015'\nDid you mean 'MajajHong2015'?\n")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--region", "V11"], 1, "no entry has the region 'V11'; did you mean 'V1'? Known: IT, V1, V2, V3, V4"),
        (["--kind", "movie"], 1, "Known: assembly, stimulus_set"),
        (["--catalog", "nowhere"], 7, "no catalog 'nowhere' is active"),
        (["--limit", "many"], 2, "--limit"),
    ],
)
def test_an_unknown_filter_value_is_an_error_that_lists_known_values(
    options: list[str], code: int, message: str
) -> None:
    done = brainio("search", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
