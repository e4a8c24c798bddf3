"""`agentos import SOURCE` finds out what kind of source it is given."""

import pytest

from tests.importers.documents import KENNEL, KENNEL_LAP
from tests.importers.workshop import Workshop


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (KENNEL, "kennel.yaml", "openapi"),
        (KENNEL_LAP, "kennel.lap", "lap"),
        (KENNEL_LAP, "kennel.txt", "lap"),
    ],
)
def test_a_file_is_imported_as_what_it_holds(workshop: Workshop, text: object, name: str, kind: str) -> None:
    done = workshop.run(str(workshop.document(text, name)))
    assert done.code == 0, done.err
    assert list(workshop.front("service")["sources"]) == [kind]


def test_a_curl_command_is_imported_as_one(workshop: Workshop) -> None:
    done = workshop.run("curl https://api.example.com/search?q=cats")
    assert done.code == 0, done.err
    assert len(workshop.front("service")["utilities"]) == 1


def test_what_is_neither_a_source_nor_a_kind_is_wrong_usage(workshop: Workshop) -> None:
    done = workshop.run("opanapi")
    assert done.code == 2
    assert "opanapi" in done.err
