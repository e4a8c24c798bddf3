"""Values that hardly anybody sends: what cannot be sent is the caller's to mend, and never goes out as another."""

from pathlib import Path

from tests.language.support import serving
from tests.toy.raw import answer_json

PLACES = """
utilities:
  path:
    description: x
    params: {v: {type: string, required: true}}
    rest: {url: "/things/{v}"}
  slashes:
    description: x
    params: {v: {type: string, required: true}}
    rest: {url: "/things/{+v}"}
  pair:
    description: x
    params: {v: {type: string}}
    rest: {url: "/things?v={v}"}
  query:
    description: x
    params: {v: {type: string}}
    rest: {url: /things, query: {v: .params.v}}
  form:
    description: x
    params: {v: {type: string}}
    rest: {method: POST, url: /things, encoding: form, body: {v: .params.v}}
  multipart:
    description: x
    params: {v: {type: string}}
    rest: {method: POST, url: /things, encoding: multipart, body: {v: .params.v}}
  text:
    description: x
    params: {v: {type: string}}
    rest: {method: POST, url: /things, encoding: text, body: .params.v}
  json:
    description: x
    params: {v: {type: string}}
    rest: {method: POST, url: /things, body: {v: .params.v}}
"""


def test_half_of_a_character_is_refused_wherever_it_cannot_be_said(tmp_path: Path) -> None:
    body, headers = b'{"v": "a\\ud83d"}', {"Content-Type": "application/json"}
    with serving(tmp_path, PLACES, answer_json({})) as (house, toy):
        for name in ("path", "slashes", "pair", "query", "form", "multipart", "text"):
            refused = house.client.post(f"/api/skills/demo/{name}", content=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params"), refused.text
            (problem,) = refused.json()["problems"]
            assert (problem["path"], problem["message"][:31]) == ("v", "has half of a character in it ("[:31]), name
        assert not toy.requests
        assert house.client.post("/api/skills/demo/json", content=body, headers=headers).status_code == 200
        (sent,) = toy.requests
    assert sent.body == body.replace(b": ", b":")
