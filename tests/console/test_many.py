"""Very many skills, keys, utilities and agents: pages stay small, and nothing is lost."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from time import time

import pytest

from agentos_runtime.console.pages.agents import MOST as AGENTS
from agentos_runtime.console.pages.keys import MOST as KEYS
from agentos_runtime.console.pages.skills import MOST as SKILLS
from agentos_runtime.console.pages.skills import MOST_UTILITIES as UTILITIES
from agentos_runtime.console.pages.usage import MOST as USERS
from tests.console.conftest import Opened, opened
from tests.security.support import until
from tests.server.client import ask

LARGEST = 150 * 1024
KEYED = """---
id: keyed-{number}
name: Keyed {number}
description: One of many
api: {{base_url: https://api.example.com}}
auth: {{header: {{X-Key: "{{auth_key}}"}}}}
utilities: {{look: {{description: Looks, rest: {{method: GET, url: /things}}}}}}
---
"""
OPENS = r'(?s)<tr class="opens">.*?skills/([^"]+)"'
MADE_UP = 2 * USERS


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("many")
    for number in range(SKILLS + 1):
        (folder / "skills" / f"keyed-{number:03}").mkdir(parents=True)
        text = KEYED.format(number=f"{number:03}")
        if not number:
            more = "".join(
                f"  do_{each}:\n    description: Does it\n    rest: {{method: GET, url: /{each}}}\n"
                for each in range(UTILITIES)
            )
            text = re.sub(
                "utilities: {.*}\n",
                f"utilities:\n{more}  look_last: {{description: Looks, rest: {{method: GET, url: /a}}}}\n",
                text,
            )
        (folder / "skills" / f"keyed-{number:03}" / "readme.md").write_text(text)
    with opened(folder, skills=(folder / "skills",)) as it:
        assert until(lambda: ask(it, "GET", "/api/health").json["skills"]["loaded"] == SKILLS + 1)
        for agent in ("zed", "anonymous"):
            ask(it, "POST", "/api/skills/keyed-001/look", {}, {"X-Agent": agent})
        ask(it, "POST", "/api/operator/agents", {"agent": "zed"}, {"X-Console-Key": it.let_in()})
        rows = [(f"r{n}", int(time() * 1000), f"made-up-{n}", "s", "u", "x", "ok", 1.0) for n in range(MADE_UP)]
        columns = "request_id, started_at, agent, skill, utility, owner, outcome, duration_ms"
        with closing(sqlite3.connect(it.home / "activity.db")) as database, database:
            database.executemany(f"INSERT INTO activity ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        yield it


@pytest.mark.parametrize(
    ("path", "entry", "most", "total"),
    [
        ("skills", '<tr class="opens"', SKILLS, SKILLS + 1),
        ("keys", 'class="item cred"', KEYS, SKILLS + 1),
        ("agents", 'class="item agent"', AGENTS, MADE_UP + 2),
        ("skills/keyed-000/utilities", "<section id=", UTILITIES, UTILITIES + 1),
    ],
)
def test_a_long_list_comes_in_parts_that_lead_to_each_other(
    crowd: Opened, path: str, entry: str, most: int, total: int
) -> None:
    key, query, seen = crowd.let_in(), "", list[str]()
    while True:
        page = crowd.page(path + query, key)
        html = page.body.decode()
        assert len(page.body) < LARGEST
        assert html.count(entry) <= most
        seen += re.findall(r'(?:class="item \w+"|<section) id="([^"]+)"', html) or re.findall(OPENS, html)
        assert f" of {total}</span>" in html
        if not (after := re.search(r'rel="next" href="[^?]*(\?[^"]*)"', html)):
            break
        query = after[1]
    assert len(set(seen)) == total
    assert 'rel="prev"' in html
    assert crowd.page(f"{path}?page=999", key).body == crowd.page(path, key).body


def test_a_search_and_the_keys_of_one_skill_are_short(crowd: Opened) -> None:
    key = crowd.let_in()
    assert crowd.page("skills?q=keyed-042", key).body.decode().count('<tr class="opens"') == 1
    assert crowd.page("skills/keyed-000/utilities?q=look+last", key).body.decode().count("<section id=") == 1
    assert "No utility has these words" in crowd.page("skills/keyed-000/utilities?q=nothing", key).body.decode()
    keys = crowd.page("keys?skill=keyed-042", key).body.decode()
    assert (keys.count('class="item cred"'), "All keys" in keys) == (1, True)
    assert "No key of this skill" in crowd.page("keys?skill=none", key).body.decode()


def test_an_agent_that_somebody_named_is_not_hidden_behind_names_that_are_made_up(crowd: Opened) -> None:
    html = crowd.page("agents", crowd.let_in()).body.decode()
    assert re.findall('id="agent-([^"]+)"', html)[0] == "zed"


def test_the_table_of_usage_ends_with_all_others_together_and_the_sum_stays(crowd: Opened) -> None:
    html = crowd.page("usage?metric=calls&by=agent", crowd.let_in()).body.decode()
    table = html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert table.count("<tr>") == USERS + 1
    others = MADE_UP + 2 - USERS
    assert re.search(rf"{others} others</span></td><td class=\"num\">{others}</td>", table)
    assert f'<th scope="row">All</th><td class="num">{MADE_UP + 2}</td>' in html


def test_the_choices_of_the_activity_are_those_that_called_most(crowd: Opened) -> None:
    html = crowd.page("activity?agent=made-up-7", crowd.let_in()).body.decode()
    assert html.count("<option value=") < 150
    assert '<option value="made-up-7" selected>' in html
