"""`sql`: queries of approved SQLite files, with values that are bound, in a process that can do nothing else."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.resources import skills_folder
from tests.local.support import Served, database, served

FRONT = """
database: ~/notes.db
transformers:
  note: {mapping: {id: .id, title: .title, data.score: .score}}
operations:
  note.list:
    description: List
    returns: note[]
    params: {limit: {type: integer, default: 2}, title: {type: string}}
    sql:
      query: SELECT * FROM notes WHERE :title IS NULL OR title = :title ORDER BY id LIMIT :limit
      params: {limit: .params.limit, title: .params.title}
  note.get:
    description: One
    returns: note
    params: {id: {type: integer, required: true}}
    sql: {query: "SELECT id, title, score FROM notes WHERE id = :id", response: {root: /0}}
  note.add:
    description: Add
    returns: void
    params: {title: {type: string, required: true}}
    sql: {query: "INSERT INTO notes (title) VALUES (:title)", write: true}
utilities:
  raw: {description: All of it, returns: array, sql: {query: SELECT * FROM notes WHERE id = 1}}
  tagged:
    description: Two files
    returns: array
    sql:
      query: SELECT t.tag, o.title FROM tags t JOIN other.notes o ON o.id = t.note
      attach: {other: '"~/more/" + .params.which + ".db"'}
    params: {which: {type: string, required: true}}
  lists: {description: JSON, returns: array, params: {ids: {type: array}},
    sql: {query: "SELECT title FROM notes WHERE id IN (SELECT value FROM json_each(:ids))"}}
  quoted: {description: No name in a text, returns: array, sql: {query: "SELECT ':nothing' AS a -- :comment"}}
  attaches: {description: Attach, returns: array, sql: {query: "ATTACH '/etc/x.db' AS x"}}
  writes: {description: Write, returns: array, sql: {query: "WITH a AS (SELECT 1) DELETE FROM notes"}}
  erases: {description: Erase, returns: array, sql: {query: "/* all */ delete FROM notes"}}
  copies: {description: Copy, returns: array, sql: {query: "VACUUM INTO '/tmp/agentos-copy.db'"}}
  loads: {description: Load, returns: array, sql: {query: "SELECT load_extension('/tmp/x.so')"}}
  journal: {description: Pragma, returns: array, sql: {query: "PRAGMA journal_mode = DELETE"}}
  two: {description: Two, returns: array, sql: {query: "SELECT 1; SELECT 2"}}
  info: {description: Columns, returns: array, sql: {query: "SELECT name FROM pragma_table_info('tags')"}}
  endless:
    description: For ever
    returns: array
    sql:
      timeout: 0.5
      query: WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x FROM n) SELECT count(*) AS c FROM n
  many: {description: Many rows, returns: array,
    sql: {query: "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"}}
  large: {description: Large, returns: array, sql: {query: "SELECT hex(zeroblob(20000000)) AS x"}}
  absent: {description: No file, returns: array, sql: {query: SELECT 1, database: ~/absent.db}}
  pasted: {description: Text, returns: array, params: {q: {type: string}}, sql: {query: "SELECT {{params.q}}"}}
  unbound: {description: No value, returns: array, sql: {query: "SELECT :q"}}
  anywhere: {description: Any file, returns: array, params: {f: {type: string}},
    sql: {query: SELECT 1, database: .params.f}}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sql")
    database(folder / "notes.db")
    (folder / "more").mkdir()
    database(folder / "more" / "b.db")
    (folder / "more" / "link.db").symlink_to(database(folder / "other.db"))
    with served(folder, FRONT) as running:
        before = running.error("note.list")
        assert before[:2] == (409, "approval_required")
        running.approve()
        yield running


def test_rows_are_mapped_and_values_are_bound(here: Served) -> None:
    assert here.reply("note.list") == [
        {"id": 1, "title": "Note 1", "data": {"score": 0.5}},
        {"id": 2, "title": "Note 2", "data": {"score": 0.5}},
    ]
    assert here.reply("note.list", {"title": "' OR 1=1 --"}) == []
    assert [each["id"] for each in here.reply("note.list", {"title": "Note 3"})] == [3]


def test_half_of_a_character_is_told_and_bound_to_no_query(here: Served) -> None:
    assert here.half("note.list", '{"title": "a \\ud83d"}') == (400, "invalid_params", True)
    assert here.half("tagged", '{"which": "\\ud83d"}')[:2] == (400, "invalid_params")


def test_the_first_of_no_rows_is_null(here: Served) -> None:
    assert here.reply("note.get", {"id": 2}) == {"id": 2, "title": "Note 2", "data": {"score": 0.5}}
    assert here.reply("note.get", {"id": 99}) is None


def test_bytes_are_base64_and_lists_are_json(here: Served) -> None:
    assert here.reply("raw") == [{"id": 1, "title": "Note 1", "body": "AP8=", "score": 0.5}]
    assert here.reply("lists", {"ids": [1, 3]}) == [{"title": "Note 1"}, {"title": "Note 3"}]
    assert here.reply("quoted") == [{"a": ":nothing"}]
    assert here.reply("info") == [{"name": "note"}, {"name": "tag"}]


def test_only_what_declares_it_writes(here: Served) -> None:
    assert here.reply("note.add", {"title": "x'); DROP TABLE notes; --"}) is None
    assert [each["title"] for each in here.reply("note.list", {"title": "x'); DROP TABLE notes; --"})] == [
        "x'); DROP TABLE notes; --"
    ]


def test_another_database_is_attached_by_its_declared_path_only(here: Served) -> None:
    assert here.reply("tagged", {"which": "b"}) == [{"tag": "red", "title": "Note 1"}]
    for which in ("../notes", "..", "a/b", "", "b\0"):
        assert here.error("tagged", {"which": which})[:2] == (400, "invalid_params")
    assert here.error("tagged", {"which": "c"})[:2] == (503, "not_available")
    status, code, sentence = here.error("tagged", {"which": "link"})
    assert (status, code) == (409, "approval_required")
    assert "link" in sentence


@pytest.mark.parametrize("name", ["attaches", "writes", "copies", "loads", "journal", "two"])
def test_a_query_can_do_nothing_but_read_the_approved_file(here: Served, name: str) -> None:
    status, code, _ = here.error(name)
    assert (status, code) == (502, "upstream_failed")
    assert not Path("/tmp/agentos-copy.db").exists()


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        ("endless", 504, "upstream_timeout", "0.5 s"),
        ("many", 502, "upstream_invalid", "rows"),
        ("large", 502, "upstream_failed", "too big"),
        ("absent", 503, "not_available", "~/absent.db"),
        ("pasted", 501, "not_supported", "SQL"),
        ("erases", 501, "not_supported", "`write: true`"),
        ("unbound", 501, "not_supported", ":q"),
        ("anywhere", 501, "not_supported", "database"),
    ],
)
def test_what_cannot_be_answered_says_why(here: Served, name: str, status: int, code: str, words: str) -> None:
    found = here.error(name)
    assert found[:2] == (status, code), found
    assert words in found[2]


@pytest.mark.parametrize("name", ["endless", "many", "large"])
def test_who_asks_meanwhile_is_answered(here: Served, name: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        bad = pool.submit(here.error, name)
        others = [pool.submit(here.reply, "quoted") for _ in range(2)]
        assert [each.result() for each in others] == [[{"a": ":nothing"}]] * 2
        assert bad.result()[0] in (502, 504)


def test_a_link_in_place_of_the_approved_file_asks_again(tmp_path: Path) -> None:
    database(tmp_path / "notes.db")
    front = (
        "database: ~/notes.db\nutilities:\n  all: {description: All, returns: array, sql: {query: SELECT 1 AS one}}"
    )
    with served(tmp_path, front) as here:
        here.approve()
        assert here.reply("all") == [{"one": 1}]
        (tmp_path / "notes.db").rename(tmp_path / "elsewhere.db")
        (tmp_path / "notes.db").symlink_to(tmp_path / "elsewhere.db")
        status, code, sentence = here.error("all")
        assert (status, code) == (409, "approval_required")
        assert "elsewhere.db" in sentence
        here.approve()
        assert here.reply("all") == [{"one": 1}]


def test_a_database_that_is_written_meanwhile_stays_readable(tmp_path: Path) -> None:
    path = database(tmp_path / "notes.db")
    query = "SELECT count(*) AS n FROM notes"
    front = (
        f"database: ~/notes.db\nutilities:\n  count: {{description: C, returns: array, sql: {{query: {query}}}}}"
    )
    with served(tmp_path, front) as here:
        here.approve()
        writer: Any = sqlite3.connect(path)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO notes (title) VALUES ('new')")
        writer.commit()
        assert here.reply("count") == [{"n": 4}]
        writer.close()
        assert here.reply("count") == [{"n": 4}]


def test_the_bundled_skill_looks_into_a_file_that_is_named_and_approved(tmp_path: Path) -> None:
    database(tmp_path / "own.db")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('[skill_settings.sqlite]\ndatabase = "~/own.db"\n')
    own = {"sqlite": {"database": "~/own.db"}}
    with served(
        tmp_path, "utilities: {a: {description: A, rest: {url: https://toy.example}}}", skill_settings=own
    ) as here:
        shutil.copytree(skills_folder() / "sqlite", here.folder.parent / "sqlite")
        ends = time.monotonic() + 20
        while here.house.call("sqlite", "tables").status_code == 404 and time.monotonic() < ends:
            pass
        assert here.error("tables", skill="sqlite")[:2] == (409, "approval_required")
        here.approve("sqlite")
        assert [each["name"] for each in here.reply("tables", skill="sqlite")] == ["notes", "tags"]
        assert here.reply("columns", {"table": "notes"}, "sqlite")[0] == {
            "name": "id", "type": "INTEGER", "required": False, "default": None, "key": True,
        }  # fmt: skip
        assert here.reply("references", {"table": "tags"}, "sqlite") == [
            {"column": "note", "table": "notes", "to": "id"}
        ]
        assert here.reply("columns", {"table": "x'); DROP TABLE notes; --"}, "sqlite") == []
