"""A skill file in its parts, as an import reads and writes it."""

import re
from collections.abc import Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.merge import equal
from agentos_runtime.importers.splice import splice
from agentos_runtime.importers.yamltext import entry
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.source import read_source
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Key
from agentos_runtime.regexes import regex

_HEADING = regex(r"^## .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SkillFile:
    """One file: its text, what its front matter says, its Markdown."""

    text: str
    root: Cursor
    docs: str

    @property
    def values(self) -> dict[str, Json]:
        return self.root.value.value if isinstance(self.root.value, Entries) else {}

    @property
    def utilities(self) -> dict[str, Json]:
        below = self.values.get("utilities")
        return below if isinstance(below, dict) else {}


def read_file(text: str, name: str) -> SkillFile:
    """Raises ImportProblem for what is no skill file with a front matter that can be read."""
    report = Report()
    source = read_source(text.encode(), name, report)
    if source is None or source.root is None or report.has_errors:
        problem = next(iter(report.errors()), None)
        raise ImportProblem(f"{problem or name} (mend it first; nothing was changed)")
    if not source.has_front_matter or not isinstance(source.root.value, Entries) or not source.root.value.entries:
        raise ImportProblem(f"{name} has no front matter to update; nothing was changed")
    return SkillFile(source.document.text, source.root, source.docs)


def write_file(manifest: Mapping[str, Json], docs: str, texts: Mapping[str, str], header: str = "") -> str:
    """The text of a new file; `header`: lines of comment above its first key. `texts`: its utilities as written."""
    blocks = [
        _utilities(value, texts) if key == "utilities" else entry(key, value, flow=key != "sources")
        for key, value in manifest.items()
        if key not in _TOP
    ]
    top = "".join(entry(key, manifest[key]) for key in _TOP if key in manifest)
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    front = "\n".join([part for part in (comment + top, *blocks) if part])
    return f"---\n{front}---\n\n{docs}"


def _utilities(value: Json, texts: Mapping[str, str]) -> str:
    if not isinstance(value, dict) or not value:
        return entry("utilities", value)
    return "utilities:\n" + "\n".join(texts[name] for name in value)


_END = "\0end"
"""Stands for the heading of what a person wrote at the end."""
_TOP = ("id", "name", "description")


def rewrite(file: SkillFile, wanted: Mapping[str, Json], docs: str, name: str) -> str:
    """The file's text made to say what is wanted, and nothing else touched. Raises ImportProblem."""
    text = file.text
    front_end = len(text) - len(file.docs)
    root = file.root.value
    if not equal(file.docs, docs):
        text = text[:front_end] + docs
    if isinstance(root, Entries) and not equal(root.value, dict(wanted)):
        if text[root.start : root.start + 1] == "{":
            raise ImportProblem(f"The front matter of {name} is one {{…}}: write it as lines of `key: value` first")
        text = splice(text, root, wanted)
    if not _says(text, wanted, name):
        raise ImportProblem(f"{name} cannot be changed in place: an alias or an unusual layout is in the way")
    return text


def _says(text: str, wanted: Mapping[str, Json], name: str) -> bool:
    try:
        return equal(read_file(text, name).values, dict(wanted))
    except ImportProblem:
        return False


def rename_utility(file: SkillFile, old: str, new: str, name: str) -> SkillFile:
    """The file with one utility under another name."""
    found = file.root.at("utilities").get(old)
    if found is None or not isinstance(found.key, Key):
        return file
    return read_file(file.text[: found.key.start] + new + file.text[found.key.end :], name)


# ------------------------------------------------------------------ Markdown


def sections(docs: str) -> dict[str, Json]:
    """Markdown by its second-level headings; what stands before the first is under ""."""
    found: dict[str, Json] = {}
    starts = [match.start() for match in _HEADING.finditer(docs)]
    for start, end in zip([0, *starts], [*starts, len(docs)], strict=True):
        heading = docs[start:end].split("\n", 1)[0] if start in starts else ""
        while heading in found:
            heading += " "
        found[heading] = docs[start:end]
    return found


def with_end(parts: Mapping[str, Json], before: Mapping[str, Json]) -> dict[str, Json]:
    """The sections, and apart from the last one what a person wrote at the very end of the file."""
    found = {**parts}
    last = next(reversed(found), None)
    known = str(before.get(last, "")).rstrip() if last else ""
    if last and known and str(found[last]).startswith(f"{known}\n") and str(found[last])[len(known) :].strip():
        text = str(found[last])
        found |= {last: text[: len(known)] + "\n", _END: text[len(known) :].lstrip("\n")}
    return found


def joined(parts: Mapping[str, Json]) -> str:
    """Sections put together again, a blank line between them."""
    out = ""
    for text in parts.values():
        if out and not out.endswith("\n\n"):
            out = out.rstrip("\n") + "\n\n"
        out += str(text)
    return out
