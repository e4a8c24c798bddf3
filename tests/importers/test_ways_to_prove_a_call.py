"""Documents that know several ways to prove a call: which is taken, what is asked for once, what is no key."""

from typing import Any

import pytest

from tests.importers.workshop import Workshop, body, query, service

SCHEMES = {
    "login": {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "https://id.example.com/authorize?client_id={client_id}&prompt=consent",
                "tokenUrl": "https://id.example.com/token",
                "scopes": {},
            }
        },
    },
    "token": {"type": "http", "scheme": "bearer"},
    "inQuery": {"type": "apiKey", "in": "query", "name": "token"},
    "app": {"type": "apiKey", "in": "header", "name": "X-App-Id"},
    "secret": {"type": "apiKey", "in": "header", "name": "X-App-Secret"},
}
BEARER = {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}


def ways(*alternatives: str) -> list[dict[str, Any]]:
    """`login`, `app+secret`: alternatives, each of schemes that are needed together."""
    return [{name: [] for name in one.split("+")} for one in alternatives]


def document(*operations: Any, **more: Any) -> dict[str, Any]:
    paths = {f"/{name}": {"get": operation} for name, operation in zip("abcdef", operations, strict=False)}
    return service(paths, components={"securitySchemes": SCHEMES}, **more)


def test_of_several_ways_the_one_that_proves_most_calls_is_taken(workshop: Workshop) -> None:
    either = {"security": ways("login", "token")}
    content = document(either, either, {"security": ways("token")})
    front = workshop.imported(content)
    assert front["auth"] == BEARER
    assert all("credential" not in utility for utility in front["utilities"].values())
    told = "it can be proven in several ways (login, token): token is used, --auth NAME another"
    assert workshop.losses(content)[told] == ["GET /a", "GET /b"]
    login = workshop.imported(content, "--auth", "login", skill="other")["auth"]["credentials"]["default"]
    assert login["authorize_url"] == "https://id.example.com/authorize?prompt=consent"


def test_of_ways_that_prove_as_many_calls_the_first_is_taken(workshop: Workshop) -> None:
    either = {"security": ways("inQuery", "token")}
    assert workshop.imported(document(either, either))["auth"] == {"type": "api_key", "query": "token"}


def test_a_key_that_may_also_stand_in_the_query_is_sent_once(workshop: Workshop) -> None:
    given = {"parameters": [query("token", description="Access token"), query("q")]}
    content = document(given, given, security=ways("token", "inQuery"))
    front = workshop.imported(content)
    assert front["auth"] == BEARER
    assert list(front["utilities"]["get_a"]["params"]) == ["q"]
    assert workshop.losses(content)["a parameter that repeats the key is left out"] == [
        "GET /a token",
        "GET /b token",
    ]
    assert "token=" not in workshop.request("get_a", {"q": "x"})


def test_keys_that_every_body_may_repeat_are_asked_for_once(workshop: Workshop) -> None:
    said = "Your secret. It may be provided either in the `X-App-Secret` header or as part of a request body."
    fields = {"secret": {"type": "string", "description": said}, "name": {"type": "string"}}
    content = document(security=ways("app+secret"))
    content["paths"] = {"/a": {"post": {"requestBody": body({"type": "object", "properties": fields})}}}
    front = workshop.imported(content)
    assert front["auth"] == {"header": {"X-App-Id": "{app}", "X-App-Secret": "{secret}"}}
    assert list(front["utilities"]["create_a"]["params"]) == ["name"]


def test_a_login_beside_a_key_is_an_access_token_beside_it(workshop: Workshop) -> None:
    front = workshop.imported(document({"security": ways("app+login")}))
    assert front["auth"] == {"header": {"X-App-Id": "{app}", "Authorization": "Bearer {access_token}"}}


@pytest.mark.parametrize("spelled", ["https://{site}.example.com", "https://{site}.example.com/"])
def test_variables_of_servers_are_told_once_and_where_they_are(workshop: Workshop, spelled: str) -> None:
    def server(site: str) -> dict[str, Any]:
        return {"servers": [{"url": spelled, "variables": {"site": {"default": site}}}]}

    content = document({**server("api")}, {**server("files")}, **server("api"))
    told = workshop.losses(content)
    assert told["the server's variable `site` is api (--server site=VALUE)"] == ["servers"]
    assert told["the server's variable `site` is files (--server site=VALUE)"] == ["GET /b"]


def test_that_an_address_stands_for_your_own_is_said_once(workshop: Workshop) -> None:
    servers = [{"url": "https://{shop}.example.com", "variables": {"shop": {"default": "your-shop"}}}]
    told = workshop.losses(document({}, servers=servers))
    assert [one for one in told if "your own" in one] == [
        "the server's variable `shop` is your-shop, which stands for your own (--server shop=VALUE)"
    ]


LEAST = [("basic", "token", BEARER), ("login", "basic", {"type": "basic"}), ("login", "token", BEARER)]


@pytest.mark.parametrize(("first", "second", "auth"), LEAST)
def test_of_ways_that_prove_as_much_the_one_with_the_least_trouble_is_taken(
    workshop: Workshop, first: str, second: str, auth: dict[str, Any]
) -> None:
    named = {"basic": {"type": "http", "scheme": "basic"}, **SCHEMES}
    paths = {"/a": {"get": {"security": ways(first, second), "responses": {}}}}
    assert workshop.imported(service(paths, components={"securitySchemes": named}))["auth"] == auth


def test_basic_auth_beside_a_key_is_one_credential(workshop: Workshop) -> None:
    both = {"basic": {"type": "http", "scheme": "basic"}, **SCHEMES}
    paths = {"/a": {"get": {"security": ways("basic+app"), "responses": {}}}}
    document = service(paths, components={"securitySchemes": both})
    assert workshop.imported(document)["auth"] == {
        "header": {"Authorization": "Basic {basic_base64}", "X-App-Id": "{app}"}
    }
    assert "basic auth beside another key is stored as base64 of `username:password`" in workshop.losses(document)


HEADERS = [
    ("Bearer token", True, BEARER),
    ("", True, BEARER),
    ("Format: `Token token=<API_KEY>`", True, {**BEARER, "prefix": "Token token="}),
    ("Your API key", True, {"type": "api_key", "header": "Authorization"}),
    ("Basic auth", False, {"type": "basic", "optional": True}),
]


@pytest.mark.parametrize(("said", "required", "auth"), HEADERS)
def test_a_header_that_a_document_has_instead_of_a_scheme_is_the_credential(
    workshop: Workshop, said: str, required: bool, auth: dict[str, Any]
) -> None:
    header = {"name": "authorization", "in": "header", "required": required, "schema": {"type": "string"}}
    paths = {"/a": {"get": {}, "parameters": [{**header, "description": said}]}, "/b": {"get": {}}}
    front = workshop.imported(service(paths))
    assert {key: value for key, value in front["auth"].items() if key != "label"} == auth
    assert "params" not in front["utilities"]["get_a"]
    assert front["utilities"]["get_b"]["auth"] == "none"
    assert "the header `Authorization` is taken for the key" in workshop.text()


def test_beside_schemes_such_a_header_is_listed_and_never_asked_of_a_caller(workshop: Workshop) -> None:
    header = {"name": "Authorization", "in": "header", "schema": {"type": "string"}}
    front = workshop.imported(
        document({"security": ways("token"), "parameters": [header]}, {"parameters": [header]})
    )
    assert [one.get("params") for one in front["utilities"].values()] == [None, None]
    assert front["auth"] == BEARER
    assert "is not asked of the caller: `--auth` makes it the key: GET /b" in workshop.text()


def test_parameters_that_two_keys_of_one_credential_are_sent_as_are_asked_of_nobody(workshop: Workshop) -> None:
    repeated = [
        {"name": name, "in": "header", "schema": {"type": "string"}} for name in ("x-app-id", "x-app-secret")
    ]
    get = {"parameters": [*repeated, query("q")], "security": ways("app+secret"), "responses": {}}
    content = service({"/a": {"get": get}}, components={"securitySchemes": SCHEMES})
    front = workshop.imported(content)
    assert front["auth"] == {"header": {"X-App-Id": "{app}", "X-App-Secret": "{secret}"}}
    assert set(front["utilities"]["get_a"]["params"]) == {"q"}
    told = workshop.losses(content)["a parameter that is a key is filled in with the credential"]
    assert told == ["GET /a x-app-id", "GET /a x-app-secret"]


@pytest.mark.parametrize(
    ("name", "said", "prefix"),
    [
        ("tokenAuth", 'Token-based authentication with required prefix "Token"', "Token "),
        ("key", "ApiKey <your key>", "ApiKey "),
        ("key", "Prefixed with `GenieKey`", "GenieKey "),
        ("Bearer", "", "Bearer "),
        ("jwt", "Enter your token", "Bearer "),
        ("key", 'Your API Key <a href="https://example.com">from here</a>, a prefix of "a" is no part of it', None),
        ("key", "Keys of tests have the prefix `sk_test_`", None),
        ("key", "The token, without a prefix", None),
    ],
)
def test_what_stands_before_a_key_is_what_its_words_or_its_name_say(
    workshop: Workshop, name: str, said: str, prefix: str | None
) -> None:
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization", "description": said}
    content = service({"/a": {"get": {}}}, components={"securitySchemes": {name: scheme}}, security=[{name: []}])
    assert workshop.imported(content)["auth"].get("prefix") == prefix
    told = "the key is sent as `Bearer …`, as its name says (`--auth` changes it)"
    assert (told in workshop.losses(content, "--dry-run")) == (name in ("Bearer", "jwt"))


def test_a_place_in_other_capitals_is_the_same_place(workshop: Workshop) -> None:
    schemes = {"key": {"type": "apiKey", "in": "Header", "name": "X-Key"}}
    content = service({"/a": {"get": {}}}, components={"securitySchemes": schemes}, security=[{"key": []}])
    assert workshop.imported(content)["auth"] == {"type": "api_key", "header": "X-Key"}


@pytest.mark.parametrize("said", [{}, {"security": {"app": []}}])
def test_schemes_that_no_call_is_said_to_need_are_listed_and_can_be_chosen(
    workshop: Workshop, said: dict[str, Any]
) -> None:
    content = service({"/a": {"get": {}}}, components={"securitySchemes": SCHEMES}, **said)
    assert workshop.imported(content)["auth"] == "none"
    told = (
        f"the description says how a call can be proven ({', '.join(SCHEMES)}), and of no call that it has to be: "
        "--auth login, or --auth none"
    )
    assert told in workshop.losses(content)
    front = workshop.imported(content, "--auth", "app", skill="other")
    assert front["auth"] == {"type": "api_key", "header": "X-App-Id"}
    assert told not in workshop.losses(content, "--auth", "none")


def test_calls_of_which_is_said_that_they_need_no_proof_are_left_so(workshop: Workshop) -> None:
    open_call: dict[str, Any] = {"security": []}
    assert workshop.imported(document(open_call, open_call))["auth"] == "none"
    assert not [one for one in workshop.losses(document(open_call)) if "proven" in one]
