"""`api.headers`, `api.query` and `api.nested`: what the requests of all utilities carry."""

from collections.abc import Iterable
from dataclasses import replace

from agentos_runtime.manifest.mentions import names_auth
from agentos_runtime.manifest.model import NOTHING_SHARED, Fields, Shared
from agentos_runtime.manifest.places import expressions_in
from agentos_runtime.manifest.sections.fields import read_headers, read_query
from agentos_runtime.manifest.sections.nesting import read_nested
from agentos_runtime.manifest.sections.reading import EVERY_UTILITY, Reading, Scope
from agentos_runtime.manifest.yaml.values import Cursor


def read_shared(root: Cursor, utilities: Iterable[Cursor], reading: Reading) -> Shared:
    """What `api` says, read once; a param in it may be that of any utility."""
    api = root.get("api")
    if api is None:
        return NOTHING_SHARED
    headers, query, nested = api.get("headers"), api.get("query"), read_nested(api)
    declared = (utility.get("params") for utility in utilities)
    params = {name: True for below in declared if below for name, _ in below.items()}
    scope = Scope(reading, EVERY_UTILITY, params, nested)
    return Shared(
        read_headers(headers, scope) if headers else Fields(()),
        read_query(query, scope) if query else Fields(()),
        nested,
    )


def without_credential(shared: Shared) -> Shared:
    """Without the fields whose own expression names the credential, for a utility that carries none."""
    return replace(shared, headers=_without(shared.headers), query=_without(shared.query))


def _without(fields: Fields) -> Fields:
    return Fields(tuple(entry for entry in fields.entries if not any(map(names_auth, expressions_in(entry[1])))))
