"""A file is split into front matter and Markdown, whatever editor saved it."""

from pathlib import Path

import pytest

from agentos_runtime.manifest.load import load_skill
from tests.manifest.loading import SCHEMA, load_bytes
from tests.recorded import seed

PLAIN = b"---\nid: demo\nname: Demo\ndescription: A demonstration\n---\n\n# Demo\n\nText\n"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        b"\n\n" + PLAIN,
        PLAIN.replace(b"---", b"---  "),
    ],
    ids=["plain", "byte order mark", "CRLF", "blank lines first", "spaces after the dashes"],
)
def test_front_matter_is_found_however_the_file_was_saved(data: bytes) -> None:
    skill = load_bytes(data).skill
    assert skill is not None
    assert (skill.id, skill.name, skill.kind) == ("demo", "Demo", "instructions")
    assert skill.docs == "# Demo\n\nText\n"


def test_a_windows_file_has_its_problems_on_the_right_lines() -> None:
    data = b"---\r\nid: demo\r\nname: Demo\r\ndescription: x\r\ncolor: red\r\n---\r\n"
    (problem,) = load_bytes(data).problems
    assert str(problem.place.position) == "demo/readme.md:5:8"


def test_front_matter_without_an_end_is_reported_where_it_begins() -> None:
    result = load_bytes(b"---\nid: demo\nname: Demo\n")
    (problem,) = result.problems
    assert str(problem).startswith("demo/readme.md:1:1: error: the front matter begins here and never ends")
    assert problem.fix == "Add a line `---` after its last key"
    assert result.id == "demo"


def test_a_broken_file_is_still_known_by_the_id_written_in_it() -> None:
    result = load_bytes(b'---\nid: demo\nname: "open\n---\n', file="folder-name/readme.md")
    assert (result.skill, result.id) == (None, "demo")


@pytest.mark.parametrize(
    ("data", "name", "description"),
    [
        (b"Some words\n\n# The title #\n\nA sentence.\n", "The title", "Some words"),
        (b"openrouter-api\nOpenRouter API\nmore", "openrouter-api", "OpenRouter API"),
        (b"```\n# not this\n```\n## This\n", "This", ""),
        (b"", "my-notes", ""),
    ],
)
def test_plain_markdown_is_named_by_its_first_heading_or_line(data: bytes, name: str, description: str) -> None:
    skill = load_bytes(data, file="My Notes/readme.md").skill
    assert skill is not None
    assert (skill.id, skill.kind, skill.name, skill.description) == ("my-notes", "instructions", name, description)
    assert skill.docs == data.decode()


def test_a_single_file_is_named_by_its_stem() -> None:
    result = load_skill(b"# Hi\n", schema=SCHEMA, file=Path("skills/2 Fast.md"), folder=None, siblings=())
    assert result.skill is not None
    assert result.skill.id == "skill-2-fast"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"---\nid: d\xff\n---\n", "demo/readme.md:2:6: error: this byte is not UTF-8"),
        ("---\nid: x\n---\n".encode("utf-16"), "demo/readme.md:1:1: error: the file is UTF-16"),
        (b"x" * (4 * 1024 * 1024 + 1), "demo/readme.md:1:1: error: the file is larger than 4 MB"),
        (b"---\n- a\n---\n", "demo/readme.md:2:1: error: the front matter must be a map of keys"),
        (b"---\njust words\n---\n", "demo/readme.md:2:1: error: the front matter must be a map of keys"),
    ],
)
def test_what_is_no_skill_file_is_refused_with_its_reason(data: bytes, expected: str) -> None:
    (problem,) = load_bytes(data).problems
    assert str(problem).startswith(expected)


def test_an_empty_front_matter_is_no_mistake() -> None:
    skill = load_bytes(b"---\n---\n# Title\n").skill
    assert skill is not None
    assert (skill.name, skill.kind) == ("Title", "instructions")
    assert [p.message for p in skill.warnings] == ["`name` is missing", "`description` is missing"]


def test_the_seed_loads_unchanged_and_only_misses_its_icon() -> None:
    file = seed("agentos-openrouter.md")
    skill = load_skill(file.read_bytes(), schema=SCHEMA, file=file, folder=None, siblings=()).skill
    assert skill is not None
    assert [w.message for w in skill.warnings] == ["there is no file icon.svg beside the manifest"]
    assert (skill.id, skill.kind, list(skill.utilities)) == ("openrouter", "callable", ["chat"])
    chat = skill.utilities["chat"]
    assert chat.defaults == {"max_tokens": 4096, "temperature": 0}
    assert chat.params["required"] == ["model", "messages"]


@pytest.mark.parametrize(
    "name",
    [
        "agentspend-openrouter-llm-api.md",
        "ferrite-openrouter-llm-api.md",
        "lap-openrouter-api.md",
        "thatjuan-openrouter-api.md",
    ],
)
def test_documents_of_other_formats_load_as_instructions_without_a_warning(name: str) -> None:
    file = seed(name)
    skill = load_skill(file.read_bytes(), schema=SCHEMA, file=file, folder=None, siblings=()).skill
    assert skill is not None
    assert (skill.kind, skill.utilities, skill.warnings) == ("instructions", {}, ())
    assert skill.id == file.stem
    assert skill.docs


HEAD = "---\nid: demo\nname: Demo\ndescription: x\ninstructions: |\n  a\n---\n  b\n"
CALLS = "utilities:\n  go:\n    description: x\n    rest: {url: https://api.example.com/x}\n---\n"


def test_a_line_that_cuts_the_front_matter_is_reported_where_it_stands() -> None:
    (problem,) = load_bytes(f"{HEAD}{CALLS}".encode()).problems
    assert str(problem.place.position) == "demo/readme.md:7:1"
    assert (
        problem.message == "the front matter ends here, and `utilities` stands further down, where nobody reads it"
    )
    assert problem.fix == "Remove this line, or indent it when it belongs to the text above it"


@pytest.mark.parametrize("docs", ["operations:\n\n- read\n", f"```yaml\n{CALLS}```\n", "utilities:\n"])
def test_prose_that_speaks_of_utilities_is_prose(docs: str) -> None:
    skill = load_bytes(f"{HEAD}{docs}".encode()).skill
    assert skill is not None
    assert skill.warnings == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('+++\nid = "shop"\nname = "Shop"\n+++\n# Shop\n', "TOML"),
        ('{\n  "id": "shop",\n  "name": "Shop"\n}\n# Shop\n', "JSON"),
        ('{"utilities": {}}\n', "JSON"),
    ],
)
def test_front_matter_in_another_language_is_no_page_of_instructions(text: str, language: str) -> None:
    (problem,) = load_bytes(text.encode()).problems
    assert str(problem).startswith(f"demo/readme.md:1:1: error: front matter in {language} is not read")
    assert problem.fix == "Write it as YAML, `id: …`, between two lines `---`"


@pytest.mark.parametrize("text", ["{curly} words\n", "+++\nsome text\n", '# Shop\n\n+++\nid = "x"\n'])
def test_what_only_begins_like_another_language_is_plain_markdown(text: str) -> None:
    assert load_bytes(text.encode()).problems == ()
