"""What utilities and params are called: verb_noun in snake case, each name once, the same on every import."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest

from agentos_runtime.importers.api import Field, Operation
from agentos_runtime.importers.messages import is_plural, singular, snake, words

Route = tuple[str, str]
"""A method and a path as it is written: what tells operations apart, whatever they are called."""

_METHOD_VERBS: Mapping[str, str] = {
    "GET": "get", "HEAD": "check", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete",
}  # fmt: skip
_SAME_VERB: Mapping[str, str] = {
    "retrieve": "get", "fetch": "get", "read": "get", "show": "get", "index": "list", "modify": "update",
    "edit": "update", "patch": "update", "destroy": "delete", "post": "create", "put": "update",
}  # fmt: skip
_VERBS = frozenset({
    "add", "apply", "approve", "archive", "ask", "assign", "batch", "bulk", "cancel", "capture", "check",
    "close", "complete", "confirm", "convert", "copy", "count", "create", "delete", "disable", "do",
    "download", "embed", "enable", "exchange", "export", "finalize", "find", "generate", "get", "import",
    "invite", "list", "lock", "login", "logout", "make", "merge", "move", "open", "pay", "place", "preview",
    "publish", "query", "refund", "register", "reject", "remove", "render", "replace", "request", "rerank",
    "resend", "reset", "restore", "retry", "revoke", "rotate", "run", "search", "send", "set", "start",
    "stop", "submit", "subscribe", "sync", "test", "track", "transfer", "translate", "unassign", "unlock",
    "unsubscribe", "update", "upload", "upsert", "validate", "verify",
    *_SAME_VERB,
})  # fmt: skip
_HOW_MANY: Mapping[str, str] = {"all": "list", "many": "list", "one": "get"}
_NOISE = frozenset({"endpoint", "using"})
_COUNTED = frozenset({"get", "update", "delete", "create"})
_WHOLE_NAME = re.compile(r"[a-z][a-z0-9_]*")


def route(method: str, path: str) -> Route:
    """The same however the names of params are spelled: `/keys/{key-id}` and `/keys/{key_id}`."""
    shape = re.sub(r"\{([^}]*)\}", lambda name: f"{{{re.sub('[^a-z0-9]', '', name[1].lower())}}}", path)
    return method.upper(), shape.rstrip("/") or "/"


def shape(here: Route) -> Route:
    """The same for `/keys/{hash}` and `/keys/{id}`."""
    return here[0], re.sub(r"\{[^}]*\}", "{}", here[1])


def matching(wanted: Iterable[Route], there: Mapping[Route, list[str]]) -> dict[Route, list[str]]:
    """For each route, the utilities that call it: written alike, or else the only two alike but for names."""
    wanted = [*dict.fromkeys(wanted)]
    found = {here: there[here] for here in wanted if here in there}
    left = [here for here in wanted if here not in found]
    shapes = Counter(map(shape, left))
    others: dict[Route, list[Route]] = {}
    for here in there:
        if here not in found:
            others.setdefault(shape(here), []).append(here)
    for here in left:
        alike = others.get(shape(here), [])
        if shapes[shape(here)] == 1 and len(alike) == 1:
            found[here] = there[alike[0]]
    return found


def utility_names(
    operations: Sequence[Operation], services: Sequence[str], known: Mapping[Route, str], chosen: Mapping[str, str]
) -> dict[Route, str]:
    """A name for each operation.

    `known` are names that stay as they are; `chosen` overrides, by the name that would be given or by the service's
    own id. `services` are the skill's id and the service's name, which names do not repeat.
    """
    names: dict[Route, str] = {route(one.method, one.path): "" for one in operations}
    taken: set[str] = set()
    for one in operations:
        here = route(one.method, one.path)
        wanted = known.get(here)
        wanted = _override(one, wanted or suggested(one, services), chosen) or wanted
        if wanted is not None and wanted not in taken:
            names[here] = wanted
            taken.add(wanted)
    for one in sorted(operations, key=lambda one: (one.path.count("/"), one.path, one.method)):
        here = route(one.method, one.path)
        if not names[here]:
            names[here] = next(name for name in _candidates(one, services) if name not in taken)
            taken.add(names[here])
    return names


def _override(one: Operation, name: str, chosen: Mapping[str, str]) -> str | None:
    keys = (name, one.id, one.label)
    return next((chosen[key] for key in keys if key in chosen), None)


def _candidates(one: Operation, services: Sequence[str]) -> Sequence[str]:
    """Names from the best to the last resort; the last ones are many enough for any document."""
    first = suggested(one, services)
    verb, _, noun = first.partition("_")
    nouns = [word for word in _path_words(one.path) if word not in noun.split("_")]
    longer = "_".join([verb, *nouns, noun]) if noun else "_".join([verb, *nouns])
    keys = [f"{first}_by_{snake(key)}" for key in re.findall(r"\{([^}]*)\}$", one.path) if snake(key)]
    by_method = f"{longer}_by_{one.method.lower()}"
    return [first, *keys, longer, by_method, *(f"{longer}_{number}" for number in range(2, 1000))]


def suggested(one: Operation, services: Sequence[str]) -> str:
    """The verb_noun of one operation, other names unseen."""
    own = _without_service(_own_words(one), services)
    nouns = _path_words(one.path)
    if not own:
        verb, own = _path_verb(one, nouns)
        nouns = own
    elif own[0] in _VERBS or "." in one.id:
        verb, own = own[0], own[1:]
    elif len(own) > 2 and own[-2] in ("find", "get") and own[-1] in _HOW_MANY:
        verb, own = own[-1], own[:-2]
    elif own[-1] in _VERBS or own[-1] in _HOW_MANY:
        verb, own = own[-1], own[:-1]
    else:
        verb = _path_verb(one, nouns)[0]
    verb, own = _settled(verb, [word for word in own if word not in _HOW_MANY] or nouns[-1:], one)
    name = "_".join(dict.fromkeys([verb, *own]))
    return name if name[:1].isalpha() else f"call_{name}"


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
    verb = _HOW_MANY.get(verb) or _SAME_VERB.get(verb, verb)
    last = nouns[-1] if nouns else ""
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


def _own_words(one: Operation) -> list[str]:
    """The words of the service's own id, the verb's part first: `users.list` → list, users."""
    before, _, last = _own_id(one).rpartition(".")
    return _without_controller([word for word in words(last) + words(before) if word not in _NOISE])


def _own_id(one: Operation) -> str:
    """The service's id without the path and method that some frameworks add to it."""
    generated = f"{snake(one.path)}_{one.method.lower()}"
    own = snake(one.id)
    return own.removesuffix(generated).rstrip("_") if own.endswith(generated) and own != generated else one.id


def _path_words(path: str) -> list[str]:
    """`/v1/guardrails/{id}/assignments/keys` → guardrail, assignments, keys."""
    parts = [part for part in path.strip("/").split("/") if part]
    found: list[str] = []
    for part, following in zip_longest(parts, parts[1:], fillvalue=""):
        if not part.startswith("{") and not re.fullmatch(r"v\d+\w*|api", part):
            own = words(re.sub(r"\{[^}]*\}", "", part))
            found += [*own[:-1], singular(own[-1])] if own and following.startswith("{") else own
    return found


def _path_verb(one: Operation, nouns: list[str]) -> tuple[str, list[str]]:
    """The verb of an operation that has no id, and its nouns."""
    if one.method == "POST" and nouns and nouns[-1] in _VERBS:
        return nouns[-1], nouns[:-1]
    verb = _METHOD_VERBS.get(one.method, one.method.lower())
    listed = one.method == "GET" and one.reply.rows is not None and not one.path.endswith("}")
    return "list" if listed else verb, nouns or ["root"]


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
        return snake(field.name.lower().removeprefix("x-")) or "header"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", field.name):
        return field.name
    name = re.sub(r"\W+", "_", field.name, flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"param_{name}".rstrip("_")


def is_utility_name(name: str) -> bool:
    return bool(_WHOLE_NAME.fullmatch(name))
