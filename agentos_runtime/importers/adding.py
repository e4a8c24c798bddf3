"""One more utility for a skill that is there already."""

from dataclasses import replace

from agentos_runtime.importers.api import KEY_IN_PATH, Api, Losses, Operation
from agentos_runtime.importers.build import Generated, Source, build, route_of
from agentos_runtime.importers.names.choosing import suggested
from agentos_runtime.importers.names.lengths import room, shortened
from agentos_runtime.importers.names.routes import Route, route
from agentos_runtime.importers.parts import MAIN, utilities_of
from agentos_runtime.importers.skill_file import read_file
from agentos_runtime.importers.update import Disk, known_names
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.origins import origin_of


def added(api: Api, skill_id: str, name: str | None, disk: Disk, losses: Losses) -> Generated:
    """What the last import said, with the one operation of `api` besides; a whole skill when there is none yet."""
    mine = read_file(disk.mine[MAIN], MAIN).values if MAIN in disk.mine else {}
    one = _fitted(api, mine, losses) if mine else api.operations[0]
    called = name or _free(next(shortened(suggested(one, (skill_id,)), room((skill_id,)))), disk)
    names = {route(one.method, one.path): called}
    generated = build(replace(api, operations=(one,)), skill_id, names, Source("curl", one.label), losses)
    manifest = {key: value for key, value in generated.manifest.items() if key != "sources"}
    if not mine:
        return replace(generated, manifest=manifest)
    before = {key: read_file(text, key) for key, text in disk.base.items()}
    main = before.get(MAIN)
    values: dict[str, Json] = main.values if main else {}
    utilities: dict[str, Json] = {}
    routes: dict[Route, str] = {}
    imported = {
        key: (value, route_of(value, values)) for file in before.values() for key, value in file.utilities.items()
    }
    known = known_names(disk, [here for _, here in imported.values() if here is not None])
    for key, (value, here) in imported.items():
        settled = known.get(here, key) if here else key
        utilities[settled] = value
        if here:
            routes[here] = settled
    utilities |= utilities_of(manifest)
    kept = {key: value for key, value in values.items() if key not in ("utilities", "parts")}
    return Generated(
        {**kept, "utilities": utilities}, {}, main.docs if main else "", {**routes, **generated.routes}
    )


def _fitted(api: Api, mine: dict[str, Json], losses: Losses) -> Operation:
    """The operation as it is said inside a skill that has an address and a credential of its own."""
    one = api.operations[0]
    own = mine.get("api")
    base_url = own.get("base_url") if isinstance(own, dict) else None
    keyed = any(field.write == KEY_IN_PATH for field in one.fields)  # its url is written whole
    if (
        not keyed
        and isinstance(base_url, str)
        and f"{api.base_url}{one.path}".startswith(f"{base_url.rstrip('/')}/")
    ):
        one = replace(one, path=f"{api.base_url}{one.path}".removeprefix(base_url.rstrip("/")))
    else:
        one = replace(one, base_url=api.base_url)
    return _proved(one, api, mine, losses)


def _proved(one: Operation, api: Api, mine: dict[str, Json], losses: Losses) -> Operation:
    """The operation with the skill's credential where it is its own: a key of one service goes to no other."""
    own = mine.get("api")
    base_url = own.get("base_url") if isinstance(own, dict) else None
    has_own = mine.get("auth") not in (None, "none", {"type": "none"})
    elsewhere = isinstance(base_url, str) and origin_of(base_url) != origin_of(api.base_url)
    if api.auth is not None and elsewhere:
        losses.add("a key of another service is not asked for: import it with an --id of its own", one.label)
    elif api.auth is not None and not has_own:
        losses.add("the skill has no credential, so the call is sent without one: write its `auth`", one.label)
    elif api.auth is not None and api.auth != mine.get("auth"):
        losses.add("the command proves itself in its own way; the skill's credential is sent", one.label)
    if elsewhere or api.auth != mine.get("auth"):
        plain = (replace(field, write="{}") if field.write == KEY_IN_PATH else field for field in one.fields)
        one = replace(one, fields=tuple(plain))
    return replace(one, credential="" if has_own and (api.auth is None or elsewhere) else None)


def _free(name: str, disk: Disk) -> str:
    taken = {key for file, text in disk.mine.items() for key in read_file(text, file).utilities}
    candidates = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
