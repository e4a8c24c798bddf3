"""Parts of a multipart body are sent as the command, the recording or the description has them."""

import json
import re
from typing import Any

import pytest

from tests.importers.test_recordings import entry
from tests.importers.workshop import NOTHING, Workshop, body, service
from tests.toy.raw import Toy, answer

BASE64 = "aGk="
MADE = """---
id: service
name: Service
description: Files
utilities:
  add:
    description: Add a file
    params: {file: {type: file, required: true}, kind: {type: string, required: true}}
    rest:
      method: POST
      url: ORIGIN/files
      encoding: multipart
      body: {file: '.params | .kind as $kind | .file | .content_type = "image/" + $kind'}
---
"""
Part = tuple[str, str | None, str | None, str]


def parts(toy: Toy) -> list[Part]:
    """Name, filename, type and content of each part of the last body, in their order."""
    body = toy.requests[-1].body.decode()
    boundary = body.split("\r\n", 1)[0]
    found: list[Part] = []
    for piece in body.split(boundary)[1:-1]:
        head, _, content = piece.strip("\r\n").partition("\r\n\r\n")
        named = dict(re.findall(r'(name|filename)="([^"]*)"', head))
        kind = re.search(r"Content-Type: (.*)", head)
        found.append((named["name"], named.get("filename"), kind[1].strip() if kind else None, content))
    return found


def sent(workshop: Workshop, toy: Toy, params: dict[str, Any]) -> list[Part]:
    workshop.check()
    (utility,) = workshop.front()["utilities"]
    assert workshop.console.run("approve", "service", "--yes").code == 0
    done = workshop.console.run("call", "service", utility, "--json", json.dumps(params))
    assert done.code == 0, done.err + done.out
    return parts(toy)


@pytest.mark.parametrize(
    ("options", "params", "expected"),
    [
        ("-F 'file=@a.png;type=image/png'", {"file": BASE64}, [("file", "file", "image/png", "hi")]),
        (
            "-F 'file=@a.png;type=image/png;filename=logo.png'",
            {"file": {"data": BASE64, "filename": "b.jpg", "content_type": "image/jpeg"}},
            [("file", "b.jpg", "image/jpeg", "hi")],
        ),
        (
            "-F 'file=@a.png;filename=logo.png;type=image/png'",
            {"file": BASE64},
            [("file", "logo.png", "image/png", "hi")],
        ),
        (
            "-F 'pages=@a.png;type=image/png' -F 'pages=@b.png;type=image/png'",
            {"pages": [BASE64, {"data": BASE64, "content_type": "image/gif"}]},
            [("pages", "pages", "image/png", "hi"), ("pages", "pages", "image/gif", "hi")],
        ),
        ("-F 'm=<m.json;type=application/json'", {"m": {"a": 1}}, [("m", None, "application/json", '{"a":1}')]),
        ("-F 'meta=[1,2];type=application/json'", {}, [("meta", None, "application/json", "[1,2]")]),
    ],
)  # fmt: skip
def test_a_part_has_the_type_and_the_name_of_the_command_where_its_caller_says_none(
    workshop: Workshop, options: str, params: dict[str, Any], expected: list[Part]
) -> None:
    with Toy(answer(body=b"{}")) as toy:
        assert workshop.run("curl", f"curl {toy.origin}/v1/files {options}").code == 0
        assert sent(workshop, toy, params) == expected


def test_the_parts_keep_the_order_of_the_command(workshop: Workshop) -> None:
    with Toy(answer(body=b"{}")) as toy:
        workshop.run("curl", f"curl {toy.origin}/ -F key=a -F policy=b -F file=@a.png -F last=c")
        names = [name for name, *_ in sent(workshop, toy, {"file": BASE64})]
    assert names == ["key", "policy", "file", "last"]


def test_a_text_part_whose_type_cannot_be_said_is_listed(workshop: Workshop) -> None:
    done = workshop.run(
        "curl", "curl https://api.example.com/x -F 'page=<b>hi</b>;type=text/html' -F 'a=b;type=text/plain'"
    )
    assert "a part that is a text is sent without its type: page (text/html)" in done.out


def test_a_recorded_file_is_sent_with_the_type_that_it_had(workshop: Workshop) -> None:
    with Toy(answer(body=b"{}")) as toy:
        fields = [{"name": "doc", "fileName": "a.pdf", "contentType": "application/pdf"}]
        posted = {"mimeType": "multipart/form-data; boundary=x", "params": fields}
        made = json.dumps({"log": {"entries": [entry("POST", f"{toy.origin}/docs", postData=posted)]}})
        workshop.imported(made, kind="har")
        assert sent(workshop, toy, {"doc": BASE64}) == [("doc", "doc", "application/pdf", "hi")]


def test_a_file_is_sent_with_the_one_type_that_a_description_says_of_its_part(workshop: Workshop) -> None:
    file = {"type": "string", "format": "binary"}
    said = body({"type": "object", "properties": {"logo": file, "photo": file}}, "multipart/form-data")
    said["content"]["multipart/form-data"]["encoding"] = {
        "logo": {"contentType": "image/svg+xml"}, "photo": {"contentType": "image/png, image/jpeg"},
    }  # fmt: skip
    with Toy(answer(body=b"{}")) as toy:
        document = service(
            {"/logos": {"post": {"requestBody": said, "responses": NOTHING}}}, servers=[{"url": toy.origin}]
        )
        workshop.imported(document)
        found = sent(workshop, toy, {"logo": BASE64, "photo": BASE64})
        assert [part[2] for part in found] == ["image/svg+xml", "application/octet-stream"]
        assert [part[0] for part in sent(workshop, toy, {"photo": BASE64})] == ["photo"]


def test_a_type_that_an_expression_makes_cannot_break_out_of_its_part(workshop: Workshop) -> None:
    with Toy(answer(body=b"{}")) as toy:
        workshop.console.write("service/readme.md", MADE.replace("ORIGIN", toy.origin))
        workshop.console.run("approve", "service", "--yes")
        fine = workshop.console.run("call", "service", "add", "--json", json.dumps({"file": BASE64, "kind": "gif"}))
        assert (fine.code, parts(toy)) == (0, [("file", "file", "image/gif", "hi")])
        evil = {"file": BASE64, "kind": 'gif\r\nContent-Disposition: form-data; name="admin"'}
        done = workshop.console.run("call", "service", "add", "--json", json.dumps(evil))
        assert (
            "cannot be sent as multipart: a file has a content_type that is not like image/png"
            in done.out + done.err
        )
        assert len(toy.requests) == 1
