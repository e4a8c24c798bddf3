"""Every button of every page is pressed, and does what it says; the last scenario looks for one that was not."""

import csv
import io
import json
from collections.abc import Callable, Mapping

from playwright.sync_api import Page

from tests.console.browser.drive import World
from tests.console.browser.scenarios import PAGES

NAME = """((each) => each.textContent.trim().replace(/\\d[\\d,]*/g, "N").replace(/\\s+/g, " "))"""
NAMES = f"""() => [...document.querySelectorAll(
  "main :is(button, summary, a.button, [role=tab]), nav button")].map({NAME})"""
LISTEN = f"""addEventListener("click", ({{ target }}) => {{
  const each = target.closest?.("button, summary, a.button, [role=tab]");
  if (each) pressed({NAME}(each));
}}, true);"""
PRESSED: set[str] = set()
DATA = {"May go to https://api.example.com", "…"}
"""Names that hold data of others, and are pressed under another name."""


def watched(page: Page) -> Page:
    page.context.expose_binding("pressed", lambda _, name: PRESSED.add(name))
    page.add_init_script(LISTEN)
    return page


def saved(page: Page, name: str) -> str:
    """What the button of this name saves."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    text: str = download.value.path().read_text(encoding="utf-8")
    return text


def lists_are_filtered_walked_and_saved(world: World) -> None:
    with world.visitor() as page:
        watched(page)
        world.open(page, "")
        page.get_by_role("link", name="See the line").click()
        page.wait_for_selector("mark")
        world.open(page, "")
        page.get_by_role("link", name="Look and decide").first.click()
        page.wait_for_selector("h1:has-text('Waiting')")
        world.open(page, "activity")
        page.get_by_role("link", name="Older calls").click()
        page.wait_for_selector("main:not(:has(#live)) tbody tr")
        world.open(page, "activity")
        page.get_by_label("Agent").select_option("night-batch")
        page.wait_for_selector("a.button:has-text('Clear')")
        rows = [*csv.DictReader(io.StringIO(saved(page, "CSV")))]
        assert {row["agent"] for row in rows} == {"night-batch"}
        assert [row["agent"] for row in json.loads(saved(page, "JSON"))["rows"]] == ["night-batch"] * len(rows)
        page.get_by_role("link", name="Clear").click()
        page.wait_for_selector("main:not(:has(a.button:has-text('Clear')))")
        page.locator("tbody tr a.cell").first.click()
        page.get_by_role("link", name="Open in Try").click()
        page.wait_for_selector("#call")
        world.open(page, "usage?metric=calls")
        sums = [*csv.DictReader(io.StringIO(saved(page, "CSV")))]
        page.click("summary:has-text('Per day')")
        told = page.locator("table[aria-label='Per day'] tfoot td").first.inner_text()
        assert sum(int(row["calls"]) for row in sums) == int(told.replace(",", ""))
        for name in ("Tokens", "by agent", "90 days", "Errors", "Cost", "by skill", "7 days", "Calls"):
            page.locator("main nav").get_by_role("link", name=name).click()
            page.wait_for_selector(f"main nav [aria-current]:has-text('{name}')")
        world.open(page, "skills?q=zzz")
        page.get_by_role("button", name="Search").click()
        page.wait_for_selector("text=No skill has these words")
        world.open(page, "skills/forms/utilities")
        page.locator("summary").first.click()
        page.wait_for_selector("main details[open] table")


def try_has_a_button_for_each_way_to_call(world: World) -> None:
    with world.visitor(permissions=["clipboard-write", "clipboard-read"]) as page:
        watched(page)
        world.open(page, "skills/forms/try?utility=every_kind")
        page.wait_for_selector("button[data-do=run]:enabled")
        page.get_by_role("tab", name="JSON").click()
        page.get_by_role("tab", name="Form").click()
        page.click("summary:has-text('optional')")
        page.click("text=Add to labels")
        page.get_by_role("button", name="Remove entry 1").click()
        assert page.locator(".entry").count() == 0
        for name in ("Python", "JavaScript", "CLI", "MCP", "curl"):
            page.get_by_role("tab", name=name).click()
        page.get_by_role("button", name="Copy").click()
        page.wait_for_selector("button:has-text('Copied')")
        assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#same")
        world.open(page, "skills/forms/try?utility=talk")
        page.wait_for_selector("button[data-do=run]:enabled")
        page.get_by_role("button", name="Stream").click()
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("#answer-about:has-text('stopped')")
        world.open(page, "skills/forms/try?utility=look")
        page.wait_for_selector("text=It takes no params")
        for name in ("Dry run", "Explain", "Run"):
            page.get_by_role("button", name=name, exact=True).click()
            page.wait_for_selector("#answer[aria-busy=false]:not(:text-is('…'))")


def keys_are_set_tried_and_removed_and_an_approval_is_taken_back_and_given(world: World) -> None:
    with world.visitor() as page:
        watched(page)
        world.open(page, "keys")
        page.locator("summary:has-text('May go to')").first.click()
        page.wait_for_selector("text=the key in header")
        for name in ("Set", "Replace"):
            page.locator("summary", has_text=name).first.click()
            page.locator("input[type=password]").first.fill("sk-typed-canary-43")
            page.get_by_role("button", name="Store").first.click()
            page.wait_for_selector("summary:has-text('Replace')")
        page.get_by_role("button", name="Try it").first.click()
        page.wait_for_selector("text=It works.")
        page.click("summary:has-text('Remove')")
        page.get_by_role("button", name="Remove the key").click()
        page.wait_for_selector("summary:has-text('Remove')", state="detached")
        world.open(page, "skills/forms/authority")
        page.click("summary:has-text('Take it back')")
        page.get_by_role("button", name="Take the approval back").click()
        page.get_by_role("button", name="Approve all of this").click()
        page.wait_for_selector("summary:has-text('Take it back')")


def agents_are_given_tokens_and_stopped(world: World) -> None:
    with world.visitor(permissions=["clipboard-write", "clipboard-read"]) as page:
        watched(page)
        world.open(page, "agents")
        page.click("summary:has-text('New token')")
        page.get_by_label("Name of the agent").fill("pressed")
        page.get_by_role("button", name="Make a token").click()
        page.get_by_role("button", name="Copy").click()
        assert page.evaluate("navigator.clipboard.readText()").startswith("agentos_")
        page.get_by_role("button", name="I have it").click()
        entry = page.locator("#agent-pressed")
        entry.locator("summary", has_text="Stop").click()
        entry.get_by_role("button", name="Stop this agent").click()
        entry.get_by_role("button", name="Let it go on").click()
        entry.locator("summary", has_text="Remove token").click()
        entry.get_by_role("button", name="Remove the token").click()
        page.wait_for_selector("#agent-pressed", state="detached")


def each_answer_to_a_call_that_waits_is_taken(world: World) -> None:
    with world.visitor(permissions=["notifications"]) as page:
        watched(page)
        world.open(page, "waiting")
        page.get_by_role("button", name="Tell me on this computer").click()
        page.get_by_role("button", name="Do not tell me on this computer").click()
        page.get_by_role("button", name="Tell me on this computer").wait_for()
        page.locator("summary:has-text('unfold to say yes')").first.click()
        ready = "button[data-decides]:not([disabled])"
        for name in ("Yes, once", "No", "Yes for 15 minutes"):
            world.open(page, f"waiting/{world.ask()}")
            page.wait_for_selector(ready, state="attached")
            if name != "Yes, once":
                page.click(f"summary:has-text('{name}')")
            page.get_by_role("button", name=name, exact=True).click()
            page.wait_for_selector("main:not(:has(button[data-decides]))")
        page.get_by_role("button", name="End").click()
        page.wait_for_selector("main:not(:has(button:text-is('End')))")


def a_call_that_runs_stands_there_at_once_and_turns_when_it_ends(world: World) -> None:
    with world.visitor() as page:
        watched(page)
        world.open(page, "activity?agent=console&skill=forms")
        page.wait_for_selector("#live:has-text('Live')")
        other = page.context.new_page()
        world.open(other, "skills/forms/try?utility=talk")
        other.wait_for_selector("button[data-do=run]:enabled")
        other.get_by_role("button", name="Stream").click()
        other.wait_for_selector("#answer:has-text('one two')")
        page.bring_to_front()
        row = "tbody tr:first-child:has-text('talk')"
        page.wait_for_selector(f"{row}[data-open]:has-text('running')")
        page.evaluate("document.querySelector('tbody tr:first-child a').focus()")
        other.get_by_role("button", name="Stop").click()
        page.wait_for_selector(f"{row}:not([data-open]):has-text('cancelled')")
        assert page.evaluate("document.activeElement.closest('tr') === document.querySelector('tbody tr')")


def no_button_of_any_page_was_left_out(world: World) -> None:
    world.expected = {404, 401}
    found: dict[str, str] = {}
    with world.visitor() as page:
        watched(page)
        for path in PAGES:
            world.open(page, path)
            page.wait_for_selector("main:not([data-starting])")
            found |= dict.fromkeys(page.evaluate(NAMES), path)
        world.open(page, "")
        page.get_by_role("button", name="Lock").click()
        page.wait_for_selector("text=Console locked")
    left_out = {name: path for name, path in found.items() if name not in PRESSED | DATA}
    assert left_out == {}, json.dumps(left_out)


SCENARIOS: Mapping[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        lists_are_filtered_walked_and_saved,
        try_has_a_button_for_each_way_to_call,
        keys_are_set_tried_and_removed_and_an_approval_is_taken_back_and_given,
        agents_are_given_tokens_and_stopped,
        each_answer_to_a_call_that_waits_is_taken,
        a_call_that_runs_stands_there_at_once_and_turns_when_it_ends,
        no_button_of_any_page_was_left_out,
    )
}
