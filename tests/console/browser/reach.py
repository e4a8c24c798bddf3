"""Who cannot use a mouse or sees little; other ports of this machine; and what a stream looks like in Try."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import BrowserContext

from tests.console.browser.drive import PATIENCE, World, settled, violations

FOCUSABLE = "a[href], button:not([disabled]), input, select, textarea, summary, [tabindex='0']"
FOCUSED = """(() => { const e = document.activeElement, s = getComputedStyle(e);
  return [(e.innerText || e.getAttribute("aria-label") || e.name || e.id).trim().split("\\n")[0],
          s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2]; })()"""
IN_ORDER = """(selector) => [...document.querySelectorAll(selector)]
  .filter((e) => e.tabIndex >= 0 && e.checkVisibility())
  .filter((e) => !(e.closest("details:not([open])") && e.tagName !== "SUMMARY"))
  .map((e) => (e.innerText || e.getAttribute("aria-label") || e.name || e.id).trim().split("\\n")[0])"""


def at_200_percent_everything_is_there_and_nothing_is_cut(world: World) -> None:
    wrong = []
    with world.visitor(viewport={"width": 640, "height": 400}, device_scale_factor=2) as page:
        for path in ("", "waiting", "skills/forms/try?utility=every_kind", "activity", "usage", "keys", "agents"):
            world.open(page, path)
            if page.evaluate("document.documentElement.scrollWidth") > 640:
                wrong.append(path)
        page.click("nav >> text=Agents")
        page.wait_for_selector("h1:has-text('Agents')")
    assert wrong == []


def nothing_moves_for_who_asked_for_that(world: World) -> None:
    moving = "document.querySelector('tbody tr').classList.add('new'), document.getAnimations().length"
    for wish, moves in (("reduce", False), ("no-preference", True)):
        with world.visitor(reduced_motion=wish) as page:
            world.open(page, "activity")
            assert (page.evaluate(moving) > 0) is moves


def the_keyboard_alone_leads_everywhere_in_the_order_of_the_page(world: World) -> None:
    with world.visitor() as page:
        for path in ("", "skills/forms/try?utility=every_kind", "agents"):
            world.open(page, path)
            page.evaluate("document.body.tabIndex = -1; document.body.focus()")
            page.keyboard.press("Tab")
            assert page.evaluate(FOCUSED)[0].startswith("Skip"), "first the link that skips the navigation"
            expected = page.evaluate(IN_ORDER, FOCUSABLE)
            found = []
            for _ in expected:
                found.append(page.evaluate(FOCUSED))
                page.keyboard.press("Tab")
            assert [name for name, _ in found] == expected, path
            assert [name for name, outlined in found if not outlined] == []
        world.open(page, "")
        page.get_by_role("link", name="Skills", exact=True).press("Enter")
        page.wait_for_selector("h1:has-text('Skills')")
        page.get_by_role("link", name="Forms").press("Enter")
        page.wait_for_selector("h1:has-text('Forms')")
        page.get_by_label("Utility").press("End")
        page.wait_for_selector("text=It takes no params")
        page.get_by_role("button", name="Run", exact=True).press("Enter")
        page.wait_for_selector("#answer:has-text('hello')")
        world.open(page, "agents")
        page.locator("summary", has_text="New token").press("Enter")
        page.get_by_label("Name of the agent").press_sequentially("by-keys")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=shown this once")


def what_opens_over_a_page_closes_by_escape_and_the_focus_goes_back(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "agents")
        opener = page.locator("summary", has_text="New token")
        opener.press("Enter")
        page.wait_for_selector("#agent:focus")
        page.keyboard.press("Escape")
        page.wait_for_selector("summary:focus:has-text('New token')")
        page.wait_for_selector(".pop[open]", state="detached")
        opener.click()
        page.wait_for_selector("#agent:focus")
        page.get_by_role("heading", name="Agents").click()
        page.wait_for_selector(".pop[open]", state="detached")
        page.evaluate("document.body.tabIndex = -1; document.body.focus()")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#main:focus")  # by the link that skips the navigation


def who_hears_the_page_is_told_and_stays_where_they_were(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "agents")
        entry = page.locator(".item", has_text="night-batch")
        entry.locator("summary", has_text="Stop").press("Enter")
        entry.get_by_role("button", name="Stop this agent").press("Enter")
        page.wait_for_selector(".item:has-text('night-batch') .tag:has-text('stopped')")
        page.wait_for_selector("#status:has-text('Stopped.')", state="attached")
        page.wait_for_selector("#agent-night-batch :focus")
        page.keyboard.press("Enter")
        page.wait_for_selector(".item:has-text('night-batch') .tag:has-text('stopped')", state="detached")
        page.wait_for_selector("#status:has-text('It may call again.')", state="attached")
        world.open(page, "skills/forms/try?utility=look")
        page.wait_for_selector("text=It takes no params")
        page.get_by_role("button", name="Run", exact=True).press("Enter")
        page.wait_for_selector("#status:has-text('200 in')", state="attached")
        assert page.get_attribute("#status", "role") == "status"
        assert page.locator("[aria-live=assertive]").count() == 0


STATES: tuple[tuple[str, str | None], ...] = (
    ("keys", "summary.button"),
    ("agents", "summary.button >> nth=1"),
    ("waiting", "summary:has-text('No…') >> nth=0"),
    ("waiting", "summary:has-text('unfold')"),
    ("usage?metric=calls", "summary:has-text('Per day')"),
    ("skills/forms/try?utility=every_kind", "summary:has-text('optional')"),
    ("skills/forms/authority", "summary.button"),
    ("activity?agent=nobody", None),
    ("activity?since=yesterday", None),
)
"""Pages, and what is opened there."""
SEEN = """(() => {
  const canvas = getComputedStyle(document.body).backgroundColor;
  return [...document.querySelectorAll(".key, .meter .used, .chart rect")].filter((each) => {
    const style = getComputedStyle(each), colour = each instanceof SVGElement ? style.fill : style.backgroundColor;
    return each.getClientRects().length && each.className !== "key" && colour === canvas;
  }).length;
})()"""
CUT = """(() => {
  const cut = (each) => {
    const { width, right } = each.getBoundingClientRect();
    const boxed = getComputedStyle(each).display !== "inline" && each.scrollWidth > each.clientWidth + 1;
    return width && !each.closest(".scroll, pre") && (boxed || right > innerWidth + 1);
  };
  const all = [...document.querySelectorAll("main :is(th, td, .what, .tag, button, dd)")];
  return all.filter(cut).map((each) => `${each.tagName} ${each.textContent.trim().slice(0, 40)}`);
})()"""


def what_is_opened_is_whole_for_everybody_in_any_colours(world: World) -> None:
    world.expected = {400}
    wrong = []
    forms: tuple[tuple[str, int, str], ...] = (
        ("light", 360, "none"),
        ("dark", 1280, "none"),
        ("light", 1280, "active"),
    )
    for scheme, width, forced in forms:
        size = {"width": width, "height": 800}
        with world.visitor(color_scheme=scheme, forced_colors=forced, viewport=size) as page:
            for path, opened in STATES:
                world.open(page, path)
                page.wait_for_selector("main:not([data-starting])")
                if opened:
                    page.locator(opened).first.click()
                form = f"{path} {opened} {scheme} {width} {forced}"
                wrong += [f"{form}: {each}" for each in violations(page)]
                wrong += [f"{form}: cut: {each}" for each in page.evaluate(CUT)]
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wrong.append(f"{form}: wider than the window")
                if page.evaluate(SEEN):
                    wrong.append(f"{form}: as dark as its ground")
    assert wrong == [], "\n".join(wrong)


def a_stream_is_shown_as_it_comes_and_can_be_stopped(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "skills/forms/try?utility=talk")
        page.wait_for_selector("text=It takes no params")
        page.get_by_role("button", name="Stream").click()
        page.wait_for_selector("#answer:has-text('one two')")
        assert page.inner_text("#answer-about") == "streaming"
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("#answer-about:has-text('stopped')")
        assert page.inner_text("#answer").startswith("one two")
        page.get_by_role("button", name="Stream").wait_for()


# ------------------------------------------------------------------ other ports


class Port(ThreadingHTTPServer):
    """Another port of this machine: what cookies it is sent, and what it answers."""

    daemon_threads = True
    page = "<!doctype html><title>other</title>"
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Other)
        self.cookies: list[str] = []


class _Other(BaseHTTPRequestHandler):
    server: Port

    def do_GET(self) -> None:
        if self.path.startswith("/console"):
            self.server.cookies.append(self.headers.get("Cookie", ""))
        self.send_response(200)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    do_POST = do_GET  # noqa: N815 - a name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def port() -> Iterator[Port]:
    with Port() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def browsing(given: World) -> Iterator[BrowserContext]:
    made = given.browser.new_context()
    made.set_default_timeout(PATIENCE)
    try:
        yield made
    finally:
        made.close()


def cookies_are_no_matter_of_ports_and_storage_is(world: World) -> None:
    """Why the console has no cookie. When a browser changes any of it, this tells."""
    with port() as ours, port() as other, browsing(world) as visited:
        page = visited.new_page()
        here, there = (f"http://127.0.0.1:{each.server_port}/console" for each in (ours, other))
        ours.headers = (("Set-Cookie", "key=ours; HttpOnly; SameSite=Strict; Path=/console"),)
        page.goto(here)
        page.evaluate("localStorage.setItem('key', 'ours')")
        page.goto(there)
        assert other.cookies == ["key=ours"], "received by another port"
        assert page.evaluate("localStorage.getItem('key')") is None
        ours.headers, other.headers = (), (("Set-Cookie", "key=theirs; Path=/console"),)
        page.goto(there)
        page.goto(here)
        assert ours.cookies[-1] == "key=theirs", "overwritten by another port"
        other.headers = (("Set-Cookie", "key=longer; Path=/console/deep"),)
        page.goto(there + "/deep")
        page.goto(here + "/deep")
        assert ours.cookies[-1] == "key=longer; key=theirs", "shadowed by a longer path"
        other.headers = tuple(("Set-Cookie", f"c{number}=x; Path=/console") for number in range(200))
        page.goto(there)
        page.goto(here)
        assert "key=" not in ours.cookies[-1], "pushed out by many"
        other.headers, other.page = (), f"<!doctype html><script src='{here}/asked-by-a-script'></script>"
        page.goto(there)
        assert "c199=x" in ours.cookies[-1], "sent along with what another port's page asks for"
        other.headers, other.page = (("Clear-Site-Data", '"cookies"'),), Port.page
        page.goto(there)
        page.goto(here)
        assert ours.cookies[-1] == "", "deleted by another port"
        assert page.evaluate("localStorage.getItem('key')") == "ours"


ATTACKS = """async ([page, api]) => {
  const found = {};
  const tried = async (name, act) => { try { found[name] = await act(); } catch { found[name] = "failed"; } };
  const asked = (url, given) => async () => (await fetch(url, given)).text();
  const post = (given) => ({ method: "POST", credentials: "include", body: '{"agent": "planted"}', ...given });
  const agents = api + "operator/agents";
  await tried("simple", asked(agents, post({ mode: "no-cors" })));
  await tried("text", asked(agents, post({ headers: { "Content-Type": "text/plain" } })));
  await tried("key", asked(agents, post({ headers: { "X-Console-Key": "x" } })));
  await tried("page", asked(page, { headers: { Accept: "text/x-fragment" } }));
  await tried("events", asked(page + "events"));
  await tried("module", () => import(page + "static/x/console.js").then(() => "loaded"));
  const add = (name, given) => document.body.appendChild(Object.assign(document.createElement(name), given));
  const frame = add("iframe", { src: page });
  await new Promise((done) => { frame.onload = done; });
  await tried("frame", () => frame.contentWindow.document.title);
  add("iframe", { name: "sink" });
  const form = add("form", { method: "POST", action: agents, target: "sink", enctype: "text/plain" });
  form.append(Object.assign(document.createElement("input"), { name: '{"agent": "planted", "x": "', value: '"}' }));
  form.submit();
  window.theirs = window.open(page);
  return found;
}"""


def another_port_of_this_machine_gets_nothing_and_does_nothing(world: World) -> None:
    world.expected = {401, 403, 404}
    with port() as other, world.visitor() as page:
        world.open(page, "agents")
        page.context.remove_listener("page", world._watch)
        foreign = page.context.new_page()
        foreign.goto(f"http://127.0.0.1:{other.server_port}/")
        api = world.url.removesuffix("console/") + "api/"
        with page.context.expect_page() as popped:
            found: dict[str, Any] = foreign.evaluate(ATTACKS, [world.url, api])
        let_in = popped.value
        let_in.wait_for_selector("h1:has-text('Home')")
        assert {
            name: found[name] for name in ("text", "key", "page", "events", "module", "frame")
        } == dict.fromkeys(("text", "key", "page", "events", "module", "frame"), "failed"), json.dumps(found)
        assert foreign.evaluate("theirs.closed") is True, "the opener has lost it"
        assert let_in.evaluate("opener") is None
        assert [each.url for each in foreign.frames[1:] if "console.js" in each.content()] == []
        let_in.close()
        page.reload()
        settled(page)
        assert "planted" not in page.content()


CALLING = """const headers = { "X-Agent": agent, "Content-Type": "application/json",
    "X-Console-Key": localStorage.getItem("agentos.console.key") };"""
NUMBERS = f"""async ([api, agent]) => {{ {CALLING}
  const answer = await fetch(`${{api}}activity?limit=1000&agent=${{agent}}`, {{ headers }});
  return (await answer.json()).rows.map((row) => row.id);
}}"""
CALL = f"""async ([api, agent]) => {{ {CALLING}
  return (await fetch(`${{api}}skills/forms/look`, {{ method: "POST", body: "{{}}", headers }})).status;
}}"""
STORM = f"""async ([api, agent, calls]) => {{ {CALLING}
  const seen = new Set(), table = document.querySelector("tbody");
  window.storm = {{ seen, most: 0 }};
  new MutationObserver((changes) => {{
    const added = changes.flatMap((change) => [...change.addedNodes]);
    for (const row of added.filter((each) => each.dataset?.id)) seen.add(row.dataset.id);
    window.storm.most = Math.max(window.storm.most, table.rows.length);
  }}).observe(table, {{ childList: true }});
  const some = async () => {{
    while (calls-- > 0) await fetch(`${{api}}skills/forms/look`, {{ method: "POST", headers, body: "{{}}" }});
  }};
  await Promise.all([some(), some(), some(), some()]);
}}"""


def many_calls_are_each_shown_once_and_a_hundred_kept(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "activity?agent=storm")
        page.wait_for_selector("#live:has-text('Live')")
        calls, api = int(world.told["storm"]), world.url.removesuffix("console/") + "api/"
        page.evaluate(STORM, [api, "storm", calls])
        made: list[int] = page.evaluate(NUMBERS, [api, "storm"])
        assert len(made) == calls
        page.wait_for_selector(f"tbody tr:first-child[data-id='{made[0]}']")
        page.wait_for_selector("tbody:not(:has(tr[data-open]))")
        shown = page.evaluate("[...document.querySelectorAll('tbody tr')].map((row) => Number(row.dataset.id))")
        assert shown == made[:100]
        assert (page.evaluate("storm.seen.size"), page.evaluate("storm.most")) == (calls, min(calls, 100))


def the_activity_goes_on_when_the_server_was_started_anew(world: World) -> None:
    """The last one: who comes after would look for the server that was."""
    here, world.url, world.expected = world.url, world.told["proxied"], {502}
    try:
        with world.visitor(let_in=False) as page:
            page.goto(world.link().replace(here, world.url))
            page.wait_for_selector("text=Needs you")
            world.open(page, "activity?agent=after")
            page.wait_for_selector("#live:has-text('Live')")
            api = world.url.removesuffix("console/") + "api/"
            page.evaluate(CALL, [api, "after"])
            page.wait_for_selector("tbody tr:nth-child(1):not([data-open])")
            urlopen(world.told["restart"]).close()
            page.evaluate(CALL, [api, "after"])
            page.wait_for_selector("tbody tr:nth-child(2):not([data-open])")
            page.wait_for_selector("#live:has-text('Live')")
            assert page.locator("tbody tr").count() == 2
    finally:
        world.url = here


SCENARIOS: Mapping[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        at_200_percent_everything_is_there_and_nothing_is_cut,
        nothing_moves_for_who_asked_for_that,
        the_keyboard_alone_leads_everywhere_in_the_order_of_the_page,
        what_opens_over_a_page_closes_by_escape_and_the_focus_goes_back,
        who_hears_the_page_is_told_and_stays_where_they_were,
        what_is_opened_is_whole_for_everybody_in_any_colours,
        a_stream_is_shown_as_it_comes_and_can_be_stopped,
        cookies_are_no_matter_of_ports_and_storage_is,
        another_port_of_this_machine_gets_nothing_and_does_nothing,
        many_calls_are_each_shown_once_and_a_hundred_kept,
        the_activity_goes_on_when_the_server_was_started_anew,
    )
}
