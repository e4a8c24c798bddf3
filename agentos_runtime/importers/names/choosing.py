"""What utilities and params are called: verb_noun in snake case, each name once, the same on every import."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from agentos_runtime.importers.api import Field, Operation
from agentos_runtime.importers.messages import is_plural, singular, snake, words
from agentos_runtime.importers.names.lengths import SMALL, room, shortened
from agentos_runtime.importers.names.routes import Route, route, shape
from agentos_runtime.importers.names.verbs import (
    METHOD_VERBS,
    PLAIN,
    SAME_VERB,
    VERBS,
    path_verb,
    path_words,
    segment_words,
    without_prefix,
)
from agentos_runtime.regexes import regex

_HOW_MANY: Mapping[str, str] = {"all": "list", "many": "list", "multiple": "list", "several": "list", "one": "get"}
_NOISE = frozenset({"endpoint", "using", "a", "an", "the"})
_COUNTED = frozenset({"get", "update", "delete", "create"})
_OF_IDS = frozenset({"page", "by", "id", "do"})
_STAGE = r"(?:(?:alpha|beta|rc)\d*)?"
_VERSION = regex(
    rf"(?:^|(?<=[^A-Za-z]))v\d+{_STAGE}(?![a-z])|(?<=[a-z])V\d+{_STAGE}(?=[A-Z]|$|[^A-Za-z0-9])"
    r"|(?<=[a-z]{3})(?<!ip)v\d+$"
)
_VERSION_SEGMENT = regex(rf"v\d+(?:\.\d+)*{_STAGE}|\d{{1,2}}(?:\.\d+)*|\d{{4}}-\d{{2}}(?:-\d{{2}})?")
_STAGES = frozenset({"beta", "alpha", "preview", "experimental"})
"""Words that say how settled a call is, not what it does."""
_COMPARED: Mapping[str, str] = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "!": "not", "!=": "not"}
"""What a field's name ends with that compares: `DateSent<`."""
_WHOLE_NAME = regex(r"[a-z][a-z0-9_]*")


def utility_names(
    operations: Sequence[Operation],
    services: Sequence[str],
    known: Mapping[Route, str],
    chosen: Mapping[str, str],
    *,
    own: bool = False,
) -> dict[Route, str]:
    """A name for each operation.

    `known` are names that stay as they are; `chosen` overrides, by the name that would be given or by the service's
    own id. `services` are the skill's id and the service's name, which names do not repeat. `own`: the service's
    ids are the names, where they can be.
    """
    names: dict[Route, str] = {route(one.method, one.path): "" for one in operations}
    short = {
        route(one.method, one.path): replace(brief, id="" if _spells_path(one) else _own_id(one, brief.path))
        for one, brief in zip(operations, without_prefix(operations), strict=True)
    }
    several = _in_several_versions(names)
    taken: set[str] = set()
    for one in operations:
        here = route(one.method, one.path)
        wanted = known.get(here)
        wanted = _override(one, wanted or suggested(short[here], services), chosen) or wanted
        if wanted is not None and wanted not in taken:
            names[here] = wanted
            taken.add(wanted)
    for one in sorted(operations, key=lambda one: (one.path.count("/"), one.path, one.method)):
        here = route(one.method, one.path)
        if not names[here]:
            candidates = (
                _own_candidates(one)
                if own and is_utility_name(snake(one.id))
                else _candidates(short[here], services, _version(one.path) if _unversioned(here) in several else "")
            )
            names[here] = next(name for name in candidates if name not in taken)
            taken.add(names[here])
    return names


def _override(one: Operation, name: str, chosen: Mapping[str, str]) -> str | None:
    keys = (name, one.id, one.label)
    return next((chosen[key] for key in keys if key in chosen), None)


def _own_candidates(one: Operation) -> Sequence[str]:
    name = snake(one.id)
    return [name, *(f"{name}_{number}" for number in range(2, 1000))]


def _in_several_versions(routes: Iterable[Route]) -> set[Route]:
    """The calls that are there more than once, in versions that their paths name; without those."""
    return {here for here, count in Counter(map(_unversioned, routes)).items() if count > 1}


def _unversioned(here: Route) -> Route:
    segments = shape(here)[1].split("/")
    return here[0], "/".join(part for part in segments if not _VERSION_SEGMENT.fullmatch(part))


def _version(path: str) -> str:
    found = [part for part in path.split("/") if _VERSION_SEGMENT.fullmatch(part)]
    said = re.sub("[.-]", "_", found[-1]) if found else ""
    return f"v{said}" if said[:1].isdigit() else said


def _candidates(one: Operation, services: Sequence[str], version: str) -> Iterator[str]:
    """Names from the best to the last resort; the last ones are many enough for any document.

    `version`: what tells the call from the same one of another version.
    """
    most = room(services)
    first = suggested(one, services)
    verb, _, noun = first.partition("_")
    nouns = [word for word in path_words(one.path) if word not in noun.split("_")]
    longer = "_".join([verb, *nouns, noun]) if noun else "_".join([verb, *nouns])
    keys = [f"{first}_by_{snake(key)}" for key in re.findall(r"\{([^}]*)\}$", one.path) if snake(key)]
    closer = ["_".join(filter(None, (verb, word, noun))) for word in reversed(nouns)]
    ways = [first, *([f"{first}_{version}"] if version else keys), *closer, longer]
    for way in (*ways, f"{longer}_by_{one.method.lower()}"):
        yield from shortened(way, most, keep=2 if version and way.endswith(f"_{version}") else 1)
    short = next(shortened(longer, most - 4))
    yield from (f"{short}_{number}" for number in range(2, 1000))


def suggested(one: Operation, services: Sequence[str]) -> str:
    """The verb_noun of one operation, other names unseen."""
    own, before = _own_words(one)
    own = _without_service(own, services)
    nouns = path_words(one.path)
    if not own:
        verb, own = path_verb(one, nouns)
        nouns = own
    elif (last := _verb_behind_method(own, one)) is not None:
        verb, own = last, own[1:-1]
    elif len(own) > 1 and own[-2] in ("find", "get", "show", "fetch", "retrieve") and own[-1] in _HOW_MANY:
        verb, own = own[-1], own[:-2]
    elif _begins_with_verb(own, one) or (before and "." in one.id):
        verb, own = own[0], own[1:]
    elif (inner := _plain_verb(own, one)) is not None:
        verb, own = own[inner], own[:inner] + own[inner + 1 :]
    elif (own[-1] in VERBS and not {*own[-2:-1]} & SMALL) or own[-1] in _HOW_MANY:
        verb, own = own[-1], own[:-1]
    elif (inner := _inner_verb(own, one)) is not None:
        verb, own = own[inner], own[:inner] + own[inner + 1 :]
    elif _does_something(own, one):
        verb, own = own[0], own[1:]
    else:
        verb = path_verb(one, nouns)[0]
    own = _under(before, own)
    verb, own = _settled(verb, [word for word in own if word not in _HOW_MANY] or nouns[-1:], one)
    name = "_".join(dict.fromkeys([verb, *own]))
    return name if name[:1].isalpha() else f"call_{name}"


def _verb_behind_method(own: Sequence[str], one: Operation) -> str | None:
    """`post-database-query` queries a database, as its path says too."""
    said = len(own) > 2 and own[0] == one.method.lower() and one.method != "GET"
    last = path_words(one.path)[-1:]
    return own[-1] if said and [own[-1]] == last and own[-1] in VERBS - PLAIN else None


def _plain_verb(own: Sequence[str], one: Operation) -> int | None:
    """Where the method's own verb stands before a word that is a verb in other places: `registry_delete_tag`."""
    if own[-1] not in VERBS - PLAIN:
        return None
    usual = METHOD_VERBS.get(one.method)
    return next((at for at, word in enumerate(own[1:-1], 1) if SAME_VERB.get(word, word) == usual), None)


def _does_something(own: Sequence[str], one: Operation) -> bool:
    """`manageConversation`, `emailInvoice`: what stands before the thing that the path is about is a verb."""
    said = {singular(word) for word in (*path_words(one.path), *words(one.tag))}
    last = [singular(word) for word in segment_words(one.path.rpartition("/")[2])]
    if one.method == "GET" or len(own) < 2 or is_plural(own[0]):
        return False
    return {singular(word) for word in own[1:]} <= said and (own[0] not in said or [own[0]] == last)


def _begins_with_verb(own: Sequence[str], one: Operation) -> bool:
    """`report_get` gets a report, and `mark_read` with PUT marks."""
    last = SAME_VERB.get(own[-1], own[-1])
    gets = last in ("get", "list") and one.method != "GET"
    return own[0] in VERBS and (own[0] in PLAIN or own[-1] not in PLAIN or gets or len(own) == 1)


def _inner_verb(own: Sequence[str], one: Operation) -> int | None:
    """Where the verb stands behind words that only repeat the path or the tag: `oneClicks_install_kubernetes`."""
    said = {singular(word) for word in (*path_words(one.path), *words(one.tag))} | _HOW_MANY.keys() | _STAGES
    for index, word in enumerate(own):
        if word in VERBS:
            return index
        if singular(word) not in said:
            return None
    return None


def _under(before: list[str], own: list[str]) -> list[str]:
    """`issues/list-comments` → issue, comments; what the operation says itself is not said twice."""
    said = {singular(word) for word in own}
    fresh = [word for word in before if singular(word) not in said and word not in SMALL]
    if not fresh or not own:
        return own or before
    return [*fresh, *own] if own[0] in SMALL else [*fresh[:-1], singular(fresh[-1]), *own]


def _procedure(path: str) -> str:
    """`chat.postMessage` at the end of a path is what the call is called."""
    found = re.search(
        r"/([a-z]\w*(?:\.[A-Za-z]\w*)*\.(?!json$|xml$|csv$|html$|txt$|pdf$|php$|asp)[A-Za-z]\w*)$", path
    )
    return found[1] if found else ""


def _with_again(own: list[str]) -> list[str]:
    """`re-run-job` → rerun, job."""
    return own if own[:1] != ["re"] or len(own) < 2 else [f"re{own[1]}", *own[2:]]


def _without_alternative(own: list[str]) -> list[str]:
    """`create-or-update-secret` → create, secret."""
    at = own.index("or") if "or" in own else 0
    both = at and len(own) > at + 1 and {own[at - 1], own[at + 1]} <= VERBS
    return own[:at] + own[at + 2 :] if both else own


def _without_controller(own: list[str]) -> list[str]:
    """`PetsController_findOnePet` → find, one, pet; `PetsController_findAll` → pets, find, all."""
    before, after = (
        (own[: own.index("controller")], own[own.index("controller") + 1 :]) if "controller" in own else ([], own)
    )
    return after if len([word for word in after if word not in _HOW_MANY]) > 1 else before + after


def _without_service(own: list[str], services: Sequence[str]) -> list[str]:
    """An id without the service's name: `githubListRepos`, `list_github_repos` → list, repos."""
    for service in services:
        name = [word for word in words(service) if word != "api"]
        for start in (0, 1):
            if name and own[start : start + len(name)] == name and len(own) > len(name) + start:
                return own[:start] + own[start + len(name) :]
    return own


def _settled(verb: str, nouns: list[str], one: Operation) -> tuple[str, list[str]]:
    """list_ for lists, get_ for one thing; one thing is singular."""
    verb = _HOW_MANY.get(verb) or SAME_VERB.get(verb, verb)
    last = nouns[-1] if nouns else ""
    if verb == "list" and nouns and not is_plural(last) and f"{last}s" in path_words(one.path):
        nouns, last = [*nouns[:-1], f"{last}s"], f"{last}s"
    one_thing = one.path.endswith("}")
    if nouns and nouns[-1] == "request" and len(nouns) > 1:
        nouns = nouns[:-1]
    if one.method == "GET" and one.reply.kind == "json" and one.reply.rows is not None and not one_thing:
        verb = "list" if verb == "get" and (is_plural(last) or not last) else verb
    elif verb == "list" and one.reply.rows is None and not (one.reply.kind == "json" and is_plural(last)):
        verb = "get"
    segments = [snake(part) for part in one.path.strip("/").split("/") if not part.startswith("{")]
    whole = segments and segments[-1].split("_")[-1] == last
    counted = verb in _COUNTED and whole and (one_thing or (verb == "create" and one.method == "POST"))
    return verb, [*nouns[:-1], singular(last)] if counted and nouns else nouns


def _own_words(one: Operation) -> tuple[list[str], list[str]]:
    """The words of the service's own id, and those of the group before them: `users.list` → list; users."""
    said = _VERSION.sub("", _own_id(one, one.path) or _procedure(one.path))
    if _spells_path(one):
        return [], []
    before, marked, last = said.rpartition("#")
    before = " ".join(path_words(one.path.partition("#")[0])) if marked else before  # `put_files_id#add_link`
    if not marked:
        before, _, last = re.sub(r"[/:]", ".", said).rpartition(".")
    own = [part for word in words(last) if word not in _NOISE for part in _segmented(word, one)]
    own = _without_alternative(_with_again(own))
    group = [word for word in words(before) if word not in _NOISE]
    tag = words(one.tag)
    if not group and tag and own[: len(tag)] == tag and len(own) > len(tag):
        own, group = own[len(tag) :], tag
    whole = _without_controller(own)
    return whole, group if whole == own else []


def _spells_path(one: Operation) -> bool:
    """Whether an id is only the method and the path in other letters: `GetCustomersCustomer`, `get_files_id`."""
    verb, *own = [word for word in words(_VERSION.sub("", one.id)) if word != "api"] or [""]
    if own and own[-1] == one.method.lower() and verb not in VERBS:  # `messages_post`
        verb, own = own[-1], [verb, *own[:-1]]
    if verb != one.method.lower() or not own or "#" in one.id:
        return False
    path = _VERSION.sub("", one.path)
    literal = [word for word in words(re.sub(r"\{[^}]*\}", " ", path)) if word != "api"]
    spelled = iter(word for word in words(path) if word != "api")
    own = [word for word in own if word in literal or word not in ("id", "param")]
    return [word for word in own if word in literal] == literal and all(word in spelled for word in own)


def _segmented(word: str, one: Operation) -> list[str]:
    """`getspendlimit` → get, spend, limit, where the path has these words."""
    if len(word) < 7 or word in VERBS:
        return [word]
    known = {*path_words(one.path), *words(one.tag)}
    for verb in sorted(VERBS, key=len, reverse=True):
        if word.startswith(verb) and len(word) > len(verb) + 2:
            rest = _cut(word[len(verb) :], known | {singular(each) for each in known})
            if rest is not None:
                return [verb, *rest]
    return [word]


def _cut(text: str, known: Collection[str]) -> list[str] | None:
    """A text cut into known words; None when it is not made of them."""
    if not text:
        return []
    for word in sorted(known, key=len, reverse=True):
        if len(word) > 1 and text.startswith(word):
            rest = _cut(text[len(word) :], known)
            if rest is not None:
                return [word, *rest]
    return None


def _own_id(one: Operation, brief: str) -> str:
    """The service's id without the path and method that some frameworks add; `brief`: the path that names need."""
    generated = f"{snake(one.path.partition('?')[0])}_{one.method.lower()}"
    own = snake(one.id)
    before = f"{one.method.lower()}_{snake(one.path)}_"
    if own.startswith(before) and "/" in one.id:  # `get-/objects/contacts_getById`
        said = [word for word in own.removeprefix(before).split("_") if word not in _OF_IDS]
        return f"{'-'.join(path_words(brief))}/{'-'.join(said)}" if said else one.id
    left = own.removesuffix(generated).rstrip("_")
    return left if own.endswith(generated) and left and left not in _STAGES else one.id


def param_names(fields: Sequence[Field], taken: Collection[str] = ()) -> list[str]:
    """A param's name for each field: the service's own where it can be one, each name once."""
    names: list[str] = []
    for field in fields:
        name = _param_name(field)
        if name in names or name in taken:
            name = f"{field.place}_{name}"
        while name in names or name in taken:
            name += "_2"
        names.append(name)
    return names


def _param_name(field: Field) -> str:
    if field.place == "header":
        called = snake(field.name.lower().removeprefix("x-"))
        return called if called[:1].isalpha() else f"header_{called}".rstrip("_")
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", field.name):
        return field.name
    said = re.sub(r"[<>!]=?$", lambda found: f"_{_COMPARED[found[0]]}", field.name)
    name = re.sub(r"\W+", "_", said, flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"param_{name}".rstrip("_")


def is_utility_name(name: str) -> bool:
    return bool(_WHOLE_NAME.fullmatch(name))
