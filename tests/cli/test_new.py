"""`agentos new` with the addresses that people have: what it writes passes the check, and says what they say."""

import pytest

from tests.cli.console import Console

LONG = "https://api.example.com/very/long/path/with/many/parts/that/goes/on/and/on/until/the/name/is/too/long"
ADDRESSES = {
    "https://bücher.example/x": "https://xn--bcher-kva.example/x",
    "https://api.example.com/straße?ü=ä": "https://api.example.com/stra%C3%9Fe?%C3%BC=%C3%A4",
    LONG: LONG,
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_a_new_skill_of_an_odd_address_passes_the_check_and_its_test(console: Console, url: str) -> None:
    made = console.run("new", "my-api", url, "--json")
    assert made.code == 0, made.err
    checked = console.run("check", console.skills / "my-api", "--strict")
    assert checked.code == 0, checked.out
    tested = console.run("test", "my-api")
    assert tested.code == 0, tested.out + tested.err
    sent = console.run("call", "my-api", made.json["utility"], "--dry-run").out
    assert sent.startswith(f"GET {ADDRESSES[url]}\n")


REFUSED = {
    "api.example.com/x": "begins with https:// or http://",
    "curl https://api.example.com/x": "`agentos import curl`",
    "https://api.example.com/x?q=a b": "no space in it: write %20",
    "https://api.example.com/x?q='a'": "no ' in it: write %27",
    "https://api.example.com/x#part": "no `#`: leave out what follows it",
    "https://api.example.com/x\u200b": "does not show",
    "https://faß.example/x": "write it as it is registered",
}


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_none_is_told_with_what_is_wrong(console: Console, url: str) -> None:
    refused = console.run("new", "my-api", url)
    assert refused.code == 2
    assert REFUSED[url] in " ".join(refused.err.split())
    assert not (console.skills / "my-api").exists()


def test_what_of_an_address_a_new_skill_does_not_send_is_told(console: Console) -> None:
    made = console.run("new", "my-api", "https://me:pass@api.example.com/x?access_token=canary-4711")
    told = "Not expressed: user name and password are asked for; what else proves the call is not: access_token"
    assert made.out.splitlines()[-1] == told
    assert "canary" not in made.out


def test_a_service_that_cannot_be_reached_is_told_in_words(console: Console) -> None:
    refused = console.run("new", "my-api", "http://127.0.0.1:1/x", "--try")
    assert (refused.code, "cannot be fetched: no connection can be made" in refused.err) == (1, True)


def test_a_skill_with_the_id_of_one_that_ships_says_so(console: Console) -> None:
    told = "It takes the place of the skill openrouter that ships with the runtime."
    assert told in console.run("new", "openrouter").out.splitlines()
    (console.skills / "openrouter/readme.md").unlink()
    command = "curl https://api.example.com/x"
    assert told in console.run("import", "curl", command, "--id", "openrouter").out.splitlines()
    assert told not in console.run("new", "my-api").out
