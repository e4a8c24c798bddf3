"""One base URL for all skills: the model's name says which."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.errors import InvalidJson, InvalidParams
from agentos_runtime.proxy.settings import read_faces
from agentos_runtime.proxy.splicing import named_model
from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, Lab, lab
from tests.toy.raw import answer_json

PATHS = {
    ("/v1/chat/completions", "openrouter/a/b"): ("/api/v1/chat/completions", KEY),
    ("/v1/responses?x=1", "openrouter/a/b"): ("/api/v1/responses?x=1", KEY),
    ("/v1/embeddings", "openrouter/a/b"): ("/api/v1/embeddings", KEY),
    ("/v1/messages?beta=true", "anthropic/a/b"): ("/v1/messages?beta=true", ANTHROPIC),
    ("/v1/messages/count_tokens", "anthropic/a/b"): ("/v1/messages/count_tokens", ANTHROPIC),
    ("/v1/messages", "ollama/a/b"): ("/v1/messages", None),
}


@pytest.mark.parametrize(("path", "model"), PATHS)
def test_a_request_goes_to_the_skill_of_its_model_and_only_the_name_changes(
    here: Lab, path: str, model: str
) -> None:
    target, key = PATHS[path, model]
    before, after = b'{ "messages":[{"model":"openrouter/x"}] ,"mod\\u0065l" : "', b'"\n, "n": 1e2}'
    body = before + model.encode() + after
    said = here.use("POST", path, content=body, headers={"anthropic-version": "2026-10-21"})
    asked = here.upstream.asked
    assert (said.status_code, asked.target, asked.body) == (200, target, before + b"a/b" + after)
    assert [each for each in (KEY, ANTHROPIC) if each.encode() in asked.head] == ([key] if key else [])
    assert asked.header("anthropic-version") == "2026-10-21"
    assert here.row()["skill"] == model.partition("/")[0]


def test_a_model_that_nobody_has_or_whose_skill_does_not_speak_so_is_not_found(here: Lab) -> None:
    for path, model, words in (
        ("/v1/responses", "anthropic/x", "anthropic does not speak openai_responses; openai, openrouter do"),
        (
            "/v1/chat/completions",
            "gpt-4o",
            "begin with the id of a skill: <skill>/gpt-4o. Skills that speak a wire: anthropic, ",
        ),
        ("/v1/chat/completions", "nobody/gpt-4o", "ollama, openai, openrouter."),
        ("/v1/chat/completions", "maps/gpt-4o", "maps does not speak openai_chat"),
    ):
        said = here.use("POST", path, json={"model": model})
        assert (said.status_code, said.json()["error"]["code"]) == (404, "model_not_found")
        assert words in said.json()["error"]["message"]
    anthropic = here.use("POST", "/v1/messages", json={"model": "x"})
    assert (anthropic.status_code, anthropic.json()["error"]["type"]) == (404, "not_found_error")
    for body in ({}, {"model": 1}, {"model": ""}):
        assert here.use("POST", "/v1/embeddings", json=body).status_code == 400
    assert here.use("POST", "/v1/embeddings", content=b"[").json()["error"]["code"] == "invalid_json"
    wrong = here.use("GET", "/v1/messages")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "OPTIONS, POST")
    assert here.upstream.toy.requests == []


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/images/generations", "/v1/files"])
def test_a_path_that_is_none_of_the_wires_is_refused_in_the_words_of_who_asks(here: Lab, path: str) -> None:
    said = here.use("POST", path, json={}).json()["error"]
    assert said["code"] == "not_found"
    assert "chat/completions" in said["message"]
    anthropic = here.use("POST", path, json={}, headers={"anthropic-version": "2023-06-01"}).json()
    assert anthropic["error"] == {"type": "not_found_error", "message": said["message"]}


def test_models_of_all_skills_are_listed_for_both_kinds_of_clients(here: Lab) -> None:
    here.upstream.says(
        lambda exchange: answer_json(
            {"models": [{"name": "llama3:8b"}]}
            if exchange.request.target == "/api/tags"
            else {
                "data": [{"id": "a/b", "created": 1700000000, "name": "B", "display_name": "B"}],
                "total_count": 1,
            }
        )(exchange)
    )
    listed = here.use("GET", "/v1/models").json()
    ids = ["anthropic/a/b", "ollama/llama3:8b", "openrouter/a/b"]
    assert (listed["object"], [each["id"] for each in listed["data"]]) == ("list", ids)
    assert listed["data"][2] == {"id": ids[2], "object": "model", "created": 1700000000, "owned_by": "openrouter"}
    theirs = here.use("GET", "/v1/models", headers={"anthropic-version": "x"}).json()
    assert (theirs["first_id"], theirs["last_id"], theirs["has_more"]) == (ids[0], ids[2], False)
    assert theirs["data"][2] == {
        "type": "model",
        "id": ids[2],
        "display_name": "B",
        "created_at": "2023-11-14T22:13:20Z",
    }
    assert here.use("GET", f"/v1/models/{ids[1]}").json()["id"] == ids[1]
    assert here.use("GET", "/v1/models/openrouter/x").json()["error"]["code"] == "model_not_found"
    assert len(here.upstream.toy.requests) == 3, "each list is kept"


def test_what_is_odd_among_a_services_models_spoils_no_list(tmp_path: Path) -> None:
    odd = ["text", None, [1], {"id": 5}, {"id": "a", "created": True, "display_name": {"b": 1}, "name": 7}]
    with lab(tmp_path) as one:
        one.upstream.says(answer_json({"data": odd, "total_count": 1}))
        listed = one.use("GET", "/v1/models")
        assert listed.status_code == 200
        seen = {"id": "openrouter/a", "object": "model", "created": 0, "owned_by": "openrouter"}
        assert [each for each in listed.json()["data"] if each["owned_by"] == "openrouter"] == [seen]
        theirs = one.use("GET", "/v1/models/openrouter/a", headers={"anthropic-version": "x"}).json()
        assert (theirs["display_name"], theirs["created_at"]) == ("a", "1970-01-01T00:00:00Z")


@pytest.mark.parametrize("written", ["openrouter/a/b", "openrouter%2Fa%2Fb", "openrouter%2fa/b"])
def test_a_model_is_found_however_its_slashes_are_written(tmp_path: Path, written: str) -> None:
    with lab(tmp_path) as one:
        one.upstream.says(answer_json({"data": [{"id": "a/b"}], "total_count": 1}))
        found = one.use("GET", f"/v1/models/{written}")
        assert (found.status_code, found.json()["id"]) == (200, "openrouter/a/b")
        asked = [request.target for request in one.upstream.toy.requests]
        assert [target.partition("?")[0] for target in asked] == ["/api/v1/models"], "no other skill's"


def test_a_model_whose_skill_does_not_answer_is_not_said_to_be_missing(tmp_path: Path) -> None:
    with lab(tmp_path) as one:
        one.upstream.says(
            lambda exchange: answer_json(
                *(
                    ({"models": [{"name": "x"}]},)
                    if exchange.request.target == "/api/tags"
                    else ({"message": "no"}, 500)
                )
            )(exchange)
        )
        ids = [each["id"] for each in one.use("GET", "/v1/models").json()["data"]]
        said = one.use("GET", "/v1/models/openrouter/a/b")
    assert ids == ["ollama/x"]
    assert (said.status_code, said.json()["error"]["code"]) == (502, "upstream_failed")


def test_wires_and_models_have_the_methods_that_other_routes_have(here: Lab) -> None:
    here.upstream.says(answer_json({"data": [{"id": "a/b"}], "models": [{"name": "x"}], "total_count": 1}))
    for path in ("/v1/models", "/v1/models/openrouter/a/b"):
        head, get = here.use("HEAD", path), here.use("GET", path)
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(get.content)))
        assert here.use("OPTIONS", path).headers["allow"] == "GET, HEAD, OPTIONS"
        assert here.use("POST", path, json={}).headers["allow"] == "GET, HEAD, OPTIONS"
    assert here.use("OPTIONS", "/v1/chat/completions").headers["allow"] == "OPTIONS, POST"


def test_models_without_a_skill_are_those_of_the_default_and_denied_ones_are_denied_here_too(
    tmp_path: Path,
) -> None:
    assert read_faces({"default": "openrouter"}, "config.toml").default == "openrouter"
    config = '[limits.agents.quiet]\ndeny = ["openrouter/chat"]\n'
    with lab(tmp_path, config=config, faces={"default": "openrouter"}) as one:
        said = one.use("POST", "/v1/chat/completions", json={"model": "gpt-4o"})
        assert said.status_code == 200
        assert one.upstream.asked.body == b'{"model":"gpt-4o"}'
        denied = one.use("POST", "/v1/chat/completions", json={"model": "gpt-4o"}, headers={"X-Agent": "quiet"})
        assert (denied.status_code, denied.headers["x-should-retry"]) == (403, "false")
        assert "openrouter/chat" in denied.json()["error"]["message"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "x", 'a"b', "\\"]), below, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=4), JSON, max_size=3),
    st.text(min_size=1),
    st.text(min_size=1),
    st.booleans(),
    st.booleans(),
)
def test_of_any_body_only_the_outermost_model_is_replaced(
    rest: dict[str, object], old: str, new: str, ascii_only: bool, first: bool
) -> None:
    rest.pop("model", None)
    whole = {"model": old, **rest} if first else {**rest, "model": old}
    body = json.dumps(whole, ensure_ascii=ascii_only, indent=1 if first else None).encode("utf-8", "surrogatepass")
    found = named_model(body)
    assert found.name == old
    assert json.loads(found.renamed(new)) == whole | {"model": new}
    assert len(found.renamed(new)) - len(body) == len(json.dumps(new, ensure_ascii=False).encode()) - (
        found.end - found.start
    )


@pytest.mark.parametrize("body", [b"", b"[]", b'"model"', b"{", b'{"model": "a"', b'[{"model": "a"}]', b"nonsense"])
def test_what_is_no_object_names_no_model(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        named_model(body)


def test_a_text_without_an_end_is_refused_and_its_end_is_not_looked_for_from_each_quote_in_it() -> None:
    for nested in (b"", b'{"messages": [', b'{"messages": [1, "', b'{"model": '):
        with pytest.raises(InvalidJson):
            named_model(b'{"a": %b"' % nested + b'\\"' * 500_000)


@pytest.mark.parametrize(
    "body",
    [b'{"model": "a", "model": "b"}', b'{"model": {"model": "a"}}', b'{"x": {"model": "a"}}', b'{"model": "\\q"}'],
)
def test_a_model_that_is_missing_twice_there_or_no_text_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParams):
        named_model(body)
