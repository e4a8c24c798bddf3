"""Who the operator is over HTTP, and what its token opens and does not open."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.jsontext import Json
from agentos_runtime.security.agents import Agents, Caller
from agentos_runtime.storage.private_files import PrivateFile
from tests.server.client import Answer, ask
from tests.server.server import Running, running
from tests.server.test_peer import ASK, LISTEN, as_root, as_user, on_linux
from tests.server.toy_runtime import ToyRuntime
from tests.sizes import examples

TOKEN, OPERATOR = "let-me-in", "the-operators-own-token"


class Asked(ToyRuntime):
    """Remembers who asked for rows."""

    def __init__(self) -> None:
        super().__init__()
        self.callers: list[Caller] = []

    async def activity(self, filters: Mapping[str, str], caller: Caller, most: int = 1) -> dict[str, Json]:
        self.callers.append(caller)
        return {"rows": [], "next_cursor": None}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def anns(home: Path) -> str:
    """The token of the agent `ann`."""
    return Agents(PrivateFile(home / "agents.json")).add("ann")


@pytest.fixture(scope="module")
def asked() -> Asked:
    return Asked()


@pytest.fixture(scope="module")
def guarded(home: Path, asked: Asked, anns: str) -> Iterator[Running]:
    with running(asked.open, token=TOKEN, operator_token=OPERATOR, home=home) as server:
        yield server


def rows(server: Running, token: str | None, agent: str | None = None, scheme: str = "Bearer") -> Answer:
    headers = {"Authorization": f"{scheme} {token}"} if token is not None else {}
    return ask(server, "GET", "/api/activity", headers=headers | ({"X-Agent": agent} if agent else {}))


def test_the_operators_token_opens_the_door_and_proves_the_operator_under_any_name(
    guarded: Running, asked: Asked
) -> None:
    for agent in (None, "somebody", "ann"):
        assert rows(guarded, OPERATOR, agent).status == 200
        assert asked.callers.pop() == Caller(agent or "anonymous", operator=True)
    named = {"Authorization": f"Bearer {OPERATOR}", "X-Agent": "ann"}
    assert ask(guarded, "POST", "/api/skills/toy/echo", {}, named).json["agent"] == "ann"
    assert rows(guarded, OPERATOR, "käfer".encode().decode("latin-1")).code == "invalid_agent"


def test_no_other_token_makes_an_operator(guarded: Running, asked: Asked, anns: str) -> None:
    assert rows(guarded, TOKEN).status == rows(guarded, anns).status == 200
    assert asked.callers[-2:] == [Caller("anonymous"), Caller("ann", bound=True)]
    asked.callers.clear()

    @given(
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40) | st.sampled_from(near(anns))
    )
    @tried(deadline=None, max_examples=examples(60))
    def anything_else(token: str) -> None:
        assert rows(guarded, token).status == 401

    anything_else()
    assert rows(guarded, OPERATOR, scheme="Basic").status == 401
    assert asked.callers == []


def near(anns: str) -> list[str]:
    return [OPERATOR[:-1], OPERATOR + "x", OPERATOR.upper(), f"{OPERATOR} {TOKEN}", TOKEN + OPERATOR, anns[:-1], ""]


def test_without_a_token_for_callers_the_operators_token_still_makes_the_difference() -> None:
    runtime = Asked()
    with running(runtime.open, operator_token=OPERATOR) as server:
        for token in (None, "sk-of-some-sdk", OPERATOR):
            assert rows(server, token).status == 200
    assert [caller.operator for caller in runtime.callers] == [False, False, True]
    with running(runtime.open) as server:
        assert rows(server, "").status == rows(server, "None").status == 200
    assert not any(caller.operator for caller in runtime.callers[3:])


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_another_origin_is_refused_with_the_operators_token_too(
    guarded: Running, asked: Asked, headers: dict[str, str]
) -> None:
    answer = ask(guarded, "GET", "/api/activity", headers={"Authorization": f"Bearer {OPERATOR}", **headers})
    assert (answer.status, answer.code, asked.callers) == (403, "forbidden_origin", [])


@on_linux
@as_root
def test_another_local_user_with_the_operators_token_is_let_in(guarded: Running) -> None:
    assert as_user(ASK + LISTEN, guarded, OPERATOR) == "200"
    assert as_user(ASK + LISTEN, guarded, OPERATOR[:-1]) == "403"


# ------------------------------------------------------------------ the setting


def read(folder: Path, **environ: str) -> Settings:
    return Settings.from_environ({"AGENTOS_HOME": str(folder), **environ})


def test_the_operators_token_can_be_nobody_elses(tmp_path: Path, anns: str) -> None:
    for environ, words in (
        ({"AGENTOS_OPERATOR_TOKEN": TOKEN, "AGENTOS_TOKEN": TOKEN}, "is the same as AGENTOS_TOKEN"),
        ({"AGENTOS_OPERATOR_TOKEN": anns}, "begins with agentos_"),
        ({"AGENTOS_OPERATOR_TOKEN": "agentos_of-an-agent-to-come"}, "begins with agentos_"),
        ({"AGENTOS_OPERATOR_TOKEN": "two words"}, "printable ASCII without spaces"),
        ({"AGENTOS_OPERATOR_TOKEN": "käfer-token"}, "printable ASCII without spaces"),
    ):
        with pytest.raises(SettingsError, match=words) as raised:
            read(tmp_path, **environ)
        assert environ["AGENTOS_OPERATOR_TOKEN"] not in str(raised.value)


def test_a_token_may_stand_in_the_config_and_shows_itself_nowhere(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'operator_token = "{OPERATOR}"\n')
    settings = read(tmp_path, AGENTOS_AGENT_TOKEN="agentos_of-an-agent")
    assert settings.operator_token == OPERATOR
    assert OPERATOR not in repr(settings)
    assert "agentos_of-an-agent" not in repr(settings)
    (tmp_path / "config.toml").write_text("operator_token = 7\n")
    with pytest.raises(SettingsError, match="operator_token"):
        read(tmp_path)


def test_the_operators_token_alone_does_not_open_a_server_to_other_machines(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set AGENTOS_TOKEN"):
        read(tmp_path, AGENTOS_HOST="0.0.0.0", AGENTOS_OPERATOR_TOKEN=OPERATOR)
    both = read(tmp_path, AGENTOS_HOST="0.0.0.0", AGENTOS_TOKEN=TOKEN, AGENTOS_OPERATOR_TOKEN=OPERATOR)
    assert (both.token, both.operator_token) == (TOKEN, OPERATOR)
