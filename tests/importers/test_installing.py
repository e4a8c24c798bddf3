"""Importing without the command line: files on the disk, and a report."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.service import CurlImport, ServiceImport
from agentos_runtime.runtime.operating.config_file import change_config
from agentos_runtime.skills.imported_files import InvalidSkillId, replace_files
from agentos_runtime.skills.installing import ImportReport, import_skill
from tests.importers.documents import KENNEL_LAP
from tests.importers.workshop import Workshop, answer, service
from tests.reading import as_yaml

THING = {"type": "object", "properties": {"id": {"type": "string"}}}
CURL = CurlImport("curl https://api.example.com/v1/search?q=cats", "search_cats")


def described(folder: Path, **paths: str) -> ServiceImport:
    """An OpenAPI file with a GET for each path, and its import."""
    said: dict[str, Any] = {
        f"/{name}": {"get": {"operationId": name, "summary": summary, "responses": answer(THING)}}
        for name, summary in paths.items()
    }
    file = folder / "service.yaml"
    file.write_text(as_yaml(service(said)), encoding="utf-8")
    return ServiceImport("openapi", str(file))


def install(place: Path, wanted: ServiceImport | CurlImport, **options: Any) -> ImportReport:
    return import_skill(wanted, "service", Settings.from_environ({"AGENTOS_HOME": str(place / "home")}), **options)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_description_becomes_a_skill_among_those_of_the_home_and_again_changes_nothing(tmp_path: Path) -> None:
    wanted = described(tmp_path, cats="All cats", dogs="All dogs")
    first = install(tmp_path, wanted)
    readme = tmp_path / "home/skills/service/readme.md"
    assert (first.new, first.written, first.file, first.folder) == (True, (readme,), readme, readme.parent)
    assert (first.utilities, set(first.added)) == (2, {"get_cats", "get_dogs"})
    before = files(tmp_path)
    again = install(tmp_path, wanted)
    assert (again.new, again.written, again.added, again.utilities) == (False, (), (), 2)
    assert files(tmp_path) == before


def test_what_is_new_and_gone_is_told_and_edits_stay(tmp_path: Path) -> None:
    readme = install(tmp_path, described(tmp_path, cats="All cats", dogs="All dogs", owls="All owls")).file
    readme.write_text(readme.read_text(encoding="utf-8").replace("All cats", "My cats"), encoding="utf-8")
    wanted = described(tmp_path, cats="Every cat", owls="Every owl", newts="All newts")
    tried = install(tmp_path, wanted, dry_run=True)
    assert (tried.written, "My cats" in readme.read_text(encoding="utf-8")) == ((), True)
    report = install(tmp_path, wanted)
    assert report.written == (readme,)
    assert (report.added, report.removed) == (("get_newts",), ("get_dogs",))
    assert report.changed == {"get_owls": ("description",)}
    assert len(report.conflicts) == 1
    text = readme.read_text(encoding="utf-8")
    assert ("My cats" in text, "Every owl" in text, "get_dogs" in text) == (True, True, False)
    assert (tried.added, tried.removed, tried.changed) == (report.added, report.removed, report.changed)


def test_every_kind_of_source_is_imported_and_a_command_adds_to_a_skill(tmp_path: Path) -> None:
    lap = tmp_path / "kennel.lap"
    lap.write_text(KENNEL_LAP, encoding="utf-8")
    there = install(tmp_path, ServiceImport("lap", str(lap)), folder=tmp_path / "mine").utilities
    report = install(tmp_path, CURL, folder=tmp_path / "mine")
    assert (report.added, report.utilities) == (("search_cats",), there + 1)
    assert report.file == tmp_path / "mine/service/readme.md"


def test_what_no_import_made_is_left_alone_unless_forced(tmp_path: Path) -> None:
    readme = tmp_path / "mine/service/readme.md"
    readme.parent.mkdir(parents=True)
    readme.write_text("---\nid: service\nname: Mine\ndescription: Mine\n---\n", encoding="utf-8")
    before = files(tmp_path / "mine")
    with pytest.raises(ImportProblem, match="was not made by an import"):
        install(tmp_path, CURL, folder=tmp_path / "mine")
    assert files(tmp_path / "mine") == before
    assert install(tmp_path, CURL, folder=tmp_path / "mine", force=True).added == ("search_cats",)
    assert "name: Mine" in readme.read_text(encoding="utf-8")


def test_what_cannot_be_imported_says_why_and_writes_nothing(tmp_path: Path) -> None:
    settings = Settings.from_environ({"AGENTOS_HOME": str(tmp_path / "home")})
    with pytest.raises(InvalidSkillId, match="lower-case letters"):
        import_skill(CURL, "../up", settings)
    with pytest.raises(ImportProblem, match="cannot be read"):
        import_skill(ServiceImport("openapi", str(tmp_path / "none.yaml")), "service", settings)
    assert files(tmp_path) == {}


def test_the_command_line_prints_the_very_report(workshop: Workshop) -> None:
    wanted = described(workshop.folder, cats="All cats")
    tried = workshop.run("openapi", wanted.source, "--dry-run", "--json")
    report = import_skill(wanted, "service", Settings.from_environ(workshop.console.environ), dry_run=True)
    assert tried.json == report.as_json()


def test_a_text_in_the_place_of_another_is_at_no_time_open_to_more_readers(tmp_path: Path) -> None:
    private, new, public = tmp_path / "private.md", tmp_path / "new.md", tmp_path / "public.md"
    private.touch(0o600)
    public.touch()
    public.chmod(0o664)
    replace_files(dict.fromkeys((private, new, public), "text"), mode=0o640)
    assert [file.stat().st_mode & 0o777 for file in (private, new, public)] == [0o600, 0o640, 0o664]
    change_config(tmp_path / "home" / "config.toml", lambda before: f"{before}token = 'x'\n")
    assert (tmp_path / "home" / "config.toml").stat().st_mode & 0o777 == 0o600


def test_commands_that_change_the_configuration_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    file = tmp_path / "home" / "config.toml"
    alone = threading.Barrier(2)

    def change(line: str) -> None:
        def changed(text: str) -> str:
            if not text:  # who reads an empty file waits until another has read that too, if it may
                with contextlib.suppress(threading.BrokenBarrierError):
                    alone.wait(0.2)
            return f"{text}# {line}\n"

        change_config(file, changed)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(change, "ab"))
    assert sorted(file.read_text().splitlines()) == ["# a", "# b"]
