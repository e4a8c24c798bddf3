"""Documents that are not what OpenAPI says: imported as far as they make sense, or refused, never a crash."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.build import Source, build
from agentos_runtime.importers.names.choosing import utility_names
from agentos_runtime.importers.openapi.operations import read_openapi
from agentos_runtime.importers.update import Disk, make_plan
from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from tests.importers.documents import COMBINED, FORMS, KENNEL
from tests.importers.workshop import Workshop, service
from tests.reading import as_yaml, read_yaml
from tests.sizes import examples


@pytest.fixture(scope="module")
def schema() -> ManifestSchema:
    return ManifestSchema(read_schema("manifest"))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in below for place in places(one, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


FORMS_DOCUMENT = read_yaml(FORMS)
DOCUMENTS = [read_yaml(KENNEL), read_yaml(COMBINED), FORMS_DOCUMENT]
junk: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1.5, "", "x y", "{", "#/paths", "ä\n---\n'\"", [], {}, [None], {"": {}}, {"$ref": "#/nowhere"}]
)


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_one_wrong_value_anywhere_is_survived(schema: ManifestSchema, document: Any, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(places(document)))
    broken = replaced(document, place, data.draw(junk))
    losses = Losses()
    try:
        api = read_openapi(as_yaml(broken).encode(), "file:///service.yaml", lambda _: b"", losses)
    except ImportProblem:
        return
    names = utility_names(api.operations, ("service", api.title), {}, {})
    generated = build(api, "service", names, Source("openapi", "service.yaml"), losses)
    text = make_plan(generated, Disk({}, {}), split=False).files["readme.md"]
    loaded = load_skill(text.encode(), schema=schema, file=Path("service.md"), folder=None, siblings=())
    assert [str(problem) for problem in loaded.problems if problem.severity == "error"] == []


@pytest.mark.slow
def test_nothing_where_anything_may_stand_is_survived() -> None:
    for place in places(FORMS_DOCUMENT):
        broken = replaced(FORMS_DOCUMENT, place, None)
        with contextlib.suppress(ImportProblem):
            read_openapi(as_yaml(broken).encode(), "file:///service.yaml", lambda _: b"", Losses())


def test_names_that_are_no_texts_and_servers_that_are_no_addresses_are_survived(workshop: Workshop) -> None:
    old: dict[str, Any] = {"swagger": "2.0", "info": {"title": "Old", "version": "1"}, "host": "old.example.com"}
    odd = [{"name": {"a": 1}, "in": "query", "type": "string"}, {"name": [], "in": {}}]
    document = {**old, "paths": {"/a": {"parameters": odd, "get": {"parameters": odd, "responses": {}}}}}
    assert workshop.run("openapi", workshop.document(document)).code == 0
    servers = [{"url": "https://{region}.example.com", "variables": {"region": {"default": "[[]]"}}}]
    named = {**service({"/a": {"get": {"responses": {}}}}), "servers": servers}
    done = workshop.run("openapi", workshop.document(named), skill="other")
    assert (done.code, "bug of agentos" in done.err) == (1, False), done.err
