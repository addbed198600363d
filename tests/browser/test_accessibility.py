"""Pages for all readers: screen readers, the keyboard, small and dark windows, large text, and paper."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.visitor import ASSEMBLY, SET, STIMULUS, WIDE, Visitor


def test_every_page_has_its_own_title(visitor: Visitor) -> None:
    titles = []
    for name in ("front", "found", "catalog", "stimulus set", "assembly", "stimulus", "sign in"):
        visitor.open(name)
        titles.append(visitor.page.title())
    assert len({*titles}) == len(titles)


def test_the_first_tab_stop_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(SET)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("path", ["/", SET, ASSEMBLY, STIMULUS])
def test_the_keyboard_reaches_everything_in_order_with_a_visible_focus(visitor: Visitor, path: str) -> None:
    page = visitor.page
    visitor.goto(path)
    reached: list[int] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        position, is_visible = page.evaluate(
            """() => {
              const active = document.activeElement, style = getComputedStyle(active);
              const all = document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']");
              return [[...all].indexOf(active), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        if position < 0:
            break
        assert is_visible, page.evaluate("document.activeElement.outerHTML")
        reached.append(position)
    assert reached == sorted(reached)
    assert len(reached) > 5


def test_stimuli_are_filtered_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(SET)
    page.get_by_label("Column", exact=True).focus()
    page.keyboard.type("object")
    page.keyboard.press("Tab")
    page.keyboard.type("dog")
    page.keyboard.press("Enter")
    expect(page.locator("#sheet").get_by_role("status")).to_contain_text("with object_name dog")
    page.get_by_role("link", name="Remove filter object_name dog").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sheet").get_by_role("status")).to_have_text("133 stimuli: 1 to 48")


def test_screen_readers_announce_the_number_of_results(visitor: Visitor) -> None:
    visitor.goto("/")
    status = visitor.page.get_by_role("status")
    expect(status).to_have_attribute("id", "result-count")
    before = status.inner_text()
    visitor.page.get_by_role("searchbox").press_sequentially("locust")
    expect(status).not_to_have_text(before)


def test_pages_follow_the_color_scheme_of_the_system(open_window: OpenWindow) -> None:
    for scheme, is_dark in (("light", False), ("dark", True)):
        visitor = open_window(color_scheme=scheme)
        visitor.goto(ASSEMBLY)
        colours = visitor.page.evaluate(
            "['body', 'main > section'].map(name => getComputedStyle(document.querySelector(name)).backgroundColor)"
        )
        for colour in colours:
            assert (sum(map(int, re.findall(r"\d+", colour)[:3])) < 200) is is_dark


def test_pages_have_no_animations_with_reduced_motion(open_window: OpenWindow) -> None:
    visitor = open_window(reduced_motion="reduce")
    visitor.goto(SET)
    moving = visitor.page.evaluate(
        """[...document.querySelectorAll("*")].filter(element => {
          const style = getComputedStyle(element);
          return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
        }).length"""
    )
    assert moving == 0


def test_printed_pages_have_the_data_and_no_buttons(visitor: Visitor) -> None:
    visitor.goto(ASSEMBLY)
    visitor.page.emulate_media(media="print")
    expect(visitor.page.locator("#data")).to_be_visible()
    expect(visitor.page.locator("#load code").first).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Copy")).to_have_count(0)
    expect(visitor.page.get_by_role("searchbox")).to_be_hidden()


def test_pages_fit_the_window_at_a_zoom_of_400_percent(open_window: OpenWindow) -> None:
    visitor = open_window(width=WIDE // 4, device_scale_factor=4)
    for path in ("/", SET, ASSEMBLY):
        visitor.goto(path)
        assert visitor.overflow() == 0
