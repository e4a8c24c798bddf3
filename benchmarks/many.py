"""Skills as an import of a large service makes them: many utilities with params, types and answers."""

from collections.abc import Iterator

UTILITIES = 23
"""Of each skill, and one more of each second one: 200 skills have 4,700."""


def manifests(count: int) -> Iterator[tuple[str, str]]:
    """The names and texts of so many skill files."""
    for number in range(count):
        yield f"skills/service-{number}/readme.md", _manifest(number)


def _manifest(number: int) -> str:
    utilities = "\n".join(_utility(number, each) for each in range(UTILITIES + number % 2))
    return f"""---
id: service-{number}
name: Service {number}
description: A service of {UTILITIES} endpoints, as an import makes it
api: {{base_url: "https://service-{number}.example.com/v1"}}
auth: {{type: api_key, header: x-api-key, label: API key}}
utilities:
{utilities}
---
# Service {number}
"""


def _utility(number: int, each: int) -> str:
    return f"""\
  list_things_{each}:
    description: List the things of kind {each} that service {number} has
    params:
      project: {{type: string, required: true, description: The project that the things belong to}}
      since: {{type: string, description: 'Only what changed after this moment, as RFC 3339 writes it'}}
      size: {{type: integer, minimum: 1, maximum: 100, default: 20, description: How many}}
      order: {{type: string, enum: [newest, oldest, name], description: What comes first}}
    returns:
      items: {{type: array, items: {{type: object, properties: {{id: {{type: string}}, name: {{type: string}}}}}}}}
    rest:
      method: GET
      url: /projects/{{project}}/things-{each}
      query: {{since: .params.since, size: .params.size, order: '.params.order // "newest"'}}
      response: {{transform: '{{items: [.data[]? | {{id: .id, name: (.name // "")}}]}}'}}"""
