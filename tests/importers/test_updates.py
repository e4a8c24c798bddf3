"""Importing again: what is new comes in, what a person changed stays, and everything is said."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.build import Generated, Source, build
from agentos_runtime.importers.names.choosing import utility_names
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.openapi.operations import read_openapi
from agentos_runtime.importers.skill_file import read_file
from agentos_runtime.importers.update import Disk, known_names, make_plan
from tests.importers.documents import KENNEL
from tests.importers.workshop import NOTHING, Workshop, answer, body, query, service
from tests.reading import as_yaml
from tests.sizes import examples

THING = {"type": "object", "properties": {"id": {"type": "string"}}}
OLD: dict[str, Any] = service(
    {
        "/things": {
            "get": {
                "operationId": "list",
                "tags": ["Things"],
                "summary": "All things",
                "parameters": [query("kind")],
            },
            "post": {
                "operationId": "createThing",
                "tags": ["Things"],
                "summary": "A new thing",
                "requestBody": body(THING),
            },
        },
        "/old": {"get": {"operationId": "getOld", "tags": ["Old"], "summary": "Something old"}},
        "/older": {"get": {"operationId": "getOlder", "tags": ["Old"], "summary": "Something older"}},
    }
)
NEW: dict[str, Any] = service(
    {
        "/things": {
            "get": {
                "operationId": "listThings",
                "tags": ["Things"],
                "summary": "Every thing",
                "parameters": [query("kind"), query("colour", description="Which colour")],
            },
            "post": {
                "operationId": "createThing",
                "tags": ["Things"],
                "summary": "A new thing",
                "requestBody": body(THING),
            },
        },
        "/new": {
            "get": {
                "operationId": "getNew",
                "tags": ["New"],
                "summary": "Something new",
                "responses": answer(THING),
            }
        },
    }
)

WRITTEN = """\
---
id: service
name: Mine
description: By hand

utilities:
  mine:
    description: Mine
    rest: {url: 'https://api.example.com/mine'}
---

# Mine
"""


def test_the_same_import_changes_nothing(workshop: Workshop) -> None:
    workshop.imported(KENNEL)
    before = workshop.text(), workshop.file().stat().st_mtime_ns
    done = workshop.run("openapi", workshop.document(KENNEL))
    assert re.search(r"is up to date: 5 utilities, \d+ KB \(about [\d,]+ tokens, .*\), nothing changed\.", done.out)
    assert (workshop.text(), workshop.file().stat().st_mtime_ns) == before


def test_what_is_new_comes_in_and_is_said(workshop: Workshop) -> None:
    workshop.imported(OLD)
    report = workshop.report(NEW)
    workshop.check()
    assert report["added"] == ["get_new"]
    assert report["removed"] == ["get_old", "get_older"]
    assert report["changed"] == {"list_things": ["description", "params.colour (new)", "rest.query"]}
    assert report["conflicts"] == []
    assert workshop.front()["utilities"]["list_things"]["rest"]["query"] == {
        "kind": ".params.kind",
        "colour": ".params.colour",
    }


def test_hand_edits_stay_to_the_last_comment(workshop: Workshop) -> None:
    workshop.imported(OLD)
    workshop.edit(
        "    description: All things\n",
        "    # what a person wrote\n    description:   Everything we have   # ours\n",
    )
    workshop.edit("auth: none\n", "auth: none  # for now\n\nicon: icon.svg\n")
    workshop.edit("      kind: {type: string}\n", "      kind: {type: string, enum: [big, small]}  # only these\n")
    workshop.edit("# Service\n", "# Service\n\n## Ours\n\nWhat people should know.\n")
    report = workshop.report(NEW)
    text = workshop.text()
    assert "    # what a person wrote\n    description:   Everything we have   # ours\n" in text
    assert "auth: none  # for now\n\nicon: icon.svg\n" in text
    assert "kind: {type: string, enum: [big, small]}  # only these\n" in text
    assert "## Ours\n\nWhat people should know.\n" in text
    assert "colour: {type: string, description: Which colour}" in text
    assert report["conflicts"] == [
        "utilities.list_things.description was edited here, and has changed in the source"
    ]


def test_an_edited_utility_that_is_gone_from_the_source_stays_and_is_said(workshop: Workshop) -> None:
    workshop.imported(OLD)
    workshop.edit("Something old\n", "Something we still use\n")
    report = workshop.report(NEW)
    assert report["kept"] == ["get_old"]
    assert report["removed"] == ["get_older"]
    assert "get_old" in workshop.front()["utilities"]
    again = workshop.report(NEW)
    assert (again["kept"], again["removed"], again["written"]) == ([], [], [])


def test_a_utility_that_was_removed_by_hand_does_not_come_back(workshop: Workshop) -> None:
    workshop.imported(OLD)
    front = workshop.text().index("  get_old:")
    text = workshop.text()
    workshop.file().write_text(text[:front] + text[text.index("  get_older:") :], encoding="utf-8")
    assert workshop.report(OLD)["added"] == []
    assert "get_old" not in workshop.front()["utilities"]


def test_a_utility_that_was_renamed_by_hand_keeps_its_name_and_is_brought_up_to_date(workshop: Workshop) -> None:
    workshop.imported(OLD)
    workshop.edit("  list_things:\n", "  all_of_them:\n")
    report = workshop.report(NEW)
    assert report["conflicts"] == []
    assert "colour" in workshop.front()["utilities"]["all_of_them"]["params"]
    assert "list_things" not in workshop.front()["utilities"]


def test_a_name_that_was_chosen_is_remembered(workshop: Workshop) -> None:
    front = workshop.imported(OLD, "--name", "list_things=find_things", "--name", "getOld=old_one")
    assert {"find_things", "old_one"} <= front["utilities"].keys()
    assert front["sources"]["openapi"]["names"] == {"list_things": "find_things", "getOld": "old_one"}
    assert "find_things" in workshop.imported(NEW)["utilities"]
    assert "search_things" in workshop.imported(NEW, "--name", "find_things=search_things")["utilities"]
    assert "find_things" not in workshop.front()["utilities"]


def test_a_name_that_cannot_be_one_is_refused(workshop: Workshop) -> None:
    for pair in ("list_things", "list_things=List", "=x"):
        done = workshop.run("openapi", workshop.document(OLD), "--name", pair)
        assert (done.code, "OLD=NEW" in done.err) == (1, True)


def test_patterns_are_remembered_until_others_are_given(workshop: Workshop) -> None:
    assert list(workshop.imported(OLD, "--include", "Things")["utilities"]) == ["list_things", "create_thing"]
    assert list(workshop.imported(NEW)["utilities"]) == ["list_things", "create_thing"]
    assert list(workshop.imported(NEW, "--include", "*")["utilities"]) == ["get_new", "list_things", "create_thing"]


def test_a_skill_that_a_person_wrote_is_not_touched_without_force(workshop: Workshop) -> None:
    written = WRITTEN
    workshop.file().parent.mkdir()
    workshop.file().write_text(written, encoding="utf-8")
    done = workshop.run("openapi", workshop.document(OLD))
    assert (done.code, "was not made by an import" in done.err) == (1, True)
    assert workshop.text() == written
    workshop.report(OLD, "--force")
    front = workshop.front()
    assert front["name"] == "Mine"
    assert set(front["utilities"]) == {"mine", "get_old", "get_older", "list_things", "create_thing"}
    workshop.check()


def test_a_dry_run_says_what_would_change_and_writes_nothing(workshop: Workshop) -> None:
    workshop.imported(OLD)
    before = workshop.text()
    done = workshop.run("openapi", workshop.document(NEW), "--dry-run")
    assert "Would write" in done.out
    assert "  get_new\n" in done.out
    assert workshop.text() == before


def test_a_file_that_is_broken_is_not_overwritten(workshop: Workshop) -> None:
    workshop.imported(OLD)
    workshop.edit("utilities:\n", "utilities: [\n")
    before = workshop.text()
    done = workshop.run("openapi", workshop.document(NEW))
    assert (done.code, "mend it first" in done.err) == (1, True)
    assert workshop.text() == before


# ------------------------------------------------------------------ several files


def test_a_skill_can_be_split_by_tags_and_stays_split(workshop: Workshop) -> None:
    workshop.imported(OLD, "--split")
    assert workshop.front()["parts"] == ["old.md", "things.md"]
    assert "utilities" not in workshop.front()
    assert list(workshop.front(name="things.md")["utilities"]) == ["list_things", "create_thing"]
    workshop.edit("All things", "All of ours", name="things.md")
    report = workshop.report(NEW)
    workshop.check()
    assert workshop.front()["parts"] == ["old.md", "things.md", "new.md"]
    assert list(workshop.front(name="new.md")["utilities"]) == ["get_new"]
    assert workshop.front(name="things.md")["utilities"]["list_things"]["description"] == "All of ours"
    assert report["removed"] == ["get_old", "get_older"]


def test_a_utility_that_was_moved_to_another_file_is_brought_up_to_date_there(workshop: Workshop) -> None:
    workshop.imported(OLD, "--split")
    text = workshop.text(name="things.md")
    start, end = text.index("  list_things:"), text.index("  create_thing:")
    workshop.file(name="things.md").write_text(text[:start] + text[end:], encoding="utf-8")
    workshop.edit("utilities:\n", "utilities:\n" + text[start:end], name="old.md")
    report = workshop.report(NEW)
    workshop.check()
    assert report["conflicts"] == []
    assert "colour" in workshop.front(name="old.md")["utilities"]["list_things"]["params"]
    assert list(workshop.front(name="things.md")["utilities"]) == ["create_thing"]


# ------------------------------------------------------------------ any document, any edit

names = st.sampled_from(["id", "kind", "size", "colour", "note"])
schemas = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "description": "Something: with # and 'quotes' \"of\" all {kinds}"},
        {"type": "integer", "minimum": 1, "default": 3},
        {"type": "array", "items": {"type": "string", "enum": ["a", "b", "yes", "1"]}},
        {"type": "object", "properties": {"deep": {"type": "object", "properties": {"x": {"type": "number"}}}}},
    ]
)
operations = st.builds(
    lambda summary, fields: {
        "summary": summary,
        "requestBody": body({"type": "object", "properties": fields}),
        "responses": answer({"type": "object", "properties": fields}),
    },
    st.text("abc: #-'\"{}\n", max_size=30),
    st.dictionaries(names, schemas, max_size=4),
)
documents = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c/{id}", "/d"]), st.builds(lambda one: {"post": one}, operations), min_size=1
).map(service)


def generated(document: dict[str, Any], disk: Disk) -> Generated:
    losses = Losses()
    api = read_openapi(as_yaml(document).encode(), "file:///service.yaml", lambda _: b"", losses)
    called = utility_names(
        api.operations, ("service",), known_names(disk, [route(one.method, one.path) for one in api.operations]), {}
    )
    return build(api, "service", called, Source("openapi", "service.yaml"), losses)


def imported(document: dict[str, Any], disk: Disk | None = None) -> Disk:
    disk = disk or Disk({}, {})
    plan = make_plan(generated(document, disk), disk, split=False)
    return Disk(plan.files, plan.base)


@settings(max_examples=examples(40), deadline=None)
@given(documents)
def test_any_document_imported_twice_is_the_same_file(document: dict[str, Any]) -> None:
    once = imported(document)
    assert imported(document, once) == once
    front = read_file(once.mine["readme.md"], "readme.md").values
    assert front["utilities"] == generated(document, Disk({}, {})).manifest["utilities"]


@settings(max_examples=examples(60), deadline=None)
@given(documents, documents)
def test_a_file_without_edits_becomes_what_a_fresh_import_says(old: dict[str, Any], new: dict[str, Any]) -> None:
    updated = imported(new, imported(old))
    assert read_file(updated.mine["readme.md"], "").values == read_file(updated.base["readme.md"], "").values


@settings(max_examples=examples(60), deadline=None)
@given(documents, documents, st.data())
def test_an_edit_survives_any_newer_document(old: dict[str, Any], new: dict[str, Any], data: st.DataObject) -> None:
    first = imported(old)
    text = first.mine["readme.md"]
    name = data.draw(st.sampled_from(sorted(read_file(text, "").utilities)))
    start = text.index(f"  {name}:\n") + len(f"  {name}:\n")
    line_end = text.index("\n    rest:", start)
    before = text[:start]
    edited = before + "    # by hand\n    description: Edited   # and why\n" + text[line_end + 1 :]
    updated = imported(new, Disk({"readme.md": edited}, first.base)).mine["readme.md"]
    found = read_file(updated, "").utilities[name]
    assert isinstance(found, dict)
    assert found["description"] == "Edited"
    assert "    # by hand\n    description: Edited   # and why\n" in updated


def test_what_is_written_at_the_very_end_stays_and_is_no_conflict(workshop: Workshop) -> None:
    """The last section of an import is what could not be kept, and that changes with the service."""
    get = {"operationId": "list_cats", "responses": NOTHING}
    odd = {"name": "x", "in": "elsewhere", "schema": {"type": "string"}}
    workshop.imported(service({"/cats": {"get": {**get, "parameters": [odd]}}}))
    file = workshop.file()
    assert "## Not expressed" in workshop.text()
    file.write_text(workshop.text() + "\nMy own words.\n", encoding="utf-8")
    report = workshop.report(service({"/cats": {"get": {**get, "parameters": [odd, {**odd, "name": "y"}]}}}))
    assert report["conflicts"] == []
    assert workshop.text().endswith("\n\nMy own words.\n")
    assert "GET /cats y" in workshop.text()


def test_names_are_chosen_once(workshop: Workshop) -> None:
    document = service({"/a": {"get": {"operationId": "FetchAllTheCats", "responses": NOTHING}}})
    assert [*workshop.imported(document, "--names", "operation-id")["utilities"]] == ["fetch_all_the_cats"]
    document["paths"]["/b"] = {"get": {"operationId": "FetchAllTheDogs", "responses": NOTHING}}
    assert [*workshop.imported(document)["utilities"]] == ["fetch_all_the_cats", "fetch_all_the_dogs"]


def test_a_folder_that_holds_a_lap_file_says_how_to_import_it(workshop: Workshop) -> None:
    folder = workshop.folder / "skills/dogs"
    (folder / "references").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: dogs\ndescription: Dogs\n---\n# Dogs\n", encoding="utf-8")
    (folder / "references/api-spec.lap").write_text("@lap v0.3\n", encoding="utf-8")
    done = workshop.console.run("check", folder)
    assert (done.code, f"agentos import lap {folder}/references/api-spec.lap --id dogs-calls" in done.out) == (
        0,
        True,
    )
