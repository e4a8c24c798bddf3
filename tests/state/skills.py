"""Skills as a loader would make them, for what holds state."""

from pathlib import Path
from typing import Any

from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.manifest.model import (
    Auth,
    AuthField,
    AuthTemplate,
    Fields,
    Jq,
    Literal,
    Node,
    Rest,
    Skill,
    TemplateParam,
    UrlTemplate,
    Use,
    Utility,
)
from agentos_runtime.manifest.shapes import Shape

PLACE = Place("utilities.chat.rest.url", Position("readme.md", 1, 1))
CHAT_URL = "https://openrouter.ai/api/v1/chat/completions"
CANARY = "sk-or-v1-canary+4f/9a=7c2e81"


def jq(source: str, *fields: str) -> Jq:
    return Jq(source, PLACE, frozenset(fields))


def template(*parts: str | TemplateParam) -> UrlTemplate:
    return UrlTemplate(parts, PLACE)


def rest(url: str | UrlTemplate | Jq = CHAT_URL, **changes: Any) -> Rest:
    node = Literal(url) if isinstance(url, str) else url
    return Rest(method=changes.pop("method", "POST"), url=node, url_place=PLACE, **changes)


def utility(name: str = "chat", *, call: Rest | None = None, credential: str | None = "default") -> Utility:
    return Utility(name, "", {}, Shape({}), {}, None, None, False, call or rest(), credential, None, PLACE, "write")


def api_key(
    name: str = "default", *, header: str = "Authorization", optional: bool = False, basic: bool = False
) -> Auth:
    parts = (AuthField("username:password", basic=True),) if basic else ("Bearer ", AuthField("key"))
    fields = ("username", "password") if basic else ("key",)
    return Auth(
        name,
        "basic" if basic else "api_key",
        fields,
        (AuthTemplate("header", header, parts),),
        optional=optional,
        label="API Key",
        help_url="https://openrouter.ai/keys",
    )


def skill(
    *utilities: Utility, called: str = "openrouter", auth: tuple[Auth, ...] | None = None, digest: str = "0" * 64
) -> Skill:
    named = {one.name: one for one in utilities or (utility(),)}
    auths = {one.name: one for one in ((api_key(),) if auth is None else auth)}
    file = Path(f"/skills/{called}/readme.md")
    return Skill(called, called, "", file, digest, (digest,), "callable", named, auths, use=Use(allowed=False))


def fields(**nodes: Node) -> Fields:
    return Fields(tuple(nodes.items()))
