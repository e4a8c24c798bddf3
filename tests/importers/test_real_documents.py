"""A real service's documents, as large as they come: imported, checked, brought up to date, called."""

import json
from pathlib import Path

import pytest

from tests.importers.workshop import Workshop
from tests.recorded import FOLDER


def document(name: str) -> Path:
    file = FOLDER.parent / name
    if not file.is_file():
        pytest.skip("the real documents are not beside this checkout")
    return file


APRIL, AUGUST, LAP = "openapi-2026-04.yaml", "openapi-2026-08.yaml", "api-spec.lap"


@pytest.mark.parametrize(
    ("kind", "name", "utilities"),
    [
        pytest.param("openapi", AUGUST, 96, marks=pytest.mark.slow),
        pytest.param("openapi", APRIL, 37, marks=pytest.mark.slow),
        ("lap", LAP, 36),
    ],
)
def test_every_operation_is_imported_without_a_problem(
    workshop: Workshop, kind: str, name: str, utilities: int
) -> None:
    done = workshop.run(kind, document(name), "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["utilities"] == utilities
    workshop.check()
    assert "nothing changed" in workshop.run(kind, document(name)).out


@pytest.mark.slow
def test_pages_files_streams_and_both_kinds_of_key_are_found(workshop: Workshop) -> None:
    workshop.run("openapi", document(AUGUST))
    front = workshop.front()
    utilities = front["utilities"]
    carried = [one.get("credential") for one in utilities.values()]
    assert list(front["auth"]["credentials"]) == ["default", "management"]
    assert carried.count("management") == 52
    assert utilities["list_guardrails"]["rest"]["paginate"] == {
        "style": "offset",
        "limit": "limit",
        "items": "/data",
    }
    assert utilities["list_files"]["rest"]["paginate"]["next"] == ".cursor"
    assert utilities["upload_file"]["params"]["file"] == {"type": "file", "required": True}
    assert utilities["create_audio_speech"]["rest"]["response"] == {"raw": True}
    assert utilities["send_chat_completion"]["rest"]["stream"]["done"] == "[DONE]"
    assert sum("paginate" in one["rest"] for one in utilities.values()) >= 20


@pytest.mark.slow
def test_edits_of_the_older_document_live_on_in_the_newer(workshop: Workshop) -> None:
    workshop.run("openapi", document(APRIL))
    workshop.edit("description: List all API keys for the authenticated user", "description: All my keys  # mine")
    workshop.edit("  create_key:\n", "  # renamed\n  make_key:\n")
    done = workshop.run("openapi", document(AUGUST), "--json")
    report = json.loads(done.out)
    workshop.check()
    assert report["utilities"] == 96
    assert len(report["added"]) == 59
    assert (report["removed"], report["conflicts"]) == ([], [])
    assert "    description: All my keys  # mine\n" in workshop.text()
    assert "  # renamed\n  make_key:\n" in workshop.text()
    assert "workspace_id" in workshop.front()["utilities"]["make_key"]["params"]


@pytest.mark.slow
def test_a_call_of_the_imported_skill_is_what_the_service_documents(workshop: Workshop) -> None:
    workshop.run("openapi", document(AUGUST), "--split")
    workshop.check()
    sent = workshop.request("update_key", {"hash": "abc", "name": "new"})
    assert sent.startswith("PATCH https://openrouter.ai/api/v1/keys/abc\n")
    assert """--data-binary '{"name":"new"}'""" in sent


@pytest.mark.slow
def test_the_services_own_examples_become_tests_that_pass(workshop: Workshop) -> None:
    workshop.run("openapi", document(AUGUST), "--cases")
    done = workshop.console.run("test", "service", "--json")
    assert done.code == 0, done.out
    assert len(json.loads(done.out)["cases"]) > 75
