"""Pages as HTML: templates, in which every text of others is escaped and every steering character shows."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from agentos_runtime.console.opening import Fragment
from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.table import find_page
from agentos_runtime.console.pages.waiting import count_waiting
from agentos_runtime.console.shown import figures
from agentos_runtime.console.shown.markdown import markdown
from agentos_runtime.console.shown.places import places
from agentos_runtime.console.shown.times import ago, moment
from agentos_runtime.console.visits import Visit
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.visible import visible

TEMPLATES = Path(__file__).parent / "templates"


class TemplatePages:
    """All pages, made by templates; those are compiled once."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    async def answer(self, visit: Visit) -> Fragment:
        """The page at the visit's path; an error of the contract is a page too."""
        found = find_page(visit.path)
        try:
            page = await found.make(visit)
        except AgentOSError as error:
            values: Mapping[str, Any] = {"error": error, "name": found.title}
            page = Page("error.html", found.title, values, error.status)
        shown = {"section": found.section, "title": page.title, "waiting": await _waiting(visit), **page.values}
        body = await aside(partial(self._render, page.template, visit, shown))
        return Fragment(body.encode("utf-8", "replace"), page.status)

    def rows(self, visit: Visit, rows: Sequence[Mapping[str, Json]]) -> list[str]:
        """Rows of the ledger as the pages show them, one piece of HTML for each."""
        return [self._render("row.html", visit, {"row": row}) for row in rows]

    def _render(self, template: str, visit: Visit, values: Mapping[str, Any]) -> str:
        here = {"visit": visit, "root": visit.root, "zone": visit.zone_name, "moment": partial(_moment, visit)}
        return self._environment.get_template(template).render(here | dict(values))


async def _waiting(visit: Visit) -> int:
    try:
        return await count_waiting(visit)
    except AgentOSError:  # told on the page itself
        return 0


def open_pages() -> TemplatePages:
    """Raises OSError when the templates cannot be read."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    environment.globals["seconds"] = _seconds
    return TemplatePages(environment)


def _harmless(value: Any) -> Any:
    """The way of every value into a page: what would reorder or hide text becomes an escape."""
    if value is None:
        return ""
    return visible(value, keep="\n\t") if type(value) is str else value


def _moment(visit: Visit, at: str | float) -> Markup:
    shown = moment(at, visit.zone, visit.now)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(shown.machine, shown.full, shown.text)


def _seconds(at: str) -> float:
    """Since 1970, of an ISO time."""
    return datetime.fromisoformat(at).timestamp()


def _exactly(show: Callable[[Any], str], whole: Callable[[Any], str], value: Any) -> Markup:
    """The short form, with the whole one as its title where it says more."""
    short, long = show(value), whole(value)
    if short == long:
        return Markup("{}").format(short)
    return Markup('<span title="{}">{}</span>').format(long, short)


def _model(name: str | None) -> Markup:
    """Without its maker; cutting the end would hide what differs."""
    short = (name or "").rpartition("/")[2]
    return Markup('<span title="{}">{}</span>').format(visible(name or ""), visible(short))


def _breakable(name: str) -> Markup:
    """A name that may break after its `_`, `-`, `.` and `/`, and nowhere else while there is room."""
    pieces = re.split("(?<=[_./-])", visible(name))
    return Markup("<wbr>").join(pieces)


def _sentence(text: str | None) -> str:
    """Descriptions come with and without their full stop."""
    return f"{text}." if text and text[-1] not in ".!?…:" else text or ""


def _code(text: str) -> Markup:
    """A sentence, what stands in backticks as code."""
    pieces = visible(text, keep="\n\t").split("`")
    if len(pieces) % 2 == 0:
        return Markup("{}").format("`".join(pieces))
    return Markup().join(
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )


def _one_part(name: str) -> str:
    """A name as one part of an address: what is left of a slash would lead elsewhere."""
    return quote(name, safe="")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "urlencode": _one_part,
    "exactly": figures.exact_money,
    "places": places,
    "money": partial(_exactly, figures.money, figures.exact_money),
    "count": partial(_exactly, figures.count, figures.whole),
    "duration": figures.duration,
    "ago": ago,
    "markdown": markdown,
    "model": _model,
    "breakable": _breakable,
    "code": _code,
    "sentence": _sentence,
}
