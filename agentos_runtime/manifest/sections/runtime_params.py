"""Params that belong to the runtime: how many rows of a list, and whether to wait for a job.

They are published beside the declared ones, so that agents know of them; a param of the same name that the manifest
declares wins.
"""

from collections.abc import Mapping
from dataclasses import replace

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Paginate, Poll, Rest
from agentos_runtime.manifest.params import Params
from agentos_runtime.manifest.shapes import Shape


def with_runtime_params(params: Params, rest: Rest) -> tuple[Params, frozenset[str]]:
    """The params with those that the runtime adds for this call, and the names of the added ones."""
    declared = params.schema["properties"]
    assert isinstance(declared, dict)
    added = {name: schema for name, schema in _runtime_params(rest).items() if name not in declared}
    if not added:
        return params, frozenset()
    schema = {**params.schema, "properties": declared | added}
    return replace(params, schema=schema, shape=Shape(schema)), frozenset(added)


def _runtime_params(rest: Rest) -> Mapping[str, Json]:
    return (_of_pages(rest.paginate) if rest.paginate else {}) | (_of_job(rest.poll) if rest.poll else {})


def _of_pages(paginate: Paginate) -> dict[str, Json]:
    return {
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": paginate.maximum,
            "description": "Rows at most, from as many pages as that takes; without limit and all: one page",
        },
        "all": {
            "type": "boolean",
            "description": f"Every row; it is an error when there are more than {paginate.maximum}",
        },
    }


def _of_job(poll: Poll) -> dict[str, Json]:
    return {
        "wait": {
            "type": "boolean",
            "description": "false: give the accepted job at once; else wait until it is done "
            f"({poll.deadline:g} s at most)",
        }
    }
