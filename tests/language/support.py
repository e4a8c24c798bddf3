"""One skill in a real server, in front of a toy upstream."""

import contextlib
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.end_to_end.house import House, house
from tests.toy.raw import Behaviour, Toy

ORIGIN = "https://api.example.com"
CANARY = "sk-canary-0123456789abcdef0123"
HEAD = f"id: demo\nname: Demo\ndescription: A demonstration\napi: {{base_url: '{ORIGIN}'}}\n"
KEY = "auth: {type: api_key, header: X-Key}\n"


def skill_text(front: str, *, key: bool = False, head: str = HEAD) -> str:
    """A skill file; with `key` its calls carry a credential. A `head` of one's own says all of it itself."""
    if head != HEAD:
        return f"---\n{head}{textwrap.dedent(front)}\n---\n# Demo\n"
    return f"---\n{HEAD}{KEY if key else ''}{textwrap.dedent(front)}\n---\n# Demo\n"


@contextlib.contextmanager
def serving(
    folder: Path,
    front: str,
    *behaviours: Behaviour,
    key: bool = False,
    head: str = HEAD,
    secret: str = "",
    **settings: Any,
) -> Iterator[tuple[House, Toy]]:
    """A house that serves the skill `demo`, whose API is the toy; `secret`: the key for a front with auth."""
    skills = folder / "skills"
    skills.mkdir(parents=True)
    (skills / "demo.md").write_text(skill_text(front, key=key, head=head), encoding="utf-8")
    environ: Mapping[str, str] = {"DEMO_API_KEY": secret or CANARY} if key or secret else {}
    with (
        Toy(*behaviours) as toy,
        house(folder, rewrite={ORIGIN: toy.origin}, environ=environ, **settings) as running,
    ):
        yield running, toy


def wait_until_gone(toy: Toy) -> None:
    """Until every connection to the toy has ended."""
    assert all(connection.gone.wait(60) for connection in toy.connections)


def closed_row(house: House) -> dict[str, Any]:
    """The ledger's newest row, once its call is over."""
    ends = time.monotonic() + 60
    while (row := house.rows()[0])["outcome"] == "started":
        assert time.monotonic() < ends, "the call is not over"
    return row
