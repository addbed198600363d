"""Promises of stimulus sets: filtered by any column, paged through, each stimulus with what was recorded with it."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.lab_data import HELD, IMAGES, OBJECTS, SCENES
from tests.browser.visitor import SET, STIMULUS, Visitor

ALL = IMAGES + 3


def choose(page: Page, column: str, value: str) -> None:
    """Filter by the form."""
    page.get_by_label("Column", exact=True).select_option(column)
    page.get_by_label("is", exact=True).fill(value)
    page.get_by_role("button", name="Filter").click()


def tiles(page: Page) -> Locator:
    return page.locator("#sheet .tile")


@pytest.mark.parametrize("script", [True, False])
def test_stimuli_are_filtered_by_words_and_ranges_together(visit: Visit, script: bool) -> None:
    visitor = visit(java_script_enabled=script)
    page = visitor.page
    visitor.goto(SET)
    words = page.locator("#sheet").get_by_role("status")
    choose(page, "object_name", "c*")
    expect(words).to_have_text("44 of 133 stimuli with object_name c*")
    choose(page, "contrast", "0.2..0.7")
    expect(words).to_have_text(re.compile(r"^\d+ of 133 stimuli with object_name c\* and contrast 0\.2\.\.0\.7$"))
    expect(page).to_have_url(re.compile(r"where=object_name%3Ac%2A&where=contrast%3A0\.2\.\.0\.7"))
    for caption in tiles(page).locator("figcaption").all_inner_texts():
        found = re.fullmatch(r"object_name (car|chair)\s+contrast ([\d.]+)", caption)
        assert found is not None, caption
        assert 0.2 <= float(found[2]) <= 0.7
    page.get_by_role("link", name="Remove filter object_name c*").click()
    expect(page.get_by_role("list", name="Active filters").get_by_role("listitem")).to_have_count(1)


def test_a_column_that_is_filtered_again_is_filtered_by_the_new_value(visitor: Visitor) -> None:
    visitor.goto(f"{SET}?where=object_name:car")
    choose(visitor.page, "object_name", "dog")
    expect(visitor.page.locator("#sheet").get_by_role("status")).to_have_text("22 of 133 stimuli with object_name dog")


def test_missing_values_are_filtered_by_leaving_the_field_empty(visitor: Visitor) -> None:
    visitor.goto(SET)
    choose(visitor.page, "object_name", "")
    expect(tiles(visitor.page)).to_have_count(3)
    expect(visitor.page.locator("#sheet").get_by_role("status")).to_have_text("3 of 133 stimuli with no object_name")


def test_a_set_is_paged_through_forth_and_back(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(SET)
    seen = page.locator("#sheet .name").all_inner_texts()
    for number in (2, 3):
        page.get_by_role("link", name="Next").click()
        expect(page.locator("#sheet .pager")).to_contain_text(f"Page {number} of 3")
        expect(page).to_have_url(re.compile(f"page={number}"))
        seen += page.locator("#sheet .name").all_inner_texts()
    assert len(seen) == len({*seen}) == ALL
    page.go_back()
    expect(page.locator("#sheet .pager")).to_contain_text("Page 2 of 3")
    expect(tiles(page).first).to_contain_text(seen[48])
    page.go_back()
    expect(page.locator("#sheet .pager")).to_contain_text("Page 1 of 3")
    page.go_forward()
    expect(page.locator("#sheet .pager")).to_contain_text("Page 2 of 3")
    page.get_by_role("link", name="Previous").click()
    expect(tiles(page).first).to_contain_text(seen[0])


def test_filters_stay_on_the_next_page(visitor: Visitor) -> None:
    visitor.goto(f"{SET}?where=contrast:0.3..")
    visitor.page.get_by_role("link", name="Next").click()
    expect(visitor.page).to_have_url(re.compile(r"where=contrast%3A0\.3\.\..*page=2"))
    expect(visitor.page.get_by_role("link", name="Remove filter contrast 0.3..")).to_be_visible()


@pytest.mark.parametrize("column", ["object_name", "size_degrees", "contrast"])
def test_every_bar_of_a_column_leads_to_the_stimuli_that_it_counts(visitor: Visitor, column: str) -> None:
    visitor.goto(SET)
    article = visitor.page.locator("#columns article", has=visitor.page.get_by_role("heading", name=column, exact=True))
    bars = {
        str(bar.get_attribute("href")): int(str(bar.get_attribute("aria-label")).rpartition(": ")[2])
        for bar in article.locator("svg a").all()
    }
    assert sum(bars.values()) == IMAGES
    for href, count in bars.items():
        api = href.partition("#")[0].replace("/stimulus_set/", "/api/v1/stimuli/")
        assert httpx.get(f"{visitor.url}{api}", timeout=20).json()["total"] == count, href
    article.locator("svg a").first.click()
    expect(visitor.page.get_by_role("list", name="Active filters")).to_contain_text(column)


def test_every_kind_of_stimulus_has_its_picture_or_its_words(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"{SET}?page=3")
    for name in ("scene129", "tone", "clip"):
        picture = page.locator("#sheet .tile", has_text=name).locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 50, name
    expect(page.locator("#sheet .tile", has_text="sentence")).to_contain_text("The horse raced past the barn fell.")


def test_the_tile_of_a_long_text_shows_its_beginning(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"{SET}?page=3")
    words = page.locator("#sheet .tile", has_text="sentence").locator(".note")
    words.evaluate("element => { element.textContent = 'a long text '.repeat(100) }")
    frame, text = (
        one.bounding_box() for one in (page.locator("#sheet .tile", has_text="sentence").locator(".frame"), words)
    )
    assert frame is not None
    assert text is not None
    assert text["height"] > frame["height"]
    assert text["y"] >= frame["y"]


def test_a_stimulus_has_its_own_page_with_all_its_columns(visitor: Visitor) -> None:
    visitor.goto(SET)
    visitor.page.get_by_role("link", name="scene003").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("scene003")
    facts = dict(
        zip(visitor.page.locator("dt").all_inner_texts(), visitor.page.locator("dd").all_inner_texts(), strict=True)
    )
    assert list(facts) == ["stimulus_id", "filename", "object_name", "contrast", "size_degrees", "background"]
    assert (facts["filename"], facts["object_name"]) == ("scene003.png", OBJECTS[3])
    visitor.page.get_by_role("link", name=OBJECTS[3], exact=True).click()
    expect(visitor.page.locator("#sheet").get_by_role("status")).to_have_text("22 of 133 stimuli with object_name dog")


def test_stimuli_lead_to_those_before_and_after(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"/stimulus/lab/{SCENES}?id=scene000")
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("scene001")
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("scene000")
    page.get_by_role("link", name="All stimuli").click()
    expect(page).to_have_url(re.compile(r"#stimuli$"))


def test_a_stimulus_names_every_assembly_with_its_response(visitor: Visitor) -> None:
    visitor.goto(STIMULUS)
    rows = visitor.page.locator("#used tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text=HELD)).to_contain_text("data under embargo")
    told = rf"{SCENES}\s*4\s*[\d.]+ spikes/s\s*firing rate\s*\d+ of {ALL}"
    expect(rows.filter(has_text=SCENES)).to_have_text(re.compile(told))
    visitor.page.get_by_role("link", name=SCENES, exact=True).last.click()
    expect(visitor.page).to_have_url(re.compile(f"/assembly/lab/{SCENES}$"))


@pytest.mark.parametrize(
    ("where", "said"),
    [("objct_name:car", "'object_name'"), ("contrast:much", "'much' is not a number"), ("car", "COLUMN:VALUE")],
)
def test_a_filter_that_cannot_be_is_explained(visitor: Visitor, where: str, said: str) -> None:
    answer = visitor.goto_error(f"{SET}?where={where}")
    assert answer.status == 400
    expect(visitor.page.locator("header.entry")).to_contain_text(said)


def test_a_filter_that_cannot_be_is_explained_where_it_was_typed(visitor: Visitor) -> None:
    visitor.goto(SET)
    visitor.expects_errors = True
    choose(visitor.page, "contrast", "much")
    expect(visitor.page.locator(".lead")).to_contain_text("'much' is not a number")
    visitor.page.go_back()
    expect(tiles(visitor.page)).to_have_count(48)
