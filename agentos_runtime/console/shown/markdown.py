"""Markdown of skills as HTML that holds nothing but text, structure and links."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from agentos_runtime.visible import visible

LONGEST = 256 * 1024
"""Characters; what is longer is shown as text."""
_BLOCKS = ("blockquote", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul")
_TABLES = ("table", "tbody", "td", "th", "thead", "tr")
TAGS = frozenset(("a", "br", "code", "em", "s", "strong", *_BLOCKS, *_TABLES))
_ATTRIBUTES: Mapping[str, set[str]] = MappingProxyType({"a": {"href"}})
_SCHEMES = frozenset({"http", "https", "mailto"})


def markdown(text: str) -> Markup:
    """Headings are one level lower than they were written: the page has one of its own. Images are left out."""
    shown = visible(text, keep="\n\t")
    if len(shown) > LONGEST:
        return Markup("<pre>{}</pre>").format(escape(shown))
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
    parser.add_render_rule("image", _alternative)
    tokens = parser.parse(shown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    rendered = parser.renderer.render(tokens, parser.options, {})
    return Markup(clean(rendered))  # noqa: S704 - sanitised by nh3


def clean(html: str) -> str:
    """Whatever HTML, with the tags above and absolute links only."""
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
        attribute_filter=_absolute,
    )


def _alternative(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """An image is its description: nothing is fetched for it."""
    return str(escape(tokens[index].content))


def _absolute(tag: str, name: str, value: str) -> str | None:
    """Links that are relative would lead somewhere into the console; a title of a link says what it likes of it."""
    if name == "rel":  # our own
        return value
    scheme, colon, _ = value.strip().partition(":")
    return value if name == "href" and colon and scheme.lower() in _SCHEMES else None
