"""What a person does in the console, and what must come of it. Each name is a sentence."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.console.browser.drive import World, settled, violations

PAGES = (
    "",
    "skills",
    "skills?q=zzz",
    "skills/forms/try?utility=every_kind",
    "skills/forms/about",
    "skills/forms/utilities",
    "skills/forms/authority",
    "skills/forms/cases",
    "skills/spoiled",
    "skills/hostile/about",
    "activity",
    "activity?agent=nobody",
    "activity/1",
    "usage",
    "keys",
    "agents",
    "waiting",
    "nowhere",
)
IN_THE_DARK = ("", "skills/forms/try?utility=every_kind", "skills/spoiled", "activity", "usage", "agents")
"""Pages that have every colour and box."""
WIDER = """[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && !e.closest('.scroll, pre, .tabs')).slice(0, 4).map(e => `${e.tagName} ${e.className}`)"""


def a_link_lets_in_and_leaves_no_trace(world: World) -> None:
    with world.visitor(let_in=False) as page:
        link = world.link()
        page.goto(link)
        page.wait_for_selector("main h1")
        assert page.title().endswith("Home – agentos")
        assert page.url == world.url
        ticket = link.partition("#")[2]
        stored = page.evaluate(
            "JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie + history.length"
        )
        assert ticket not in stored
        page.reload()
        settled(page)
        assert page.title().endswith("Home – agentos")


def a_browser_that_was_not_let_in_is_told_what_to_do(world: World) -> None:
    world.expected = {401}
    with world.visitor(let_in=False) as page:
        page.goto(world.url + "skills")
        page.wait_for_selector("text=Console locked")
        assert page.inner_text("main").count("agentos console") == 1
        assert violations(page) == []
        page.goto(world.url + "login#" + "x" * 32)
        page.wait_for_selector("text=does not open this console")
        page.evaluate(f"location.href = {json.dumps(world.link())}")
        page.wait_for_selector("text=Needs you")


def lock_locks_every_tab_of_the_browser(world: World) -> None:
    world.expected = {401}
    with world.visitor(let_in=False) as page:
        page.goto(world.link())
        page.wait_for_selector("main h1")
        other = page.context.new_page()
        other.goto(world.url + "skills")
        settled(other)
        page.click("text=Lock")
        page.wait_for_selector("text=Console locked")
        other.wait_for_selector("text=Console locked")
        other.reload()
        other.wait_for_selector("text=Console locked")
        assert page.evaluate("localStorage.getItem('agentos.console.key')") is None


def every_page_is_whole_in_both_colours_and_widths(world: World) -> None:
    world.expected = {404}
    wrong = []
    for scheme, width in (("light", 1280), ("dark", 360)):
        with world.visitor(color_scheme=scheme, viewport={"width": width, "height": 800}) as page:
            for path in PAGES:
                world.open(page, path)
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wrong.append(f"{path} at {width}: wider than the window: {page.evaluate(WIDER)}")
                if scheme == "light" or path in IN_THE_DARK:
                    wrong += [f"{path} {scheme} {width}: {each}" for each in violations(page)]
    assert wrong == [], "\n".join(wrong)


def pages_follow_each_other_by_links_rows_keys_and_back(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "")
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        page.click("nav >> text=Skills")
        page.wait_for_selector("h1:has-text('Skills')")
        page.wait_for_selector("h1:focus")
        assert page.get_attribute("nav [aria-current=page]", "data-section") == "skills"
        page.click("tr.opens:has-text('Forms')")
        page.wait_for_selector("h1:has-text('Forms')")
        page.click(".tabs >> text=About")
        page.wait_for_selector("text=before you")
        assert page.url.endswith("/console/skills/forms/about")
        page.go_back()
        page.wait_for_selector("text=Utility")
        page.go_back()
        page.wait_for_selector("h1:has-text('Skills')")
        page.go_forward()
        page.wait_for_selector("h1:has-text('Forms')")
        world.open(page, "skills")
        page.fill("input[name=q]", "every kind of param")
        page.press("input[name=q]", "Enter")
        page.wait_for_selector("text=1 skill found")
        assert page.url.endswith("skills?q=every+kind+of+param")


def form_and_json_are_one_value_and_run_calls_with_it(world: World) -> None:
    world.expected = {400}
    with world.visitor() as page:
        world.open(page, "skills/forms/try?utility=every_kind")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".wrong")
        assert page.get_attribute("*:focus", "aria-invalid") == "true"
        assert "invalid_params" in page.inner_text("#answer")
        page.get_by_label("title").fill("A title")
        page.get_by_label("kind").select_option(label="task")
        page.click("summary:has-text('optional')")
        page.get_by_label("count").fill("12345678901234567890")
        page.get_by_label("level").select_option(label="2.5")
        page.get_by_label("private").select_option(label="false")
        page.click("text=Add to labels")
        page.keyboard.type("one")
        page.click("text=Add to labels")
        page.keyboard.type("two")
        page.get_by_label("extra").fill('{"a": [1, null]}')
        page.set_input_files("input[type=file]", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hi"})
        page.wait_for_selector("text=2 bytes")
        page.get_by_role("tab", name="JSON").click()
        told = page.input_value("#json")
        assert '"count": 12345678901234567890' in told, told
        value = json.loads(told)
        file = {"data": "aGk=", "filename": "a.txt", "content_type": "text/plain"}
        assert value == {
            "title": "A title",
            "kind": "task",
            "labels": ["one", "two"],
            "count": 12345678901234567890,
            "level": 2.5,
            "private": False,
            "extra": {"a": [1, None]},
            "attachment": file,
        }
        value["title"], value["labels"] = "Changed", ["three"]
        page.fill("#json", json.dumps(value))
        page.get_by_role("tab", name="Form").click()
        assert page.get_by_label("title").input_value() == "Changed"
        assert page.locator("legend:has-text('labels') ~ .nest input").count() == 1
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector("#answer:has-text('hello')")
        assert page.inner_text("#answer-about").startswith("200 in ")


def the_same_call_stands_in_five_languages(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "skills/forms/try?utility=look")
        page.wait_for_selector("text=It takes no params")
        said = {}
        for name in ("curl", "Python", "JavaScript", "CLI", "MCP"):
            page.get_by_role("tab", name=name).click()
            said[name] = page.inner_text("#same")
        assert f"'{world.url.removesuffix('console/')}api/skills/forms/look'" in said["curl"]
        assert said["CLI"] == "agentos call forms look --json '{}'"
        assert "urllib.request" in said["Python"]
        assert "await fetch(" in said["JavaScript"]
        assert '"name": "forms_look"' in said["MCP"]
        assert world.told["canary"] not in page.content()
        page.get_by_role("tab", name="MCP").press("ArrowRight")
        page.wait_for_selector(":focus:text-is('curl')")


def dry_run_and_explain_show_what_is_sent_without_the_key(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "skills/forms/try?utility=look")
        page.wait_for_selector("text=It takes no params")
        page.get_by_role("button", name="Dry run").click()
        page.wait_for_selector("#answer:has-text('/things')")
        assert world.told["canary"] not in page.inner_text("#answer")
        page.get_by_role("button", name="Explain").click()
        page.wait_for_selector("#answer:has-text('stages')")
        assert world.told["canary"] not in page.inner_text("#answer")


def an_agents_token_is_shown_once_and_an_agent_is_stopped(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "agents")
        page.click("summary:has-text('New token')")
        page.get_by_label("Name of the agent").fill("cursor")
        page.get_by_role("button", name="Make a token").click()
        page.wait_for_selector("text=shown this once")
        token = page.inner_text(".note pre")
        assert token.startswith("agentos_")
        page.get_by_role("button", name="I have it").click()
        page.wait_for_selector("text=has a token")
        assert token not in page.content()
        page.locator(".item:has-text('cursor')").get_by_text("Stop", exact=True).click()
        page.get_by_role("button", name="Stop this agent").click()
        page.wait_for_selector(".tag:has-text('stopped')")
        page.get_by_role("button", name="Let it go on").click()
        page.wait_for_selector(".tag:has-text('stopped')", state="detached")


def a_key_is_typed_in_and_never_seen_again(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "keys")
        page.locator("summary:has-text('Set')").first.click()
        page.locator("input[type=password]").first.fill("sk-typed-canary-42")
        page.get_by_role("button", name="Store").first.click()
        page.wait_for_selector("summary:has-text('Remove')")
        assert "sk-typed-canary" not in page.content()
        page.click("summary:has-text('Remove')")
        page.get_by_role("button", name="Remove the key").click()
        page.wait_for_selector("summary:has-text('Remove')", state="detached")


def calls_appear_as_they_are_made_in_every_tab_over_one_stream(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "activity?agent=live")
        page.wait_for_selector("text=Live")
        tabs = [page.context.new_page() for _ in range(7)]
        for tab in tabs:
            world.open(tab, "activity?agent=live")
        call = """([url, agent]) => fetch(url, {method: "POST", headers: {"X-Agent": agent,
          "Content-Type": "application/json", "X-Console-Key": localStorage.getItem("agentos.console.key")},
          body: "{}"}).then((answer) => answer.status)"""
        url = world.url.removesuffix("console/") + "api/skills/forms/look"
        tabs[-1].bring_to_front()
        for _ in range(30):
            assert tabs[-1].evaluate(call, [url, "live"]) == 200
        assert tabs[-1].evaluate(call, [url, "other"]) == 200
        tabs[-1].wait_for_selector("tbody tr:nth-child(30)")
        assert tabs[-1].locator("tbody tr").count() == 30
        numbers = tabs[-1].evaluate("[...document.querySelectorAll('tbody tr')].map(row => Number(row.dataset.id))")
        assert numbers == sorted(set(numbers), reverse=True)
        assert "other" not in tabs[-1].inner_text("tbody")
        tabs[-1].wait_for_selector("tbody tr[data-open]", state="detached")
        tabs[-1].locator("tbody tr a.cell").first.click()
        tabs[-1].wait_for_selector("text=Open in Try")


def behind_a_proxy_that_strips_a_path_everything_works(world: World) -> None:
    here, world.url = world.url, world.told["proxied"]
    try:
        with world.visitor(let_in=False) as page:
            page.goto(world.link().replace(here, world.url))
            page.wait_for_selector("text=Needs you")
            assert page.url == world.url
            page.click("nav >> text=Skills")
            page.wait_for_selector("h1:has-text('Skills')")
            page.click("tr.opens:has-text('Forms')")
            page.wait_for_selector("h1:has-text('Forms')")
            assert page.url == world.url + "skills/forms"
            world.open(page, "skills/forms/try?utility=look")
            page.wait_for_selector("text=It takes no params")
            page.get_by_role("button", name="Run", exact=True).click()
            page.wait_for_selector("#answer:has-text('hello')")
            page.click("nav >> text=Activity")
            page.wait_for_selector("text=Live")
    finally:
        world.url = here


def what_waits_is_shown_whole_and_answered(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "")
        page.wait_for_selector("text=asker wants forms/every_kind")
        assert page.title() == "(2) Home – agentos"
        page.get_by_role("link", name="Look and decide").first.click()
        page.wait_for_selector("h1:has-text('Waiting')")
        assert violations(page) == []
        yes = page.get_by_role("button", name="Yes, once")
        assert yes.is_disabled()
        page.click("summary:has-text('unfold to say yes')")
        page.wait_for_selector("button[data-decides]:has-text('Yes, once'):not([disabled])")
        yes.press("Enter")
        assert yes.is_visible()
        yes.click()
        page.wait_for_selector("text=not begun yet")
        world.open(page, "waiting")
        page.click("summary:has-text('No…')")
        page.fill("textarea[name=reason]", "Not on a Saturday")
        page.wait_for_selector("button.danger:not([disabled])")
        page.click("button.danger")
        page.wait_for_selector("text=Not on a Saturday")
        assert page.title() == "Waiting – agentos"


def any_value_of_any_schema_goes_through_the_form_unchanged(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "skills/forms/try?utility=look")
        wrong: list[Any] = page.evaluate(
            """async ([module, cases]) => {
              const { makeForm } = await import(module);
              const wrong = [];
              for (const [schema, value] of cases) {
                const form = makeForm(schema, () => {});
                document.body.append(form.element);
                form.set(value);
                const same = JSON.stringify(sorted(form.get())) === JSON.stringify(sorted(value));
                if (!same) wrong.push([schema, value, form.get()]);
                form.element.remove();
              }
              function sorted(each) {
                if (Array.isArray(each)) return each.map(sorted);
                if (each === null || typeof each !== "object") return each;
                return Object.keys(each).sort().map((name) => [name, sorted(each[name])]);
              }
              return wrong.slice(0, 3);
            }""",
            [script_address(page, "form.js"), world.told["cases"]],
        )
        assert wrong == [], json.dumps(wrong)


def what_a_schema_does_not_describe_is_seen_and_changed_as_json(world: World) -> None:
    item = {"type": "object", "properties": {"role": {"type": ["string", "null"]}}}
    example = [{"role": "user", "content": "Hello"}]
    schema = {
        "type": "object",
        "properties": {
            "messages": {"type": "array", "items": item, "examples": [example]},
            "place": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}},
        },
    }
    value = {"messages": example, "place": {"city": None, "height": 170}, "beside": [1]}
    with world.visitor() as page:
        world.open(page, "skills/forms/try?utility=look")
        page.evaluate(
            """async ([module, schema, value]) => {
              const { makeForm } = await import(module);
              window.form = makeForm(schema, () => {});
              document.querySelector("main").replaceChildren(form.element);
              form.set(value);
            }""",
            [script_address(page, "form.js"), schema, value],
        )
        assert page.evaluate("form.get()") == value
        assert '"content": "Hello"' in page.locator(".entry textarea").input_value()
        page.get_by_label("others").first.fill('{"height": 171}')
        page.click("text=Add to messages")
        assert "content" in str(page.locator(".entry textarea").last.get_attribute("placeholder"))
        page.locator(".entry textarea").last.fill('{"role": "assistant"}')
        assert page.evaluate("form.get()") == value | {
            "messages": [*example, {"role": "assistant"}],
            "place": {"city": None, "height": 171},
        }


def script_address(page: Page, name: str) -> str:
    address: str = page.evaluate("document.querySelector('script[type=module]').src")
    return address.replace("console.js", name)


SCENARIOS: dict[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        a_link_lets_in_and_leaves_no_trace,
        a_browser_that_was_not_let_in_is_told_what_to_do,
        lock_locks_every_tab_of_the_browser,
        behind_a_proxy_that_strips_a_path_everything_works,
        every_page_is_whole_in_both_colours_and_widths,
        pages_follow_each_other_by_links_rows_keys_and_back,
        form_and_json_are_one_value_and_run_calls_with_it,
        the_same_call_stands_in_five_languages,
        dry_run_and_explain_show_what_is_sent_without_the_key,
        an_agents_token_is_shown_once_and_an_agent_is_stopped,
        a_key_is_typed_in_and_never_seen_again,
        calls_appear_as_they_are_made_in_every_tab_over_one_stream,
        what_waits_is_shown_whole_and_answered,
        any_value_of_any_schema_goes_through_the_form_unchanged,
        what_a_schema_does_not_describe_is_seen_and_changed_as_json,
    )
}
