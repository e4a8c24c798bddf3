"""A request as somebody made it, and what can stand in it."""

from dataclasses import field
from typing import TypeAlias

from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A body that is one text: JSON, a form, GraphQL, anything."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    name: str
    value: str | None = field(repr=False)
    """None: a file, or a text out of one, that the caller gives."""
    file: bool = False
    content_type: str = ""
    filename: str = ""
    """What the file is called whatever the caller's is called."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A multipart body."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class FromFile:
    """A body that lay in a file."""

    binary: bool


Body: TypeAlias = Text | Parts | FromFile


@dataclass(frozen=True, slots=True)
class Sample:
    """One request; texts have marks where they have blanks."""

    method: str
    url: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Besides what stands in the url."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Body | None = None
    content_type: str = ""
    """What the body is sent as, when no header says it."""
    cookies_apart: bool = False
    """Its cookies are few, and each counts; those of a recording are what a browser had."""
    user: str | None = field(default=None, repr=False)
    """`user:password` of basic auth."""
    keys: tuple[str, ...] = ()
    """Headers and keys of the query of which is said that they prove the call, whatever they are called."""
    name: str = ""
    description: str = ""
    tag: str = ""
    segments: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """What stood for `:name` in the path."""
    notes: tuple[tuple[str, str], ...] = ()
    """What is said of a param, by the name under which it is sent."""
