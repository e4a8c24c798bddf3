"""LAP files become skills, and what LAP leaves out is told."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.lap.fields import read_fields
from agentos_runtime.importers.lap.reader import read_lap
from tests.importers.documents import KENNEL_LAP
from tests.importers.workshop import Workshop
from tests.sizes import examples


def test_a_lap_file_becomes_a_skill(workshop: Workshop) -> None:
    front = workshop.imported(KENNEL_LAP, kind="lap")
    assert front["auth"] == {"type": "api_key", "header": "X-Kennel-Key"}
    assert front["api"] == {"base_url": "https://kennel.example.com/v2"}
    assert front["sources"]["lap"]["version"] == "2.1"
    assert list(front["utilities"]) == ["list_dogs", "create_dog", "update_dog", "delete_dog"]
    assert front["utilities"]["list_dogs"] == {
        "description": "List dogs",
        "params": {
            "size": {"type": "string", "enum": ["small", "large"], "description": "How large, small or other"},
            "per": {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "required": True, "items": {"type": "integer"}},
                    "b": {"type": "string"},
                },
            },
        },
        "returns": "array",
        "rest": {
            "url": "/dogs",
            "query": {"size": ".params.size", "per": ".params.per"},
            "paginate": {"style": "page", "items": "/data"},
        },
    }
    assert front["utilities"]["create_dog"]["params"] == {
        "name": {"type": "string", "required": True, "description": "What it answers to, e.g. Rex: the king"},
        "born": {"type": "string", "description": "YYYY-MM-DD"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "happy": {"type": "boolean", "description": "Default: True"},
        "size": {"type": "string"},
    }
    assert front["utilities"]["update_dog"]["params"]["happy"] == {
        "type": "boolean",
        "description": "Default: True",
    }
    assert front["utilities"]["delete_dog"]["returns"] == "void"


def test_what_lap_does_not_say_is_told(workshop: Workshop) -> None:
    losses = workshop.losses(KENNEL_LAP, kind="lap")
    assert any("where a param goes" in loss for loss in losses)
    assert losses["the directive @whatever is not known"] == ["line 22"]
    assert losses["it takes `stream`, but nothing says what its events are: the field is left out"] == [
        "POST /dogs"
    ]
    slashed = "choices are parted by `/`, so one that holds a `/` has become two; they are not checked"
    assert losses[slashed] == ["POST /dogs size"]
    assert "calls can be proven in several ways; the first is used" in losses


def test_a_lap_skill_is_brought_up_to_date_like_any_other(workshop: Workshop) -> None:
    workshop.imported(KENNEL_LAP, kind="lap")
    workshop.edit("description: List dogs", "description: Our dogs")
    report = workshop.report(KENNEL_LAP.replace("Update a dog", "Change a dog"), kind="lap")
    assert report["changed"] == {"update_dog": ["description"]}
    assert workshop.front()["utilities"]["list_dogs"]["description"] == "Our dogs"


REFUSED = [
    ("@api X", "no line `@lap v…`"),
    ("@lap v1\n@api X", "--base-url"),
    ("@lap v1\n@base https://a.example\n@desc X", "Line 3 of the LAP file stands before the first @endpoint"),
    ("@lap v1\n@base https://a.example\n@endpoint /a", "Line 3 of the LAP file: `@endpoint METHOD /path`"),
]  # fmt: skip
ODD = [
    ("@optional {a: }", "Line 4 of the LAP file: a type"),
    ("@optional {a str}", "`name: type` is expected"),
    (f"@optional {{a: {'[' * 99}", "nested more than 40"),
]


@pytest.mark.parametrize(("line", "words"), ODD)
def test_a_line_that_cannot_be_read_is_told(workshop: Workshop, line: str, words: str) -> None:
    text = f"@lap v1\n@base https://a.example\n@endpoint GET /a\n{line}"
    told = workshop.losses(text, kind="lap")["what cannot be read is left out"]
    assert any(words in line for line in told)


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_lap_file_that_cannot_be_read_is_refused_at_its_line(workshop: Workshop, text: str, words: str) -> None:
    done = workshop.run("lap", workshop.document(text))
    assert done.code == 1
    assert words in done.err


words = st.text("abcdefgh ,.:()#/-", max_size=40).map(lambda text: " ".join(text.split()).strip("#, "))
kinds = st.recursive(
    st.sampled_from(["str", "int", "num", "bool", "any", "str(uuid)", "str(a/b)", "int?", "str(date-time)?"]),
    lambda below: st.one_of(below.map(lambda kind: f"[{kind}]"), below.map(lambda kind: f"map{{x!: {kind}}}")),
    max_leaves=4,
)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.sampled_from("klmnop"), kinds, words), min_size=1, max_size=5))
def test_every_field_is_found_whatever_its_remark_says(fields: list[tuple[str, str, str]]) -> None:
    written = [f"{name}: {kind}" + (f" # {remark}" if remark else "") for name, kind, remark in fields]
    found, rest = read_fields("{" + ", ".join(written) + "} # behind", 1, [])
    assert [(one.name, one.remark) for one in found] == [(name, remark) for name, _, remark in fields]
    assert rest == "behind"


@settings(max_examples=examples(200), deadline=None)
@given(st.text("@ablendpoints{}[]:,#=!?()/ \nGET", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ImportProblem):
        read_lap(f"@lap v1\n@base https://a.example\n@endpoint POST /a\n@optional {{{text}", Losses())


def test_an_odd_line_costs_what_it_is_about_and_is_listed(workshop: Workshop) -> None:
    text = "\n".join(
        [
            "@lap v0.3",
            "@api T",
            "@base https://a.example.com",
            "@endpoint GET /things",
            "@optional {include[]: [str]: any # more, fields {a, b}, meta: map<str,str>, +1: int, x y, last: str}",
            "@returns(200) {id: str, reactions: map{+1: int, -1: int}}",
            "@endpoint OPTIONS /things",
            "@required {lost: str}",
            "@returns(200) OK",
            "@endpoint GET /other",
            "@required {open: str",
            "@returns(200) {id: str}",
            "@end",
        ]
    )
    utilities = workshop.imported(text, kind="lap")["utilities"]
    assert set(utilities) == {"get_things", "get_other"}
    assert {"include", "meta", "last"} <= set(utilities["get_things"]["params"])
    losses = workshop.losses(text, kind="lap")["what cannot be read is left out"]
    assert [line.partition(" of the")[0] for line in losses] == ["Line 5", "Line 5", "Line 7", "Line 11"]


def lap(*lines: str, auth: str = "", base: str = "https://a.example.com") -> str:
    said = [f"@auth {auth}"] if auth else []
    return "\n".join(["@lap v0.3", "@api T", f"@base {base}", *said, *lines, "@end"])


@pytest.mark.parametrize(
    ("said", "auth"),
    [
        ("ApiKey api_key in query", {"type": "api_key", "query": "api_key"}),
        ("ApiKey key in query", {"type": "api_key", "query": "key"}),
        ("ApiKey apikey in header", {"type": "api_key", "header": "apikey"}),
        ("ApiKey header:X-Api-Key", {"type": "api_key", "header": "X-Api-Key"}),
        ("ApiKey sid in cookie", {"header": {"Cookie": "sid={key}"}}),
        ("ApiKey X-Key", {"type": "api_key", "header": "X-Key"}),
        ("HTTP Basic", {"type": "basic"}),
        ("Negotiate | OAuth2", {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}),
        ("ApiKey (inferred from docs)", "none"),
        ("ApiKey token in path", "none"),
    ],
)
def test_a_key_goes_where_the_file_says(workshop: Workshop, said: str, auth: object) -> None:
    text = lap("@endpoint GET /a", "@returns(200) {id: str}", auth=said)
    assert workshop.imported(text, kind="lap")["auth"] == auth
    told = workshop.losses(text, kind="lap")
    assert any("not understood" in sentence for sentence in told) == (auth == "none" or "Negotiate" in said)


def test_an_endpoint_may_say_for_itself_how_it_is_proven(workshop: Workshop) -> None:
    text = lap(
        "@endpoint GET /a", "@returns(200) {id: str}",
        "@endpoint GET /b", "@auth Basic", "@returns(200) {id: str}",
        "@endpoint GET /c", "@auth none", "@returns(200) {id: str}",
        auth="Bearer bearer",
    )  # fmt: skip
    front = workshop.imported(text, kind="lap")
    assert list(front["auth"]["credentials"]) == ["default", "basic_2"]
    said = {name: (one.get("credential"), one.get("auth")) for name, one in front["utilities"].items()}
    assert said == {"get_a": (None, None), "get_b": ("basic_2", None), "get_c": (None, "none")}


@pytest.mark.parametrize("kind", ["lap", "postman", "har"])
def test_the_way_to_prove_a_call_that_was_chosen_holds_for_every_kind(workshop: Workshop, kind: str) -> None:
    address = "https://a.example.com/a?kind=b"
    documents = {
        "lap": lap("@endpoint GET /a", "@optional {kind: str}", "@returns(200)", auth="Bearer bearer"),
        "postman": {
            "info": {"name": "T", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
            "item": [{"name": "A", "request": {"method": "GET", "url": address}}],
        },
        "har": {
            "log": {
                "entries": [
                    {
                        "request": {"method": "GET", "url": address, "headers": [], "queryString": []},
                        "response": {"status": 200, "content": {"mimeType": "application/json", "text": "{}"}},
                    }
                ]
            }
        },
    }
    document = documents[kind] if isinstance(documents[kind], str) else json.dumps(documents[kind])
    front = workshop.imported(document, "--auth", "header:X-Key", kind=kind)
    assert front["auth"] == {"type": "api_key", "header": "X-Key"}
    assert workshop.front()["sources"][kind]["auth"] == "header:X-Key"
    done = workshop.run(kind, workshop.document(document), "--auth", "anything")
    assert (done.code, "--auth is bearer" in done.err) == (1, True)


def test_params_of_all_endpoints_are_params_of_each(workshop: Workshop) -> None:
    """Where one of the endpoints sends no body, they stand in the query of all."""
    fields = "@common_fields {key: str # API key., alt: str=json, X-Tenant: str, org: str # The owner}"
    text = lap(
        fields,
        "@endpoint GET /{org}/things", "@optional {alt: str # Its own}", "@returns(200) {id: str}",
        "@endpoint POST /{org}/things", "@required {name: str}", "@returns(201) {id: str}",
        "@endpoint GET /open", "@returns(200) {id: str}",
        auth="ApiKey key in query",
    )  # fmt: skip
    utilities = workshop.imported(text, kind="lap")["utilities"]
    assert utilities["create_thing"]["rest"] == {
        "method": "POST",
        "url": "/{org}/things",
        "headers": {"X-Tenant": ".params.tenant"},
        "query": {"alt": ".params.alt"},
        "body": {"name": ".params.name"},
    }
    assert utilities["get_things"]["params"] == {
        "org": {"type": "string", "required": True, "description": "The owner"},
        "alt": {"type": "string", "description": "Its own"},
        "tenant": {"type": "string"},
    }
    assert set(utilities["get_open"]["params"]) == {"alt", "tenant"}
    only_posts = lap(
        "@common_fields {client: str}", "@endpoint POST /a", "@required {b: str}", "@returns(200) {c: str}"
    )
    assert (
        workshop.imported(only_posts, kind="lap", skill="posts")["utilities"]["create_a"]["rest"]["body"]
        == ".params"
    )


def test_a_param_that_is_a_key_is_asked_of_nobody(workshop: Workshop) -> None:
    text = lap("@endpoint GET /a", "@required {api_key: str, q: str}", "@returns(200) {id: str}")
    front = workshop.imported(text, kind="lap")
    assert front["auth"] == {"type": "api_key", "query": "api_key"}
    assert set(front["utilities"]["get_a"]["params"]) == {"q"}
    text = lap(
        "@endpoint GET /a", "@optional {Authorization: str, q: str}", "@returns(200) {id: str}", auth="Basic"
    )
    front = workshop.imported(text, kind="lap", skill="other")
    assert front["auth"] == {"type": "basic"}
    assert set(front["utilities"]["get_a"]["params"]) == {"q"}


def test_headers_bodies_and_both_places_of_a_name_are_told_apart(workshop: Workshop) -> None:
    text = lap(
        "@endpoint PUT /things/{id}",
        "@required {id: str, id: int # The inner one, X-Request-Id: str, Content-Type: str, Idempotency-Key: str}",
        "@returns(204)", "@returns(200) {id: str}",
        "@endpoint PATCH /raw", "@required {body: [map]}", "@optional {dry: any}", "@returns(204)",
        "@endpoint POST /notes", "@required {body: map, title: str}", "@returns(200)",
        "@endpoint POST /#X-Amz-Target=Stars.CreateStar", "@required {X-Amz-Target: str, name: str}",
    )  # fmt: skip
    utilities = workshop.imported(text, kind="lap")["utilities"]
    assert utilities["update_thing"]["rest"] == {
        "method": "PUT",
        "url": "/things/{id}",
        "headers": {"X-Request-Id": ".params.request_id"},
        "body": {"id": ".params.body_id"},
        "retry": {"idempotency_header": "Idempotency-Key"},
    }
    assert utilities["update_thing"]["returns"] == {"id": "string"}
    assert utilities["update_raw"]["rest"]["body"] == ".params.body"
    assert utilities["update_raw"]["rest"]["query"] == {"dry": ".params.dry"}
    assert utilities["update_raw"]["returns"] == "void"
    assert utilities["create_note"]["rest"]["body"] == ".params"
    assert utilities["create_note"]["rest"]["response"] == {"as": "any"}
    star = utilities["create_star"]
    assert star["params"] == {"name": {"type": "string", "required": True}}
    assert star["rest"]["headers"] == {"X-Amz-Target": '"Stars.CreateStar"'}
    assert "X-Amz-Target: Stars.CreateStar" in workshop.request("create_star", {"name": "a"})


def test_types_defaults_and_choices_are_read_whole(workshop: Workshop) -> None:
    text = lap(
        "@type Size {w!: int, h: int}",
        "@endpoint POST /a",
        "@optional {fields: str=id,name, color: str=#fff # Colour, way: str(string)(asc/desc (slow)),",
        "  dose rate: num, units: enum(metric/imperial)=metric, empty: str(/x), more: [str](a/b),",
        "  kind: any(1/x)\u2028, last: str}",
        "@returns(200) → Size",
        "@endpoint POST /b", "@body → Size", "@returns(200)",
        "@endpoint GET /a/", "@returns(200)",
        "@endpoint GET /a", "@returns(200)",
    )  # fmt: skip
    utilities = workshop.imported(text, kind="lap")["utilities"]
    assert utilities["create_a"]["params"] == {
        "fields": {"type": "string", "description": "Default: id,name"},
        "color": {"type": "string", "description": "Colour (default: #fff)"},
        "way": {"type": "string", "enum": ["asc", "desc (slow)"]},
        "dose_rate": {"type": "number"},
        "units": {"type": "string", "enum": ["metric", "imperial"], "description": "Default: metric"},
        "empty": {"type": "string", "enum": ["", "x"]},
        "more": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        "kind": {"description": "one of 1, x"},
        "last": {"type": "string"},
    }
    assert utilities["create_a"]["returns"] == {"w": "integer", "h": "integer"}
    assert utilities["create_b"]["params"] == {"w": {"type": "integer", "required": True}, "h": {"type": "integer"}}
    assert workshop.losses(text, kind="lap")["it is the same call as GET /a/, which is imported"] == ["GET /a"]


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("/api/v1", "The address is given as /api/v1: say the host with --base-url https://HOST/api/v1"),
        ("//a.example.com", "say it with --base-url https://a.example.com"),
        ("http://a.{region}.example.com", "leaves {region} open: write it out with --base-url https://…"),
        ("https://u:p@a.example.com", "write --base-url https://…"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused_with_what_to_say(
    workshop: Workshop, base: str, words: str
) -> None:
    text = lap("@endpoint GET /a", "@returns(200)", base=base)
    done = workshop.run("lap", workshop.document(text))
    assert (done.code, words in done.err) == (1, True), done.err
    assert workshop.run("lap", workshop.document(text), "--base-url", "https://b.example.com").code == 0


def test_calls_of_one_address_and_paths_of_other_letters_are_the_same_on_every_import(workshop: Workshop) -> None:
    text = lap(
        "@endpoint GET /straße/{größe}", "@required {größe: str}",
        "@endpoint POST /rpc/#method=pets.list", "@endpoint POST /rpc/#method=pets.get",
    )  # fmt: skip
    front = workshop.imported(text, kind="lap")
    assert [one["rest"]["url"] for one in front["utilities"].values()] == [
        "/stra%C3%9Fe/{gr_e}", "/rpc/", "/rpc/",
    ]  # fmt: skip
    again = workshop.report(text, kind="lap")
    assert (again["added"], again["changed"], again["removed"]) == ([], {}, [])


def test_a_remark_behind_a_path_is_none_of_it(workshop: Workshop) -> None:
    front = workshop.imported(lap("@endpoint GET /a/{id}  # one of them", "@required {id: str}"), kind="lap")
    assert front["utilities"]["get_a"]["rest"]["url"] == "/a/{id}"
