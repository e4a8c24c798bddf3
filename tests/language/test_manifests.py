"""What a manifest may say of pages, jobs and files, and what is shown at its character when it may not."""

import pytest

from tests.manifest.loading import go, texts, utility

URL = "url: https://api.example.com/x"
FILE = "f: {type: file}"


@pytest.mark.parametrize(
    ("rest", "params", "expected"),
    [
        (f"{URL}\nresponse: {{mapping: {{a: .a}}}}\npaginate: {{style: page}}", "", "`mapping` makes one object"),
        (f"{URL}\nresponse: {{raw: true}}\npaginate: {{style: page}}", "", "`raw` hands bytes on"),
        (f"{URL}\npaginate: {{style: page}}\npoll: {{url: .u, until: .d}}", "", "by pages or by polling, not both"),
        (f"{URL}\npaginate: {{style: page, start: 2}}", "", "`start` must be at most 1"),
        (f"{URL}\nbody: .params", "f: {type: file, default: YQ==}", "`default` says nothing about a file"),
        (f"{URL}\nbody: .params", "f: {type: file, enum: [YQ==]}", "`enum` says nothing about a file"),
        (f"{URL}\nbody: .params", "f: {type: object, properties: {g: {type: file}}}", "a file is a param, or"),
        (f"{URL}\nbody: .params", "f: {type: array, items: {type: array, items: {type: file}}}", "a file is a"),
        (f"{URL}\nbody: .params", "f: {type: [file, string]}", "`type[0]` is `file`; it must be one of string"),
    ],
)  # fmt: skip
def test_a_mistake_about_pages_jobs_or_files_is_one_error(rest: str, params: str, expected: str) -> None:
    found = texts(utility(f"method: POST\n{rest}", params=params))
    assert len(found) == 1, found
    assert expected in found[0]


def test_files_are_known_and_published() -> None:
    made = go(
        f"{URL}\nmethod: POST\nbody: .params",
        params="f: {type: file, example: YQ==}\ng: {type: array, items: {type: file}}",
    )
    assert made.files == {"f", "g"}
    properties = made.params["properties"]
    assert isinstance(properties, dict)
    assert properties["f"] == {
        "type": ["string", "object"],
        "description": "A file: base64 text, a data: url, or {data, filename, content_type} with base64 in data",
        "contentEncoding": "base64",
        "properties": {
            "data": {"type": "string"},
            "filename": {"type": "string"},
            "content_type": {"type": "string"},
        },
        "required": ["data"],
        "additionalProperties": False,
        "examples": ["YQ=="],
    }


def test_a_manifest_that_takes_a_param_of_the_runtime_is_warned() -> None:
    front = utility(
        f"{URL}\nquery: {{w: .params.wait}}\npoll: {{url: .u, until: .d}}", params="wait: {type: boolean}"
    )
    assert "`wait` belongs to the runtime where a utility polls" in "".join(texts(front, "warning"))


def test_pages_without_a_root_or_transform_are_their_rows() -> None:
    assert go(f"{URL}\npaginate: {{style: page, items: /a/b}}").rest.response.root == ("a", "b")
    own = go(f"{URL}\nresponse: {{root: /c}}\npaginate: {{style: page, items: /a/b}}")
    assert own.rest.response.root == ("c",)
