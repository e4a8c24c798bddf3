"""One curl command becomes one utility; what it carries in secret does not."""

import json
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.curl.options import options
from agentos_runtime.importers.curl.reader import read_curl
from agentos_runtime.importers.service import CurlImport, import_curl
from agentos_runtime.importers.update import Disk
from tests.importers.workshop import Workshop
from tests.reading import read_yaml
from tests.sizes import examples

SECRET = "canary-4711-secret"
BEARER = {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}


def imported(workshop: Workshop, command: str, *args: object) -> dict[str, Any]:
    done = workshop.run("curl", command, *args)
    assert done.code == 0, done.err
    workshop.check()
    utilities: dict[str, Any] = workshop.front()["utilities"]
    return utilities


def front(command: str) -> dict[str, Any]:
    """What the file would say, without writing it."""
    text = import_curl(CurlImport(command), "service", Disk({}, {})).plan.files["readme.md"]
    found: dict[str, Any] = read_yaml(text.split("---\n")[1])
    return found


def only(command: str) -> dict[str, Any]:
    (utility,) = front(command)["utilities"].values()
    found: dict[str, Any] = utility
    return found


def losses(command: str) -> list[str]:
    return import_curl(CurlImport(command), "service", Disk({}, {})).losses.lines()


def test_the_utility_without_params_sends_what_the_command_sent(workshop: Workshop) -> None:
    command = (
        "curl -sS --compressed -X PUT 'https://api.example.com/v1/things?limit=5&q=a%20b' \\\n"
        " -H 'X-Org: acme' -H 'Accept: */*' -H 'content-type: application/json' \\\n"
        """ -d '{"name": "cats", "deep": {"a": [1]}, "none": null}'"""
    )
    assert list(imported(workshop, command)) == ["update_things"]
    sent = workshop.request("update_things", {})
    assert sent.startswith("PUT https://api.example.com/v1/things?limit=5&q=a%20b\nX-Org: acme\n")
    assert """--data-binary '{"name":"cats","deep":{"a":[1]},"none":null}'""" in sent


SENT = [
    ("https://api.example.com/a -G -d q=x -d 'n=1'", "GET https://api.example.com/a?q=x&n=1\n"),
    ("'https://api.example.com/a?acl&b=1'", "GET https://api.example.com/a?acl&b=1\n"),
    ("'https://api.example.com/a?t[]=a&t[]=b'", "GET https://api.example.com/a?t%5B%5D=a&t%5B%5D=b\n"),
    ("https://api.example.com/a?a=1&b=2", "GET https://api.example.com/a?a=1&b=2\n"),
    ("https://api.example.com/a --url-query 'q=x y'", "GET https://api.example.com/a?q=x%20y\n"),
    ("https://api.example.com/a --json '{}'", "--data-binary '{}'"),
    ("https://api.example.com/a -b 'lang=en; a=1'", "Cookie: lang=en; a=1\n"),
    ("https://api.example.com/a \\\n  # more\n  -H 'X-B: c'", "X-B: c\n"),
    ("https://api.example.com/a -d 'v=1.10&z=007'", "v=1.10&z=007"),
    ('https://api.example.com/a -d @- <<EOF\n{"a": [1,\n2]}\nEOF', "--data-binary '{\"a\":[1,2]}'"),
    ("-I https://api.example.com/a", "HEAD https://api.example.com/a\n"),
    ("https://api.example.com/users/12", "GET https://api.example.com/users/12\n"),
    ("https://api.example.com/a -H 'Accept: application/vnd.x+json'", "Accept: application/vnd.x+json\n"),
    ("https://api.example.com/a -r 0-99", "Range: bytes=0-99\n"),
    (r"https://api.example.com/a --json $'{\"a\": \"it\'s \u00e9\"}'", "it'\\''s é"),
]


SEVERAL = [
    ("https://api.example.com/{a,b}/c", "{…,…}"),
    ("https://api.example.com/p[1-3]", "[1-3]"),
    ("https://api.example.com/p[001-100:10].json", "[001-100:10]"),
    ("https://api.example.com/[a-z]?x=1", "[a-z]"),
]


@pytest.mark.parametrize(("address", "shown"), SEVERAL)
def test_an_address_that_stands_for_several_is_refused_by_name(address: str, shown: str) -> None:
    with pytest.raises(ImportProblem) as problem:
        front(f"curl '{address}'")
    assert str(problem.value) == (
        f"The address stands for several, by {shown}: write one of them, or -g if it is meant as it is"
    )
    assert front(f"curl -g '{address}'")["api"] == {"base_url": "https://api.example.com"}


AS_IT_IS = ["ids[]=1", "filter[a]=1", 'q={"a":1,"b":2}', "r={id}", r"s=\{a,b\}"]


@pytest.mark.parametrize("query", AS_IT_IS)
def test_brackets_and_braces_that_stand_for_one_are_kept(query: str) -> None:
    assert len(front(f"curl 'https://api.example.com/a?{query}'")["utilities"]["get_a"]["params"]) == 1


@pytest.mark.parametrize(
    ("script", "url", "body"),
    [
        ("R=$(curl -s -X POST https://api.example.com/v1/x -d a=1)", "/v1/x", "a=1"),
        ('if [ "$(curl -X POST https://api.example.com/x -d a=1)" = 1 ]; then :; fi', "/x", "a=1"),
        ("R=`curl -X POST https://api.example.com/x -d a=1`; echo $R", "/x", "a=1"),
        (
            "cat <<'E' | curl https://api.example.com/x --json @- \\\n -H 'X-A: 1'\n{\"a\": \"$b\"}\nE",
            "/x",
            '{"a":"$b"}',
        ),
        ("echo '{\"a\":\n 1}' \\\n | curl --json @- https://api.example.com/x", "/x", '{"a":1}'),
        ("printf '{\"a\": 1}\\n' | curl --json @- https://api.example.com/x", "/x", '{"a":1}'),
        ("curl https://api.example.com/x --json @<(cat <<E\n{\"a\": 1}\nE\n) -H 'X-A: 1'", "/x", '{"a":1}'),
        ("curl https://api.example.com/x --json @<(echo '{\"a\": 1}')", "/x", '{"a":1}'),
        ("curl --json @- <<< '{\"a\":1}' https://api.example.com/x", "/x", '{"a":1}'),
        ('curl --json "$(cat <<\'E\'\n{"a": "("}\nE\n)" https://api.example.com/x', "/x", '{"a":"("}'),
        ('curl.exe `\n -X POST https://api.example.com/x `\n --json "{`"a`": 1}"', "/x", '{"a":1}'),
    ],
)
def test_a_command_inside_of_a_script_is_read_with_what_the_script_gives_it(
    workshop: Workshop, script: str, url: str, body: str
) -> None:
    (name,) = imported(workshop, script)
    sent = workshop.request(name, {})
    assert sent.startswith(f"POST https://api.example.com{url}\n")
    assert f"--data-binary '{body}'" in sent


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("'https://api.example.com/weather?q={city name}&n=1'", {"q": ""}),
        ("'https://api.example.com/in/{city name}/now'", {"city_name": ""}),
        ("https://api.example.com/send -F to=ann@YOUR_DOMAIN -F n=1", {"to": "ann@<domain>"}),
        (
            'https://api.example.com/send --json \'{"from": "Ann <ann@YOUR_DOMAIN>"}\'',
            {"from": "Ann <ann@<domain>>"},
        ),
        ("https://api.example.com/send --data-urlencode @note.txt", {"text": ""}),
        ('https://api.example.com/send --json \'{"id": <id>, "n": 1}\'', {"id": ""}),
        (
            'https://api.example.com/send --json \'{"id": {{user_id}}, "n": [{count}]}\'',
            {"id": "", "n": ["<count>"]},
        ),
        ('https://api.example.com/send --json \'{"id": YOUR_ID, "n": $N, "t": "{a} <b>"}\'', {"id": "", "n": ""}),
        ("https://api.example.com/send -d n=1 --data-urlencode 'note@note.txt'", {"note": ""}),
    ],
)
def test_what_documentation_leaves_to_its_reader_is_asked_for(
    workshop: Workshop, command: str, asked: dict[str, Any]
) -> None:
    (one,) = imported(workshop, f"curl {command}").values()
    found = {name: said.get("example", "") for name, said in one["params"].items() if said.get("required")}
    assert found == asked


@pytest.mark.parametrize("said", ["-d ''", "--data-raw '' -H 'Content-Type: application/json'"])
def test_an_empty_body_is_none(workshop: Workshop, said: str) -> None:
    (one,) = imported(workshop, f"curl -X POST https://api.example.com/jobs {said}").values()
    assert "params" not in one
    assert "body" not in one["rest"]


def test_quotes_that_are_escaped_for_windows_are_quotes(workshop: Workshop) -> None:
    command = """curl -X POST https://api.example.com/x -H 'Content-Type: application/json' -d '{\\"a\\": [1]}'"""
    (name,) = imported(workshop, command)
    assert "--data-binary '{\"a\":[1]}'" in workshop.request(name, {})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/places/Los%20Angeles.json", "get_places_los_angeles"),
        ("/projects/a%2Fb/issues", "get_projects_a_b_issues"),
        (
            "/very/long/path/with/many/segments/that/go/on/until/nobody/reads",
            "get_long_path_that_go_until_nobody_reads",
        ),
        ("/services/T0/B0/XXXXXXXXXXXXXXXXXXXXXXXX", "get_services_t_0_b"),
    ],
)
def test_a_name_that_is_made_of_an_address_can_be_read_and_is_not_too_long(
    workshop: Workshop, path: str, name: str
) -> None:
    assert [*imported(workshop, f"curl https://api.example.com{path}")] == [name]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("-H 'X-Hub-Signature-256: sha256=abc'", "each call is signed, which a skill cannot do"),
        ('-H "X-Signature: $(openssl dgst -sha256 body)"', "each call is signed, which a skill cannot do"),
        ("-F 'a=1;headers=\"X-Part: 1\"'", "the headers of a part are not sent: -F a"),
    ],
)
def test_what_of_a_command_is_made_for_one_call_is_listed(options: str, told: str) -> None:
    assert any(line.startswith(told) for line in losses(f"curl https://api.example.com/x {options}"))


@pytest.mark.parametrize(
    ("user", "auth"),
    [
        ("{email}/token:{api_token}", {"type": "basic", "label": "Username <email>/token"}),
        ("$USER:$PASS", {"type": "basic"}),
        ("ann:secret-1", {"type": "basic"}),
    ],
)
def test_a_user_name_of_several_parts_is_shown_when_it_is_asked_for(
    workshop: Workshop, user: str, auth: dict[str, str]
) -> None:
    imported(workshop, f'curl -u "{user}" https://api.example.com/tickets')
    assert workshop.front()["auth"] == auth


@pytest.mark.parametrize("writer", ["cat body.json", "printf '%d' 5", "jq -n '{a: 1}'", "echo {} | base64"])
def test_what_only_the_shell_knows_of_a_body_is_asked_for(workshop: Workshop, writer: str) -> None:
    (one,) = imported(workshop, f"{writer} | curl --json @- https://api.example.com/x").values()
    assert one["params"] == {"body": {"required": True, "description": "The whole body"}}


def test_what_a_command_takes_away_or_reads_from_files_is_told() -> None:
    assert losses("curl https://api.example.com/a -H 'Content-Type:' -d '{}'") == [
        "a body is sent with its type, also where the command takes it away: -H Content-Type:"
    ]
    assert losses("curl https://api.example.com/a -H 'Content-Type:' -H 'Accept:'") == []
    assert losses("curl https://api.example.com/a -H @headers.txt") == [
        "headers that lie in a file are not read: -H @…"
    ]


@pytest.mark.parametrize(("rest", "words"), SENT)
def test_what_a_command_sends_is_sent(workshop: Workshop, rest: str, words: str) -> None:
    (name,) = imported(workshop, f"curl {rest}")
    assert words in workshop.request(name, {})


AUTH = [
    (f"-H 'Authorization: Bearer {SECRET}'", BEARER),
    (f"-H 'Authorization: Token {SECRET}'", {"type": "api_key", "header": "Authorization", "prefix": "Token "}),
    (
        f"-H 'Authorization: Token token={SECRET}'",
        {"type": "api_key", "header": "Authorization", "prefix": "Token token="},
    ),
    (f"-H 'Authorization: {SECRET}'", {"type": "api_key", "header": "Authorization"}),
    (f"-H 'authorization: basic {SECRET}'", {"type": "basic"}),
    (f"-u 'me:{SECRET}'", {"type": "basic"}),
    (f"-u {SECRET}:", {"type": "basic", "password": ""}),
    (f"--user=me:{SECRET}", {"type": "basic"}),
    (f"https://me:{SECRET}@api.example.com/a", {"type": "basic"}),
    (f"--oauth2-bearer {SECRET}", BEARER),
    (f"-H 'X-API-Key: {SECRET}'", {"type": "api_key", "header": "X-API-Key"}),
    (f"-b 'session={SECRET}'", {"header": {"Cookie": "session={session}"}}),
    (f"-b 'a=1; session={SECRET}; theme=dark'", {"header": {"Cookie": "a=1; session={session}; theme=dark"}}),
    (
        f"-H 'Cookie: lang=en-US; connect.sid={SECRET}'",
        {"header": {"Cookie": "lang=en-US; connect.sid={connect_sid}"}},
    ),
    (f"-b 'a={SECRET}1; b={SECRET}2; c={SECRET}3; d={SECRET}4'", {"header": {"Cookie": "{cookie}"}}),
    (f"-b '{SECRET}=1; a=b'", {"header": {"Cookie": "{cookie}"}}),
    ("-b cookies.txt", {"header": {"Cookie": "{cookie}"}}),
    ("-b 'lang=en; theme=dark'", "none"),
    (f"'https://api.example.com/a?access_token={SECRET}'", {"type": "api_key", "query": "access_token"}),
    (f"'https://api.example.com/a?appid={SECRET}'", {"type": "api_key", "query": "appid"}),
    (f"-G -d 'key={SECRET}'", {"type": "api_key", "query": "key"}),
    (f"""-d '{{"password": "{SECRET}"}}'""", "none"),
    (
        f"-H 'DD-API-KEY: {SECRET}' -H 'DD-APPLICATION-KEY: {SECRET}2'",
        {"header": {"DD-API-KEY": "{dd_api_key}", "DD-APPLICATION-KEY": "{dd_application_key}"}},
    ),
]


@pytest.mark.parametrize(("option", "auth"), AUTH)
def test_a_secret_is_declared_and_left_out(workshop: Workshop, option: str, auth: object) -> None:
    url = "" if "https" in option else "https://api.example.com/a"
    done = workshop.run("curl", f"curl {option} {url}")
    assert done.code == 0
    assert workshop.front()["auth"] == auth
    written = [file.read_text() for file in workshop.folder.rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in [*written, done.out, done.err])


SWITCHES = [
    "--fail-with-body", "--basic", "--digest", "--tlsv1.2", "-4", "--raw", "--location-trusted", "-sSL",
    "--anyauth", "--ntlm", "--negotiate", "--http2-prior-knowledge", "--compressed-ssh", "--no-buffer",
    "--ssl-reqd", "--tr-encoding", "--ca-native", "--mptcp", "-#",
]  # fmt: skip
VALUED = [
    "--max-time 5", "-o out.json", "-w %{http_code}", "--ciphers x", "--proxy-user a:b",
    "--connect-to a:1:b:2", "--retry 3", "--aws-sigv4 aws:amz", "--cacert ca.pem", "--dns-servers 1.1.1.1",
    "--tls13-ciphers x", "-m5", "--keepalive-time 3",
]  # fmt: skip


@pytest.mark.parametrize("option", [*SWITCHES, *VALUED])
def test_no_option_makes_a_secret_an_address(option: str) -> None:
    for command in (f"curl {option} -u user:{SECRET} https://a.example.com/x", f"curl -u user:{SECRET} {option} "):
        said = front(command if "https" in command else f"{command} https://a.example.com/x")
        assert said["auth"] == {"type": "basic"}
        assert said["api"]["base_url"] == "https://a.example.com"
        assert SECRET not in json.dumps(said)


NAMES = [
    "Fastly-Key", "X-Auth-Key", "DD-APPLICATION-KEY", "Ocp-Apim-Subscription-Key", "x-functions-key",
    "api_key", "apikey", "token", "access_token", "client_secret", "refresh_token", "private_key", "password",
    "user_key", "sig", "appid", "secret", "X-Vault-Token",
]  # fmt: skip
PLACES = (
    "curl https://a.example.com/x -H '{name}: {secret}'",
    "curl 'https://a.example.com/x?a=1&{name}={secret}'",
    'curl https://a.example.com/x --json \'{{"{name}": "{secret}"}}\'',
    'curl https://a.example.com/x --json \'{{"deep": [{{"{name}": "{secret}"}}]}}\'',
    "curl https://a.example.com/x -d 'a=1&{name}={secret}'",
    "curl https://a.example.com/x --data-urlencode '{name}={secret}'",
    "curl https://a.example.com/x -F '{name}={secret}'",
    'curl https://a.example.com/x -F \'meta={{"{name}": "{secret}"}};type=application/json\'',
    "curl https://a.example.com/x --form-string '{name}={secret}'",
    "curl https://a.example.com/x -G -d '{name}={secret}'",
    "curl https://a.example.com/x --url-query '{name}={secret}'",
    "curl https://a.example.com/x -b '{name}={secret}'",
    "curl https://a.example.com/x -e 'https://b.example.com/?{name}={secret}'",
    'curl https://a.example.com/x --json \'{{"callback": "https://b.example.com/?{name}={secret}"}}\'',
    "curl https://a.example.com/x -H 'Content-Type: text/xml' -d '<{name}>{secret}</{name}>'",
)
QUIET = ("sig", "appid", "Fastly-Key", "x-functions-key")
"""Names that are of secrets and of other things: inside of texts and bodies their value decides."""


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_enters_a_file_wherever_it_stands(place: str) -> None:
    for name, secret in product(NAMES, (SECRET, "s3cr3tXy9KqLm2PvT8wZ")):
        if name in QUIET and secret == SECRET and PLACES.index(place) not in (0, 1, 9, 10, 11):
            continue
        imported = import_curl(CurlImport(place.format(name=name, secret=secret)), "service", Disk({}, {}))
        written = [*imported.plan.files.values(), *imported.plan.base.values(), *imported.losses.lines()]
        assert not any(secret in text for text in written), name


BODIES = [
    ("-d 'a=1&b=x y'", "form", {"a": 1, "b": "x y"}),
    ("--json '[1, 2]'", "json", {"body": [1, 2]}),
    ("-H 'Content-Type: text/plain' --data-raw 'hello'", "text", {"text": "hello"}),
    (
        "--data-urlencode 'To=+15550100' --data-urlencode 'q=cats & dogs'",
        "form",
        {"To": "+15550100", "q": "cats & dogs"},
    ),
    ("-d 'tag=a' -d 'tag=b'", "form", {"tag": ["a", "b"]}),
    ("-F 'meta={\"a\":1};type=application/json' -F 'note=x;y'", "multipart", {"meta": {"a": 1}, "note": "x;y"}),
]


@pytest.mark.parametrize(("option", "encoding", "defaults"), BODIES)
def test_bodies(option: str, encoding: str, defaults: dict[str, object]) -> None:
    utility = only(f"curl {option} https://api.example.com/send")
    assert utility["rest"]["method"] == "POST"
    assert utility["rest"].get("encoding", "json") == encoding
    assert {name: param["default"] for name, param in utility["params"].items()} == defaults


ASKED = [
    ("https://a.example.com/x -F file=@cat.png", {"file": {"type": "file", "required": True}}),
    ("https://a.example.com/x -H 'Content-Type: application/json' -d @p.json", {"body": None}),
    ("-X PUT https://a.example.com/f --data-binary @photo.jpg", {"content": {"type": "file"}}),
    ("-T r.pdf https://a.example.com/r.pdf", {"content": {"type": "file"}}),
    ("https://a.example.com/accounts/$ACCOUNT_ID/x", {"account_id": {"type": "string"}}),
    ("https://a.example.com/repos/OWNER/REPO/issues", {"owner": None, "repo": None}),
    ("https://a.example.com/rest/api/3/users/[USER_ID]", {"user_id": None}),
    ("https://a.example.com/x/{thing-id}/:other/<third>", {"thing_id": None, "other": None, "third": None}),
    ("'https://a.example.com/x?project=YOUR_PROJECT'", {"project": {"type": "string"}}),
    ('https://a.example.com/x --json "{\\"id\\": \\"$ID\\"}"', {"id": None}),
    ("https://a.example.com/x --json '{\"id\": '$ID'}'", {"id": None}),
    ('https://a.example.com/x --json \'{"a": {"b": "<b-id>"}}\'', {"a": {"example": {"b": "<b_id>"}}}),
    ("https://a.example.com/x -d 'q=repo:$OWNER/$REPO'", {"q": {"example": "repo:<owner>/<repo>"}}),
]


@pytest.mark.parametrize(("rest", "params"), ASKED)
def test_what_stands_for_a_value_is_asked_for(rest: str, params: dict[str, dict[str, object] | None]) -> None:
    declared = only(f"curl {rest}")["params"]
    assert {name for name, one in declared.items() if one.get("required")} == set(params)
    for name, said in params.items():
        assert (said or {}).items() <= declared[name].items()


def test_a_file_is_sent_as_it_is() -> None:
    assert only("curl -T r.pdf https://a.example.com/r.pdf")["rest"] == {
        "method": "PUT",
        "url": "/r.pdf",
        "encoding": "binary",
        "body": ".params.content",
    }
    assert only("curl -T r.pdf https://a.example.com/files/")["rest"]["url"] == "/files/r.pdf"


WRAPPED = [
    "curl.exe https://a.example.com/x",
    "$ curl https://a.example.com/x",
    "PS C:\\> curl.exe https://a.example.com/x",
    "```bash\ncurl https://a.example.com/x\n```",
    "# Ask with curl\nexport A=b\n/usr/bin/curl https://a.example.com/x | jq '.[]' > out.json",
    'curl ^"https://a.example.com/x^" ^\n  -H ^"accept: */*^"',
    "curl \\ \n  https://a.example.com/x \\\n\n",
    "curl https://a.example.com/x `\n  -s",
    "curl https://a.example.com/x 2>/dev/null",
    "curl https://a.example.com/x # the end",
    "curl\n  https://a.example.com/x\n  -s",
]


@pytest.mark.parametrize("text", WRAPPED)
def test_what_surrounds_a_command_is_dropped(text: str) -> None:
    said = front(text)
    assert said["api"]["base_url"] == "https://a.example.com"
    assert said["utilities"] == {"get_x": {"description": "GET /x", "rest": {"url": "/x"}}}


def test_what_a_browser_adds_is_dropped_and_told() -> None:
    command = (
        "curl 'https://a.example.com/x' -H 'accept: application/json' -H 'accept-language: de' "
        "-H 'sec-fetch-mode: cors' -H 'user-agent: Mozilla/5.0' -H 'x-own: 1' --data-raw $'{\"a\":\"b\\u0021\"}'"
    )
    assert only(command)["rest"]["headers"] == {"accept": "application/json", "x-own": ".params.own"}
    assert "headers that a browser adds by itself are left out" in losses(command)[0]


def test_addresses_without_a_scheme() -> None:
    assert front("curl localhost:9200/_bulk")["api"]["base_url"] == "http://localhost:9200"
    assert front("curl api.example.com/x")["api"]["base_url"] == "https://api.example.com"
    assert "http://" in losses("curl api.example.com/x")[0]


@pytest.mark.parametrize("more", ["https://b.example.com", "--next https://b.example.com", "&& curl b.example.com"])
def test_more_addresses_are_told(more: str) -> None:
    assert any("several addresses" in line for line in losses(f"curl https://a.example.com/x {more}"))


def test_a_second_command_adds_a_second_utility(workshop: Workshop) -> None:
    imported(workshop, "curl https://api.example.com/a -H 'X-API-Key: k'", "--name", "get_a")
    workshop.edit("description: GET /a", "description: The first")
    workshop.edit("  get_a:", "  first:")
    utilities = imported(workshop, "curl https://api.example.com/b -H 'X-API-Key: k'")
    assert list(utilities) == ["first", "get_b"]
    elsewhere = imported(workshop, "curl https://other.example.com/c")["get_c"]
    assert elsewhere["auth"] == "none"
    assert elsewhere["rest"] == {"url": "https://other.example.com/c"}
    assert "description: The first" in workshop.text()


def test_the_same_command_twice_changes_nothing(workshop: Workshop) -> None:
    for _ in range(2):
        imported(workshop, "curl https://api.example.com/a", "--name", "get_a")
    done = workshop.run("curl", "curl https://api.example.com/a", "--name", "get_a")
    assert "nothing changed" in done.out


def test_a_header_that_comes_twice_is_sent_with_both_values(workshop: Workshop) -> None:
    more = "-H 'X-Tag: a' -H 'x-tag: b' -b 'theme=dark' -H 'Cookie: lang=en'"
    utilities = imported(workshop, f"curl https://api.example.com/a {more}", "--name", "get_a")
    assert utilities["get_a"]["params"] == {"tag": {"type": "string", "default": "a, b"}}
    sent = workshop.request("get_a", {})
    assert "X-Tag: a, b\n" in sent
    assert "Cookie: theme=dark; lang=en\n" in sent


def test_options_without_a_counterpart_are_told(workshop: Workshop) -> None:
    done = workshop.run("curl", "curl -k --proto '=https' https://api.example.com/a", "--json")
    assert json.loads(done.out)["not_expressed"] == [
        {"what": "this option of curl has no counterpart", "where": ["-k", "--proto"]}
    ]


REFUSED = [
    ("curl", "no address"),
    ("wget https://api.example.com/a", "no curl command"),
    (f"curl 'https://api.example.com/{SECRET}", "open quote"),
    (f"curl --zzz {SECRET} https://api.example.com/a", "option --zzz is not known"),
    ("curl https://$HOST/a", "blank in it (host)"),
    ("curl ftp://files.example.com/a", "no plain http(s) address"),
    (f"curl https://api.example.com/a -X {SECRET}", "knows the methods"),
    ("curl https://api.example.com/a -H", "has no value"),
]


@pytest.mark.parametrize(("command", "words"), REFUSED)
def test_what_is_no_call_is_refused_without_quoting_it(workshop: Workshop, command: str, words: str) -> None:
    done = workshop.run("curl", command)
    assert done.code == 1
    assert words in done.err
    assert SECRET not in done.err


@settings(max_examples=examples(200), deadline=None)
@given(st.text("curl -XHdFuGb'\"={}:/.@?&%\\a1 \n$^`<>", max_size=60))
def test_any_command_is_read_or_refused(tail: str) -> None:
    with suppress(ImportProblem):
        assert read_curl(f"curl https://api.example.com/a {tail}", Losses()).operations


@given(st.lists(st.sampled_from([*"sSLkivfgGI"]), max_size=6), st.sampled_from("XHdFubeATo"))
def test_options_in_one_word_are_those_in_several(letters: list[str], valued: str) -> None:
    apart = options([*(f"-{letter}" for letter in letters), f"-{valued}", "value"])
    for joined in (["-" + "".join(letters) + valued, "value"], ["-" + "".join(letters) + valued + "value"]):
        assert options(joined) == apart


SAID = {
    "text/xml; charset=utf-8": "text/xml; charset=utf-8",
    "application/json;odata.metadata=full": "application/json; odata.metadata=full",
    "application/json; charset=utf-8": "application/json",
    "text/xml; charset=iso-8859-1": "text/xml",
    'application/soap+xml; charset=utf-8; action="urn:x"': "application/soap+xml; charset=utf-8",
}


@pytest.mark.parametrize("said", SAID)
def test_what_a_content_type_says_beside_its_kind_is_sent_or_listed(workshop: Workshop, said: str) -> None:
    sent = """{"a":1}""" if "json" in said else "<a/>"
    command = f"curl https://api.example.com/a -H 'Content-Type: {said}' -d '{sent}'"
    done = workshop.run("curl", command)
    assert done.code == 0, done.err
    [name] = workshop.front()["utilities"]
    assert f"Content-Type: {SAID[said]}\n" in workshop.request(name, {})
    assert ("left out: application/soap+xml" in done.out) is ("action" in said)


@pytest.mark.parametrize(
    ("first", "second", "told", "auth"),
    [
        ("/a -H 'Authorization: Bearer $A'", "https://other.example.com/b -H 'Authorization: Bearer $B'",
         "a key of another service is not asked for: import it with an --id of its own: GET /b", "none"),
        ("/a -u a:b", "'https://other.example.com/bot<token>/me'",
         "a key of another service is not asked for: import it with an --id of its own: GET /bot", "none"),
        ("/a", "'https://api.example.com/b?api_key=$K'",
         "the skill has no credential, so the call is sent without one: write its `auth`: GET /b", None),
        ("/a -H 'Authorization: Bearer $A'", "'https://api.example.com/b?api_key=$K'",
         "the command proves itself in its own way; the skill's credential is sent: GET /b", None),
        ("/a -H 'Authorization: Bearer $A'", "https://api.example.com/b -H 'Authorization: Bearer $B'", "", None),
        ("/a -H 'Authorization: Bearer $A'", "https://other.example.com/b", "", "none"),
    ],
)  # fmt: skip
def test_a_key_of_one_service_goes_to_no_other(
    workshop: Workshop, first: str, second: str, told: str, auth: str | None
) -> None:
    imported(workshop, f"curl https://api.example.com{first}")
    done = workshop.run("curl", f"curl {second}")
    workshop.check()
    *_, added = workshop.front()["utilities"].values()
    assert added.get("auth") == auth
    assert told in done.out
    assert ("Not expressed" in done.out) == bool(told)
