"""A skill with cases, and a console that has it."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.testing.load import load_case
from agentos_runtime.testing.model import Case, CaseFile
from agentos_runtime.testing.simulation import case_schema
from tests.cli.console import PATIENCE, SCRIPT, Console
from tests.programs import Program

NOTES = """\
---
id: notes
name: Notes
description: A service for tests
auth:
  credentials:
    default: {type: api_key, query: api_key}
    writer: {type: api_key, header: X-Writer}
utilities:
  read:
    description: Read a note
    params: {id: {type: string, required: true}, lang: {type: string}}
    returns: {text: string}
    rest:
      url: https://notes.example/v1/notes/{id}
      query: {lang: .params.lang}
      response: {mapping: {text: .body}}
  write:
    description: Write a note
    credential: writer
    params: {text: {type: string, required: true}, tags: {type: array, items: {type: string}}}
    returns: {id: string}
    rest:
      method: POST
      url: https://notes.example/v1/notes
      headers: {X-Mode: fast}
      body: {text: .params.text, tags: .params.tags}
  tell:
    description: Tell a story
    params: {about: {type: string}}
    rest:
      method: POST
      url: https://notes.example/v1/stories
      body: {about: .params.about}
      stream: {body: {stream: true}, done: "[DONE]", delta: .say, accumulate: text}
---
"""

READ = """\
description: A note
utility: read
params: {id: a b, lang: de}
request: {method: GET, url: "https://notes.example/v1/notes/a%20b?lang=de"}
response: {body: {body: Hallo}}
reply: {text: Hallo}
"""
WRITE = """\
description: A new note
utility: write
params: {text: Hi, tags: [a]}
request:
  method: POST
  url: https://notes.example/v1/notes
  headers: {x-mode: fast}
  body: {text: Hi, tags: [a]}
response: {status: 201, body: {id: n1}}
reply: {id: n1}
"""
TELL = """\
description: A story in pieces
utility: tell
params: {about: foxes}
request:
  method: POST
  url: https://notes.example/v1/stories
  body: {about: foxes, stream: true}
response:
  events:
    - comment: please wait
    - data: {say: "Once "}
    - {event: piece, data: {say: upon}}
    - data: "[DONE]"
deltas: ["Once ", upon]
reply: Once upon
"""
FULL = """\
description: No room
utility: write
params: {text: too long}
request: {method: POST, url: "https://notes.example/v1/notes", body: {text: too long}}
response: {status: 429, headers: {Retry-After: "7"}, body: {error: {message: The shelf is full}}}
error: {code: upstream_rate_limited, status: 429, upstream: {status: 429, retry_after: 7}}
"""
CASES = {"read": READ, "write": WRITE, "tell": TELL, "full": FULL}


def notes() -> Skill:
    """The skill, loaded."""
    schema = ManifestSchema(read_schema("manifest"))
    file = Path("notes/readme.md")
    result = load_skill(NOTES.encode(), schema=schema, file=file, folder=file.parent, siblings=["readme.md"])
    assert result.skill is not None, result.problems
    return result.skill


def loaded(text: str, name: str = "try") -> CaseFile:
    """A case of that skill from its text."""
    return load_case(text.encode(), Path(f"{name}.yaml"), notes(), case_schema())


def good(text: str, name: str = "try") -> Case:
    found = loaded(text, name)
    assert found.case is not None, [str(problem) for problem in found.problems]
    return found.case


def said(text: str) -> list[str]:
    """Each problem as `line:column message. fix`."""
    return [
        f"{p.place.position.line}:{p.place.position.column} {p.message}{f'. {p.fix}' if p.fix else ''}"
        for p in loaded(text).problems
    ]


def console(folder: Path, cases: dict[str, str] | None = None) -> Console:
    """The command line with the skill `notes` and these cases."""
    made = Console(folder / "home", folder / "skills")
    made.write("notes/readme.md", NOTES)
    for name, text in (CASES if cases is None else cases).items():
        made.write(f"notes/cases/{name}.yaml", text)
    return made


@contextlib.contextmanager
def simulating(
    console: Console, *options: str, script: tuple[str, ...] = SCRIPT
) -> Iterator[tuple[str, dict[str, object]]]:
    """`agentos serve --simulate` in a process of its own; its address, and what it said when it was ready."""
    with Program(
        [*script, "serve", "--simulate", "--port", "0", "--json", *options],
        env=console.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        ready = json.loads(line) if line else {}
        try:
            yield ready.get("url", ""), ready
        finally:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE)
            console.seen += [line, out, err]
    assert process.returncode == 0, err
