"""The pages as the server writes them: what stands there, in every form, and nothing of others as markup."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.console.conftest import CANARY, Opened, opened
from tests.console.elements import Elements
from tests.server.client import ask

EVERY_PAGE = (
    "",
    "skills",
    "skills?q=nothing-has-this",
    "skills/forms",
    "skills/forms/about",
    "skills/forms/utilities",
    "skills/forms/authority",
    "skills/forms/cases",
    "skills/forms/try?utility=look",
    "skills/hostile/about",
    "skills/hostile",
    "skills/hostile/utilities",
    "skills/hostile/authority",
    "skills/spoiled",
    "skills/spoiled/problems",
    "activity",
    "activity?agent=nobody",
    "keys",
    "agents",
    "nowhere",
    "skills/none",
    "activity/999999",
)
SCRIPTABLE = frozenset(("script", "iframe", "object", "embed", "style", "link", "meta", "base", "math"))


def text(console: Opened, key: str, path: str, **headers: str) -> str:
    return console.page(path, key, **headers).body.decode()


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_no_page_has_markup_of_others_or_a_key_or_a_link_that_is_not_relative(
    console: Opened, key: str, path: str
) -> None:
    page = console.page(path, key)
    assert page.status in (200, 404)
    html = page.body.decode()
    found = Elements(html)
    assert found.names & SCRIPTABLE == set()
    assert [name for _, name in found.attributes if name.startswith("on") or name == "style"] == []
    assert [link for link in found.links if link.startswith(("/", "javascript:", "data:"))] == []
    assert CANARY not in html
    assert key not in html
    assert "\u202e" not in html


def test_names_of_others_are_shown_as_they_are_written(console: Opened, key: str) -> None:
    html = text(console, key, "skills/hostile")
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "\\u202etxet neddih" in html


def test_a_page_that_is_not_there_says_so_and_leads_home(console: Opened, key: str) -> None:
    page = console.page("skills/none", key)
    assert page.status == 404
    assert 'role="alert"' in page.body.decode()


def test_a_broken_skill_shows_the_line_and_the_mistake(console: Opened, key: str) -> None:
    html = text(console, key, "skills/spoiled")
    assert "<mark>&#34;http//api.example.com/now&#34;</mark>" in html
    assert "spoiled/readme.md:8:30" in html


def test_what_a_skill_asks_for_stands_there_in_words(console: Opened, key: str) -> None:
    for path in ("skills/forms/authority", "keys"):
        html = text(console, key, path)
        assert "the key in header" in html, path
        assert "header:" not in html


def test_home_tells_what_needs_its_owner_with_the_way_to_the_fix(console: Opened, key: str) -> None:
    html = text(console, key, "")
    assert "Spoiled is broken" in html
    assert 'href="./skills/spoiled/problems"' in html


def test_a_call_stands_on_home_in_the_activity_and_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()
        assert "No call yet" in text(it, key, "")
        assert "No call yet" in text(it, key, "activity")
        ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": "night-batch"})
        ask(it, "POST", "/api/skills/forms/every_kind", {}, {"X-Agent": "night-batch"})
        for path in ("", "activity", "activity?agent=night-batch&skill=forms"):
            html = text(it, key, path)
            assert html.count('<tr class="opens"') == 2, path
            assert "invalid params" in html
        assert "No call matches these filters" in text(it, key, "activity?outcome=cancelled")
        html = text(it, key, "activity/2")
        assert "The params do not match what the utility declares." in html
        assert "The agent that called can mend it." in html
        assert '"../skills/forms/try?utility=every_kind"' in html
        assert "night-batch" in text(it, key, "agents")


@pytest.mark.parametrize("name", ["quiet/../cursor", "../agents/cursor", "a/b", "a?b#c", "%2e%2e", "<b>/"])
def test_who_stops_an_agent_stops_that_one_whatever_it_calls_itself(tmp_path: Path, name: str) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()

        def called(agent: str) -> int:
            return ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": agent}).status

        called("cursor")
        called(name)
        sent = [unescape(each) for each in re.findall('data-send="POST ([^"]+/stop)"', text(it, key, "agents"))]
        (asked,) = (each for each in sent if each != "api/operator/agents/cursor/stop")
        where = urljoin("http://console/", asked).removeprefix("http://console")
        assert ask(it, "POST", where, {}, {"X-Console-Key": key}).json["agent"] == name
        assert (called(name), called("cursor") == 403) == (403, False)


def test_a_name_that_is_no_part_of_an_address_is_stopped_by_a_command(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": ".."})
        html = text(it, it.let_in(), "agents")
        assert "<code>agentos agents stop ..</code>" in html
        assert "/stop" not in html


def test_times_are_in_the_zone_of_the_browser_and_in_utc_where_that_is_unknown(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()
        ask(it, "POST", "/api/skills/forms/look", {})
        assert "+05:30" in text(it, key, "activity", **{"X-Console-Zone": "Asia/Kolkata"})
        for odd in ("", "Nowhere/Land", "../../etc/passwd", "\x00", "x" * 3000):
            page = text(it, key, "activity", **{"X-Console-Zone": odd.replace("\x00", "%00")})
            assert "times in UTC" in page


def test_a_filter_that_cannot_be_read_is_an_error_of_the_page(console: Opened, key: str) -> None:
    page = console.page("activity?since=yesterday", key)
    assert page.status == 400
    assert page.body.decode().count("must be a time") == 1


def test_a_ledger_that_cannot_be_read_is_said_on_the_page(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()
        ask(it, "POST", "/api/skills/forms/look", {})
        with closing(sqlite3.connect(it.home / "activity.db")) as database, database:
            database.execute("ALTER TABLE activity RENAME TO elsewhere")
        page = it.page("activity", key)
        assert page.status == 500
        assert "The activity ledger cannot be read" in page.body.decode()


def test_a_key_is_stored_from_the_page_for_the_places_that_it_showed(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()
        html = text(it, key, "keys")
        authority = html.partition('name="authority" value="')[2].partition('"')[0]
        body = {"fields": {"auth_key": "sk-new-canary-987654"}, "authority": authority}
        done = ask(it, "POST", "/api/operator/credentials/forms/default", body, {"X-Console-Key": key})
        assert done.status == 200, done.json
        after = text(it, key, "keys")
        assert "sk-new" not in after
        assert "Remove the key" in after


def test_a_start_without_the_console_loads_neither_templates_nor_markdown() -> None:
    libraries = "{'jinja2', 'markdown_it', 'nh3'}"
    import_all = f"import sys, agentos_runtime.server.server; print(sorted({libraries} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", import_all], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
