"""`agentos add` and `agentos update`: what is shown, what is written, what is remembered."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adding.sources import CASE, CATS, KENNEL, MOVED, commit, tar, tree, write, zipped
from tests.cli.console import Console

FILES = {"kennel/readme.md": KENNEL, "kennel/cases/all.yaml": CASE, "kennel/.hidden": "x"}
WRITTEN = {"readme.md": KENNEL.encode(), "cases/all.yaml": CASE.encode()}
ENV = {"KENNEL_API_KEY": "k-canary"}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def skill_files(console: Console, skill: str = "kennel") -> dict[str, bytes]:
    found = tree(console.home / "skills" / skill)
    return {name: data for name, data in found.items() if data is not None and name != ".added.json"}


def test_a_skill_comes_from_a_folder_a_file_an_archive_an_address_and_a_repository(
    console: Console, tmp_path: Path
) -> None:
    write(tmp_path / "tree", FILES)
    (tmp_path / "kennel.tar.gz").write_bytes(tar({f"top-1/{name}": text for name, text in FILES.items()}))
    (tmp_path / "kennel.zip").write_bytes(zipped(FILES))
    (tmp_path / "kennel.md").write_text(KENNEL, encoding="utf-8")
    commit(tmp_path / "repository", FILES)
    with served(tmp_path) as url:
        sources = {
            str(tmp_path / "tree/kennel"): WRITTEN,
            str(tmp_path / "tree"): WRITTEN,
            str(tmp_path / "kennel.md"): {"readme.md": KENNEL.encode()},
            str(tmp_path / "kennel.tar.gz"): WRITTEN,
            f"{url}/kennel.zip": WRITTEN,
            f"{url}/kennel.md": {"readme.md": KENNEL.encode()},
            f"git+file://{tmp_path}/repository": WRITTEN,
        }
        for number, (source, files) in enumerate(sources.items()):
            console.environ["AGENTOS_HOME"] = str(tmp_path / f"home{number}")
            console.home = tmp_path / f"home{number}"
            done = console.run("add", source, "--yes")
            assert (done.code, done.err) == (0, ""), source
            assert skill_files(console) == files, source
    assert console.run("test", "kennel").code == 0


def test_the_authority_and_the_digest_are_shown_before_anything_is_written(
    console: Console, tmp_path: Path
) -> None:
    write(tmp_path / "kennel", {"readme.md": KENNEL})
    shown = console.run("add", tmp_path / "kennel", "--dry-run")
    about = console.run("add", tmp_path / "kennel", "--dry-run", "--json").json
    assert f"sha256:{about['digest']}" in shown.out
    assert "https://kennel.example" in shown.out
    assert "the key in header x-key" in shown.out
    assert about["authority"]["grants"][0]["origin"] == "https://kennel.example"
    nobody = console.run("add", tmp_path / "kennel")
    assert (nobody.code, "--yes" in nobody.err) == (2, True)
    other = console.run("add", tmp_path / "kennel", "--yes", "--digest", "0" * 64)
    assert (other.code, about["digest"] in other.err) == (1, True)
    assert not (console.home / "skills/kennel").exists()
    assert console.run("add", tmp_path / "kennel", "--yes", "--digest", f"sha256:{about['digest']}").code == 0


def test_a_person_is_asked_and_a_no_writes_nothing(console: Console, tmp_path: Path) -> None:
    write(tmp_path / "kennel", {"readme.md": KENNEL})
    said = console.asked({"/skills? [y/N]: ": "n"}, "add", tmp_path / "kennel")
    assert (said.code, "Nothing was added" in said.out) == (1, True)
    assert tree(console.home / "skills") == {}


def test_an_added_skill_gets_no_key_before_it_is_approved(console: Console, tmp_path: Path) -> None:
    write(tmp_path / "kennel", {"readme.md": KENNEL})
    console.run("add", tmp_path / "kennel", "--yes")
    called = console.run("call", "kennel", "list_dogs", **ENV)
    assert (called.code, "approval_required" in called.err) == (1, True)


def test_of_several_skills_one_is_chosen(console: Console, tmp_path: Path) -> None:
    both = {"skills/kennel/readme.md": KENNEL, "skills/cattery/SKILL.md": CATS, "README.md": "# All\n"}
    (tmp_path / "all.zip").write_bytes(zipped(both))
    asked = console.run("add", tmp_path / "all.zip", "--yes")
    assert "skills/cattery/SKILL.md, skills/kennel/readme.md: choose one with --path" in asked.err
    assert "it holds no skill at dogs" in console.run("add", tmp_path / "all.zip", "--path", "dogs").err
    assert console.run("add", tmp_path / "all.zip", "--path", "skills/cattery", "--yes").code == 0
    assert [*skill_files(console, "cattery")] == ["SKILL.md"]


def test_what_is_broken_is_shown_at_its_line_and_left_where_it_is(console: Console, tmp_path: Path) -> None:
    write(tmp_path / "kennel", {"readme.md": KENNEL.replace("api_key", "api_kye")})
    done = console.run("add", tmp_path / "kennel", "--yes")
    assert (done.code, "readme.md:5:14: error:" in done.err) == (1, True)
    assert tree(console.home / "skills") == {}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("https://user:pa55word@example.com/x.md", "with a password or a key in it"),
        ("https://example.com/x.md?access_token=abcdef", "with a key in it"),
        ("http://example.com/x.md", "begins with https://"),
        ("ftp://example.com/x.md", "begins with https://"),
        ("https://github.com/a/b/blob/main/skills/x.md", "raw.githubusercontent.com/a/b/main/skills/x.md"),
        ("https://github.com/a/b/tree/main/skills/x", "git+https://github.com/a/b@main --path skills/x"),
        ("nothing-there", "nothing-there cannot be read"),
        ("/nothing-there", ": /nothing-there cannot be read"),
        ("/nothing-there/nor-here.md", ": /nothing-there/nor-here.md cannot be read"),
    ],
)
def test_a_source_that_cannot_be_used_says_what_to_name_instead(console: Console, source: str, said: str) -> None:
    done = console.run("add", source, "--yes")
    assert (done.code, said in done.err) == (1, True), done.err
    assert "pa55word" not in done.err


def test_an_update_shows_what_changes_and_asks_for_what_is_new(console: Console, tmp_path: Path) -> None:
    source = write(tmp_path / "kennel", {"readme.md": KENNEL, "cases/all.yaml": CASE})
    console.run("add", source, "--yes")
    console.run("approve", "kennel", "--yes")
    assert "kennel is up to date" in console.run("update").out
    write(source, {"readme.md": MOVED})
    (source / "cases/all.yaml").unlink()
    looked = console.run("update", "kennel", "--dry-run").out
    assert '-    rest: {url: "https://kennel.example/dogs"}' in looked
    assert '+    rest: {url: "https://elsewhere.example/dogs"}' in looked
    assert "gone: cases/all.yaml" in looked
    assert [line for line in looked.splitlines() if line.startswith("  + ") and "elsewhere" in line]
    assert skill_files(console)["readme.md"] == KENNEL.encode()
    assert console.run("update", "kennel").code == 2
    assert console.run("update", "kennel", "--yes").code == 0
    assert skill_files(console) == {"readme.md": MOVED.encode()}
    assert "approval_required" in console.run("call", "kennel", "list_dogs", **ENV).err


def test_edits_are_not_lost_unless_a_person_says_so(console: Console, tmp_path: Path) -> None:
    source = write(tmp_path / "kennel", {"readme.md": KENNEL})
    console.run("add", source, "--yes")
    mine = console.home / "skills/kennel/readme.md"
    mine.write_text(KENNEL.replace("Dogs", "My dogs"), encoding="utf-8")
    write(source, {"readme.md": MOVED})
    kept = console.run("update", "--yes")
    assert (kept.code, "you changed readme.md" in kept.err) == (1, True)
    assert "My dogs" in mine.read_text(encoding="utf-8")
    assert console.run("update", "--yes", "--discard-edits").code == 0
    assert mine.read_text(encoding="utf-8") == MOVED


def test_a_repository_is_remembered_with_its_commit(console: Console, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    first = commit(repository, FILES)
    assert console.run("add", f"git+file://{repository}@main", "--yes", "--json").json["commit"] == first
    second = commit(repository, {"kennel/readme.md": MOVED})
    [found] = console.run("update", "--yes", "--json").json["skills"]
    assert (found["commit"], found["updated"], found["changed_files"]) == (second, True, ["readme.md"])
    back = console.run("update", "kennel", "--revision", first, "--yes", "--json").json["skills"][0]
    assert (back["commit"], skill_files(console)["readme.md"]) == (first, KENNEL.encode())
    pinned = console.run("update", "--yes", "--json").json["skills"]
    assert pinned == [{"id": "kennel", "updated": False, "pinned": True}]
    gone = console.run("add", f"git+file://{repository}@{'0' * 40}", "--yes")
    assert (gone.code, "git could not read it" in gone.err) == (1, True)


def test_what_was_there_is_never_overwritten(console: Console, tmp_path: Path) -> None:
    source = write(tmp_path / "kennel", {"readme.md": KENNEL})
    own = write(console.home / "skills/kennel", {"readme.md": CATS})
    before = tree(own)
    assert "Move it elsewhere" in console.run("add", source, "--yes").err
    assert tree(own) == before
    unknown = console.run("update", "kennel")
    assert (unknown.code, "was not added from elsewhere" in unknown.err) == (1, True)


def test_another_skill_at_the_same_place_is_no_update(console: Console, tmp_path: Path) -> None:
    source = write(tmp_path / "kennel", {"readme.md": KENNEL})
    console.run("add", source, "--yes")
    write(source, {"readme.md": CATS})
    done = console.run("update", "--yes")
    assert (done.code, "another skill, cattery" in done.err) == (1, True)
    assert skill_files(console) == {"readme.md": KENNEL.encode()}


def test_a_skill_that_would_stand_for_one_that_ships_says_so(console: Console, tmp_path: Path) -> None:
    source = write(tmp_path / "x", {"readme.md": KENNEL.replace("id: kennel", "id: openrouter")})
    assert "takes the place of the skill openrouter" in console.run("add", source, "--dry-run").out
