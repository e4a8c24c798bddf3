"""Keys that other formats have, or other places of a manifest, and what to write instead."""

from collections.abc import Mapping

OTHER_NAMES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "maxLength",
            "minLength",
            "maxItems",
            "minItems",
            "uniqueItems",
            "multipleOf",
            "exclusiveMinimum",
            "const",
        ),
        "It is not part of the language: say it in the `description`, or list the values under `enum`",
    ),
    "in": "Remove it: where a param goes is said under `rest`, in `url`, `query`, `headers` or `body`",
    "schema": "Write what stands in it right below the name of the param: `{type: string}`",
    "$ref": "References are not part of the language: write the declaration out",
    "pattern": "`pattern` is not part of the language: describe the value, or list it under `enum`",
    "anyOf": "Write `one_of`: exactly one of its shapes must fit",
    "oneOf": "Write `one_of`",
    "allOf": "Write the declaration out: what stands side by side must all hold",
    "format": "`format` is not part of the language: say it in the `description`",
    "additionalProperties": "Remove it: an object may hold others than its `properties`, too",
    "nullable": "Null is always allowed: a caller's null unsets a param, and any returned property may be null",
    "optional": "A param is optional unless it says `required: true`",
    "examples": "Write one value under `example`",
    "values": "List the choices under `enum`",
    "parameters": "Write `params`",
    "arguments": "Write `params`",
    "inputs": "Write `params`",
    "outputs": "Write `returns`",
    "endpoint": "Write `url`",
    "path": "Write `url`; one that begins with `/` goes after `api.base_url`",
    "client_secret": "Write `client_auth: basic`, or `body`: a secret never stands in a file, it is asked for",
    "json": "Write `body`; `encoding: json` is the default",
    "data": "Write `body`",
}

OF_OTHER_PLACES: Mapping[str, Mapping[str, str]] = {
    "credentials": {
        "cookie": 'Write it as a header: `header: {Cookie: "NAME={key}"}`',
        "headers": "Did you mean `header`?",
        "in": "Remove it: `header: NAME` puts the key into that header, `query: NAME` into the address",
        "name": "Write `header: NAME`, or `query: NAME`",
        "scheme": 'Remove it: a token is `header: Authorization, prefix: "Bearer "`, with a user `type: basic`',
        "env": "Remove it: `agentos keys set` stores the key, or <ID>_API_KEY in the server's environment holds it",
    },
    "client_id": dict.fromkeys(
        ("key", "token", "value", "secret", "api_key", "apiKey", "access_token", "bearer", "bearer_token", "user"),
        "A key never stands in a file: remove it, and store it with `agentos keys set`",
    ),
    "base_url": dict.fromkeys(("url", "uri", "root", "endpoint", "host", "path"), "Did you mean `base_url`?"),
    "rest": {
        "required": "Write `required: true` at each of the `params` that is",
        **dict.fromkeys(("read_only", "readOnly", "readonly", "safe"), "Write `effect: read`"),
        **dict.fromkeys(
            ("confirm", "confirmation", "requires_confirmation", "destructive"),
            "Write `effect: destroy`, or `write`: who asks a person goes by it",
        ),
    },
    "paginate": {"status": "Remove it: every 2xx is a success"},
    "transform": {
        "format": "Write `as`: json, text, lines, csv, xml, ndjson or any",
        **dict.fromkeys(
            ("success", "success_codes", "success_status", "200", "201"),
            "Remove it: every 2xx is a success",
        ),
    },
}
"""A key that only one place has → what is written there by mistake, and what to do."""
