"""What skills, callers and services may say, and what a page of ours may be made to do; two people at once."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import Page, Request

from tests.console.browser.drive import World, settled

PLACES = (
    "",
    "waiting",
    "skills",
    "skills/hostile/about",
    "skills/hostile/utilities",
    "skills/hostile/authority",
    "skills/hostile/try",
    "activity",
    "activity/1",
    "activity/2",
    "usage?metric=calls&by=agent",
    "usage?metric=calls&by=model",
    "keys",
    "agents",
    "skills/spoiled/problems",
)
FOREIGN = """(() => {
  const names = ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "STYLE", "LINK", "BASE", "META", "MATH"];
  const leads = ({ name, value }) => name === "href" && /^\\s*(javascript|data):/i.test(value);
  const acts = (given) => given.name.startsWith("on") || leads(given);
  const foreign = (each) => names.includes(each.tagName) || [...each.attributes].some(acts)
    || (each.tagName === "IMG" && !each.src.startsWith("blob:"));
  const all = [...document.querySelectorAll("main *, nav *")];
  return all.filter(foreign).map((each) => each.outerHTML.slice(0, 120));
})()"""
STEERING = "/[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\u0000-\\u0008\\u001b]/.test(document.body.innerText)"


def no_name_or_text_of_others_becomes_part_of_a_page(world: World) -> None:
    wrong = []
    with world.visitor() as page:
        for path in PLACES:
            world.open(page, path)
            page.wait_for_selector("main:not([data-starting])")
            wrong += [f"{path}: {each}" for each in page.evaluate(FOREIGN)]
            if page.evaluate(STEERING):
                wrong.append(f"{path}: a steering character")
            if page.evaluate("'hit' in window"):
                wrong.append(f"{path}: a script ran")
        world.open(page, "skills/hostile/try?utility=look")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector("#answer:has-text('onerror')")
        wrong += page.evaluate(FOREIGN)
        world.open(page, "activity")
        page.wait_for_selector("text=Live")
        wrong += page.evaluate(FOREIGN)
    assert wrong == []


def markdown_of_others_runs_and_fetches_nothing_even_where_no_policy_is(world: World) -> None:
    asked: list[str] = []
    ran: list[str] = []

    def heard(request: Request) -> None:
        asked.append(request.url)

    made = world.browser.new_context()
    try:
        page = made.new_page()
        page.on("request", heard)
        page.on("dialog", lambda dialog: ran.append(dialog.message))
        for html in world.told["attacks"]:
            page.set_content(f"<main>{html}</main>")
            for element in page.query_selector_all("a, img, svg, p, [id]")[:6]:
                element.dispatch_event("mouseover")
                element.dispatch_event("focus")
            if page.evaluate("'hit' in window || document.scripts.length > 0"):
                ran.append(html)
        assert page.evaluate("2 + 2") == 4, "scripts would run here"
    finally:
        made.close()
    assert (asked, ran) == ([], [])


MADE = """(() => {
  const found = {};
  const tried = (name, act) => {
    try { found[name] = String(act() ?? "done"); } catch (e) { found[name] = e.name; }
  };
  const policy = (name) => { trustedTypes.createPolicy(name, { createHTML: (text) => text }); };
  tried("markup", () => { document.body.innerHTML = "<b>x</b>"; });
  tried("policy", () => policy("mine"));
  tried("again", () => policy("console"));
  tried("address", () => { document.createElement("script").src = "data:,hit=1"; });
  const body = document.body;
  tried("handler", () => { body.setAttribute("onclick", "hit = 1"); body.click(); return "hit" in window; });
  tried("style", () => { body.setAttribute("style", "display: none"); return getComputedStyle(body).display; });
  return found;
})()"""
LOADED = """async (url) => {
  const add = (name, given) => new Promise((done) => {
    const made = Object.assign(document.createElement(name), given);
    made.onload = () => done("loaded");
    made.onerror = () => done("refused");
    document.head.append(made);
  });
  const sent = await fetch(url).then(() => "sent", () => "refused");
  return [await add("link", { rel: "stylesheet", href: url }), sent, await add("img", { src: url })];
}"""


def the_policy_lets_only_our_own_scripts_make_markup(world: World) -> None:
    with world.visitor() as page:
        world.open(page, "skills")
        found: dict[str, Any] = page.evaluate(MADE)
        blocked = page.evaluate(LOADED, "http://127.0.0.1:9/x")
        reports = [each for each in world.unexpected if "Content Security Policy" in each or "Trusted" in each]
        assert len(reports) >= 3
        world.unexpected = [each for each in world.unexpected if each not in reports and "127.0.0.1:9" not in each]
    assert found == {
        "markup": "TypeError",
        "policy": "TypeError",
        "again": "TypeError",
        "address": "TypeError",
        "handler": "TypeError",
        "style": "block",
    }
    assert blocked == ["refused", "refused", "refused"]


def a_typed_token_opens_the_page_and_stays_nowhere(world: World) -> None:
    world.expected = {401}
    here, world.url = world.url, world.told["proxied"]
    token = world.told["token"]
    try:
        with world.visitor(let_in=False) as page:
            sent: list[str] = []
            led: list[str] = []
            page.on("request", lambda request: led.append(request.url) if request.headers.get("referer") else None)
            page.on("request", lambda request: sent.append(json.dumps([request.url, request.headers])))
            page.goto(world.url + "activity")
            page.get_by_label("The operator's token").fill("not this one")
            page.get_by_role("button", name="Open").click()
            page.wait_for_selector("text=This is not the operator's token")
            page.get_by_label("The operator's token").fill(token)
            page.get_by_role("button", name="Open").click()
            page.wait_for_selector("h1:has-text('Activity')")
            kept = page.evaluate(
                "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
            )
            page.reload()
            settled(page)
            page.go_back()
            page.go_forward()
            assert token not in kept + page.content() + "".join(sent) + page.url
            assert led == []
    finally:
        world.url = here


def of_two_browsers_that_answer_at_once_one_counts_and_the_other_is_told(world: World) -> None:
    world.expected = {409}
    with world.visitor() as mine, world.visitor(let_in=False) as yours:
        yours.goto(world.link())
        yours.wait_for_selector("main h1")
        for _ in range(3):
            entry = world.ask()
            for page in (mine, yours):
                world.open(page, f"waiting/{entry}")
                page.wait_for_selector("button[data-decides]:not([disabled])")
            yours.click("summary:has-text('No…')")
            told = [
                page.evaluate(
                    """(word) => { const form = [...document.querySelectorAll('form[data-send]')].find((each) =>
                      each.elements.decision?.value === word && !each.elements["minutes:json"]);
                      form.requestSubmit(form.querySelector('[data-decides]')); }""",
                    word,
                )
                for page, word in ((mine, "yes"), (yours, "no"))
            ]
            assert told == [None, None]
            for page in (mine, yours):
                page.wait_for_selector("main:not([aria-busy]):not(:has(button[data-decides]))")
            late = [page for page in (mine, yours) if page.locator("text=You came second").count()]
            states = [_state(page, world, entry) for page in (mine, yours)]
            assert len(late) <= 1
            assert states[0] == states[1]
            assert states[0] in ("approved", "denied")
            if late:
                assert " by " in late[0].inner_text(".note.warn")


def _state(page: Page, world: World, entry: str) -> str:
    found: str = page.evaluate(
        """async ([url, entry]) => {
          const headers = { "X-Console-Key": localStorage.getItem("agentos.console.key") };
          return (await (await fetch(`${url}../api/waiting/${entry}`, { headers })).json()).state;
        }""",
        [world.url, entry],
    )
    return found


def a_tab_from_before_an_upgrade_says_so_and_goes_on(world: World) -> None:
    world.expected = {404}
    with world.visitor() as page:
        world.open(page, "skills")
        page.route("**/try.js", lambda route: route.fulfill(status=404, body="{}", content_type="application/json"))
        page.click("tr.opens:has-text('Forms')")
        page.wait_for_selector("text=Load it again")
        page.unroute("**/try.js")
        page.get_by_role("button", name="Load it again").click()
        page.wait_for_selector("button[data-do=run]:enabled")
        page.evaluate("localStorage.setItem('agentos.console.key', 'of-a-session-that-ended')")
        world.expected = {401}
        page.click("nav >> text=Keys")
        page.wait_for_selector("text=The session of this browser has ended")


SCENARIOS: Mapping[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        no_name_or_text_of_others_becomes_part_of_a_page,
        markdown_of_others_runs_and_fetches_nothing_even_where_no_policy_is,
        the_policy_lets_only_our_own_scripts_make_markup,
        a_typed_token_opens_the_page_and_stays_nowhere,
        of_two_browsers_that_answer_at_once_one_counts_and_the_other_is_told,
        a_tab_from_before_an_upgrade_says_so_and_goes_on,
    )
}
