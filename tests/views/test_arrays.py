"""Guarantees of the HTML view of assemblies: a complete summary, without reading large or remote values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import html5lib
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings

import brainio
from brainio.assemblies import DataAssembly, NeuroidAssembly, SpikeTimesAssembly
from brainio.text import printable
from tests.tiers import scaled_examples
from tests.views.pages import SCRIPT, TEXTS, TIMES, parsed, pictures, runs_nothing, stimulus_set, texts

if TYPE_CHECKING:
    from pathlib import Path


def recording(values: Any = None, stimuli: int = 3, **attrs: Any) -> NeuroidAssembly:
    """Three stimuli x two repetitions, four neuroids of two regions and two animals, two time bins."""
    shape = (2 * stimuli, 4, 2)
    return NeuroidAssembly(
        np.arange(np.prod(shape), dtype=float).reshape(shape) if values is None else values,
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", [f"s{number}" for number in range(stimuli)] * 2),
            "repetition": ("presentation", np.repeat([0, 1], stimuli)),
            "neuroid_id": ("neuroid", ["a", "b", "c", "d"]),
            "region": ("neuroid", ["V4", "IT", "IT", "IT"]),
            "animal": ("neuroid", ["Chabo", "Chabo", "Tito", None]),
            "time_bin_start": ("time_bin", [70, 170]),
            "time_bin_end": ("time_bin", [170, 270]),
        },
        attrs={"identifier": "lab.Doe2026", "units": "Hz", "long_name": "firing rate", **attrs},
    )


def lines(page: Any) -> list[list[str]]:
    return [["".join(cell.itertext()).strip() for cell in row] for row in page.iter("tr")]


def test_the_view_shows_dimensions_and_counts() -> None:
    page = parsed_card(recording())
    found = texts(page)
    assert {"NeuroidAssembly", "lab.Doe2026", "in Hz", "presentation 6", "neuroid 4", "time_bin 2", "0 to 47"} <= set(
        found
    )
    assert "3, each presented 2 times" in found
    assert "2 from 70 to 270 ms, 100 ms wide" in found
    assert ["region and animal of neuroid", "Chabo", "Tito", "missing", "all", ""] in lines(page)
    assert ["IT", "1", "1", "1", "3", ""] in lines(page)
    assert ["V4", "1", "", "", "1", ""] in lines(page)


def parsed_card(assembly: xr.DataArray) -> Any:
    """Parse the card alone: xarray's own view below it is not strict HTML."""
    html = assembly._repr_html_()
    assert "xr-wrap" in html
    with xr.set_options(display_style="text"):
        assert assembly._repr_html_().startswith("<pre>")
    return parsed(brainio_html(assembly))


def brainio_html(assembly: xr.DataArray) -> str:
    from brainio.views import array_html

    table = assembly.attrs.get("stimulus_set")
    return array_html(assembly, find=getattr(table, "find_local_path", None))


def test_coordinates_are_summarized_by_dimension() -> None:
    page = lines(parsed_card(recording()))
    assert ["repetition", "integer", "2", f"0 to 1; 0 {TIMES}3, 1 {TIMES}3"] in page
    assert ["region", "text", "2", f"IT {TIMES}3, V4 {TIMES}1"] in page
    assert ["animal", "text", "2", f"Chabo {TIMES}2, Tito {TIMES}1 (1 missing)"] in page


def test_counts_are_those_of_a_selection() -> None:
    it = recording().sel(region="IT")
    assert ["neuroid_id", "text", "3", f"b {TIMES}1, c {TIMES}1, d {TIMES}1"] in lines(parsed_card(it))


def test_the_share_of_missing_values_is_shown() -> None:
    values = np.zeros((6, 4, 2))
    values[:3] = np.nan
    assert "0 to 0, 50 % missing" in texts(parsed_card(recording(values)))


def test_lazy_values_are_not_computed() -> None:
    def fail(block: np.ndarray) -> np.ndarray:
        raise AssertionError("values were computed")

    lazy = da.zeros((6, 4, 2), chunks=(3, 4, 2)).map_blocks(fail, dtype=float, meta=np.zeros((0, 0, 0)))
    found = texts(parsed_card(recording(lazy)))
    assert "float64 384 B lazy, in 2 chunks" in found


def test_an_array_of_10_gigabytes_is_shown() -> None:
    huge = np.broadcast_to(np.float32(0), (2_500_000, 1000))
    assembly = DataAssembly(huge, dims=["presentation", "neuroid"])
    assert "float32 10.0 GB in memory" in texts(parsed(brainio_html(assembly)))


def test_equal_counts_are_a_sentence() -> None:
    subjects = np.repeat(list("abcdefgh"), 5)
    assembly = DataAssembly(np.zeros(40), dims=["presentation"], coords={"subject": ("presentation", subjects)})
    assert "8, each with 5 presentations" in texts(parsed(brainio_html(assembly)))


def test_a_few_stimuli_of_the_whole_set_are_shown(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 30)
    page = parsed_card(recording(stimulus_set=stimuli, stimulus_set_identifier="lab.Doe2026"))
    assert len(pictures(page)) == 8
    titles = [figure.attrib["title"].split(" ")[0] for figure in page.iter("figure")]
    assert titles == ["s0", "s4", "s8", "s12", "s16", "s20", "s24", "s29"]
    assert "lab.Doe2026: 30 stimuli, 1 columns" in texts(page)


@settings(max_examples=scaled_examples(60), deadline=None)
@given(text=TEXTS)
def test_any_text_in_any_coordinate_or_attribute_is_shown_as_text(text: str) -> None:
    assembly = recording(identifier=text, long_name=text, units=text)
    hemisphere = np.array([text] * 4, dtype=object)  # text of numpy's own loses null characters at its end
    assembly = assembly.assign_coords(hemisphere=("neuroid", hemisphere), note=xr.Variable((), np.array(text, object)))
    page = html5lib.parse(brainio_html(assembly), treebuilder="etree", namespaceHTMLElements=False)
    assert runs_nothing(page)
    expected = printable(text)
    assert texts(page).count(expected) >= 2
    assert any(found.startswith(f"{expected} {TIMES}") for found in texts(page))


def test_script_is_text_in_the_view_of_xarray_too() -> None:
    assembly = recording(identifier=SCRIPT).assign_coords({SCRIPT: ("neuroid", [SCRIPT] * 4)})
    assembly.attrs[SCRIPT] = SCRIPT
    assembly.name = SCRIPT
    page = html5lib.parse(assembly._repr_html_(), treebuilder="etree", namespaceHTMLElements=False)
    elements = [element for element in page.iter() if isinstance(element.tag, str)]
    assert not [element for element in elements if element.tag in ("script", "img")]
    assert not [name for element in elements for name in element.attrib if name.startswith("on")]


@pytest.mark.parametrize(
    "assembly",
    [
        DataAssembly(3.0),
        DataAssembly(np.array([], dtype=float), dims=["presentation"]),
        DataAssembly(["a", "b"], dims=["presentation"], coords={"choice": ("presentation", [None, None])}),
        DataAssembly(np.zeros((2, 2)), dims=["x", "y"], coords={"xy": (("x", "y"), np.zeros((2, 2))), "scalar": 1}),
        DataAssembly([1 + 1j], dims=["x"], coords={"when": ("x", np.array(["2026-01-01"], "datetime64[ns]"))}),
        SpikeTimesAssembly([1.0], dims=["event"], coords={"neuroid_id": ("event", ["a"])}),
    ],
    ids=["scalar", "empty", "text", "plane", "complex", "spikes"],
)
def test_assemblies_of_every_kind_are_shown(assembly: DataAssembly) -> None:
    page = parsed(brainio_html(assembly))
    assert type(assembly).__name__ in texts(page)


def test_demo_assemblies_are_shown() -> None:
    spikes = brainio.get_assembly("herz.Rokem2006")
    page = parsed_card(spikes)
    assert "stimulus_onsets (presentation 2)" in texts(page)
    assert len(pictures(page)) == 2
    assert "16, each with 172 presentations" in texts(parsed_card(brainio.get_assembly("modelfest.Carney1999")))
