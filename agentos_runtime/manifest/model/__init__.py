"""A loaded skill: frozen values, parsed and checked, ready to be called.

Strings of a manifest that the runtime reads became one of the nodes when the file was loaded, so a call never asks
again whether a string is jq or literal.
"""

from agentos_runtime.manifest.model.auth import Auth, AuthField, AuthTemplate, Login
from agentos_runtime.manifest.model.local import KEEPS_PATH, Argument, DatabasePath, Local, PathPart, PathText, Step
from agentos_runtime.manifest.model.nodes import (
    Expression,
    Fields,
    Items,
    Jq,
    Literal,
    Node,
    PlainPath,
    TemplateParam,
    UrlTemplate,
)
from agentos_runtime.manifest.model.skill import (
    EXTRAS,
    NOTHING_SHARED,
    AnswerFormat,
    Effect,
    Nested,
    Page,
    Paginate,
    Poll,
    Position,
    Response,
    Rest,
    Retry,
    Shared,
    Skill,
    Stream,
    Use,
    Utility,
)

__all__ = [
    "EXTRAS",
    "KEEPS_PATH",
    "NOTHING_SHARED",
    "AnswerFormat",
    "Argument",
    "Auth",
    "AuthField",
    "AuthTemplate",
    "DatabasePath",
    "Effect",
    "Expression",
    "Fields",
    "Items",
    "Jq",
    "Literal",
    "Local",
    "Login",
    "Nested",
    "Node",
    "Page",
    "Paginate",
    "PathPart",
    "PathText",
    "PlainPath",
    "Poll",
    "Position",
    "Response",
    "Rest",
    "Retry",
    "Shared",
    "Skill",
    "Step",
    "Stream",
    "TemplateParam",
    "UrlTemplate",
    "Use",
    "Utility",
]
