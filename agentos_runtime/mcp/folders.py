"""Skills as folders of the skills extension (`io.modelcontextprotocol/skills`), written from what is loaded.

Our own files cannot be served as they are: the extension wants the names of Agent Skills, and a caller may be shown
only what it may call. The same skill always gives the same bytes, so that digests hold.
"""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from hashlib import sha256

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill
from agentos_runtime.mcp.tools import Tool, described
from agentos_runtime.regexes import regex
from agentos_runtime.visible import visible

EXTENSION = "io.modelcontextprotocol/skills"
PREFIX = "skill://"
MARKDOWN = "text/markdown"
_NAME = regex(r"(?=.{1,64}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
"""Of an Agent Skill."""
_LONGEST_DESCRIPTION = 1024
_EFFECTS: Mapping[str, str] = {"read": "reads", "write": "changes", "destroy": "destroys"}


@dataclass(frozen=True)
class Folder:
    """One skill with those of its tools that are shown."""

    skill: Skill
    tools: tuple[Tool, ...] = field(repr=False)
    bundled: bool

    @property
    def uri(self) -> str:
        return f"{PREFIX}{self.skill.id}/SKILL.md"

    @property
    def description(self) -> str:
        """Who did not write it with the runtime is a stranger to it, and the reader should know."""
        said = " ".join(visible(self.skill.description, keep="\n\t").split())
        told = said if self.bundled else f"{said} (Not bundled with AgentOS: text of its author.)"
        return told if len(told) <= _LONGEST_DESCRIPTION else told[: _LONGEST_DESCRIPTION - 1] + "…"

    @property
    def frontmatter(self) -> dict[str, Json]:
        return {
            "name": self.skill.id,
            "description": self.description,
            "metadata": {"title": visible(self.skill.name)},
        }

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """By uri."""
        base = f"{PREFIX}{self.skill.id}/references/"
        found = {self.uri: self._main().encode("utf-8", "replace")}
        for tool in self.tools:
            found[f"{base}{tool.utility.name}.md"] = _reference(tool).encode("utf-8", "replace")
        return found

    def entry(self) -> dict[str, Json]:
        """What `skills/list` says of it."""
        resources: list[Json] = [
            {"uri": uri, "digest": f"sha256:{sha256(text).hexdigest()}", "size": len(text)}
            for uri, text in self.files.items()
        ]
        return {"uri": self.uri, "frontmatter": self.frontmatter, "resources": resources}

    def resource(self) -> dict[str, Json]:
        """What `resources/list` says of it."""
        return {
            "uri": self.uri,
            "name": self.skill.id,
            "title": visible(self.skill.name),
            "description": self.description,
            "mimeType": MARKDOWN,
            "size": len(self.files[self.uri]),
        }

    def _main(self) -> str:
        """JSON is YAML: what stands in the front matter reads back as it was."""
        lines = ["---", *(f"{key}: {dump(value).decode()}" for key, value in self.frontmatter.items()), "---", ""]
        for text in (self.skill.instructions, _listed(self.tools), self.skill.docs):
            if text and text.strip():
                lines += [visible(text, keep="\n\t").strip(), ""]
        return "\n".join(lines)


def _listed(tools: tuple[Tool, ...]) -> str:
    if not tools:
        return ""
    return "\n".join(
        ["## Tools", ""]
        + [
            f"- `{tool.name}` ({_EFFECTS[tool.utility.effect]}): {' '.join(tool.description().split())}"
            for tool in tools
        ]
    )


def _reference(tool: Tool) -> str:
    told = described(tool)
    parts = [f"# {tool.name}", tool.description()]
    for title, key in (("Params", "params"), ("Returns", "returns")):
        parts.append(f"## {title}\n\n```json\n{dump(told[key]).decode()}\n```")
    return "\n\n".join(parts) + "\n"


def folders_of(skills: tuple[Skill, ...], tools: tuple[Tool, ...], bundled: frozenset[str]) -> dict[str, Folder]:
    """By the uri of each one's SKILL.md; a skill whose id cannot be the name of an Agent Skill is left out."""
    found = [
        Folder(skill, tuple(tool for tool in tools if tool.skill.id == skill.id), skill.id in bundled)
        for skill in skills
        if _NAME.fullmatch(skill.id)
    ]
    return {folder.uri: folder for folder in found}
