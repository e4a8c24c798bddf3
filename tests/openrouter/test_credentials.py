"""Two keys, each where it works: errors name the one that is missing or wrong, and how to set it."""

from pathlib import Path

from tests.openrouter.support import KEY, MANAGEMENT, Desk, desk
from tests.toy.raw import answer_json

PLACE = "https://openrouter.ai/settings/management-keys"
COMMAND = "agentos keys set openrouter --credential management"


def test_without_a_management_key_nothing_is_sent_and_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    with desk(tmp_path, {"OPENROUTER_API_KEY": KEY}) as counter:
        response = counter.call("list_keys")
        body = response.json()
        assert (response.status_code, body["code"], body["help_url"]) == (424, "credential_not_found", PLACE)
        for part in ("Management key", COMMAND, "OPENROUTER_MANAGEMENT_KEY", PLACE):
            assert part in body["error"]
        assert not counter.toy.requests
        counter.says(answer_json({"data": {"label": "mine"}}))
        assert counter.reply("get_key") == {"label": "mine"}


def test_without_an_api_key_the_management_key_does_not_stand_in(tmp_path: Path) -> None:
    with desk(tmp_path, {"OPENROUTER_MANAGEMENT_KEY": MANAGEMENT}) as counter:
        response = counter.call("create_embedding", {"model": "toy/vectors", "input": "red"})
        assert (response.status_code, response.json()["code"]) == (424, "credential_not_found")
        assert "OPENROUTER_API_KEY" in response.json()["error"]
        assert not counter.toy.requests


def test_a_refused_management_key_is_named_with_the_way_to_set_another(counter: Desk) -> None:
    for status, code, seen in ((401, "credential_rejected", 424), (403, "upstream_forbidden", 403)):
        words = "Only management keys can perform this operation"
        counter.says(answer_json({"error": {"code": status, "message": words}}, status))
        response = counter.call("get_credits")
        body = response.json()
        assert (response.status_code, body["code"], body["help_url"]) == (seen, code, PLACE)
        for part in (words, 'the Management key "management"', COMMAND, "OPENROUTER_MANAGEMENT_KEY", PLACE):
            assert part in body["error"]


def test_a_refused_api_key_is_not_mistaken_for_the_other(counter: Desk) -> None:
    counter.says(answer_json({"error": {"code": 403, "message": "Key limit exceeded"}}, 403))
    body = counter.call("get_key").json()
    assert body["error"] == "OpenRouter forbids this (403): Key limit exceeded."
