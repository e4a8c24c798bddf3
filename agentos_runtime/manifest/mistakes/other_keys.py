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
    **dict.fromkeys(
        ("secret", "sensitive", "writeOnly"),
        "Remove it: what proves a call is said under `auth`, and no caller gives it",
    ),
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
        **dict.fromkeys(
            ("format", "template"),
            'Write it as a template: `header: {Authorization: "Bearer {token}"}`, and no `type`',
        ),
        "required": "Remove it: a call needs its credential, unless `optional: true` says otherwise",
        **dict.fromkeys(("refresh_url", "refresh_token_url"), "Remove it: a token is renewed at `token_url`"),
        **dict.fromkeys(
            ("callback", "redirect_uri", "redirect_url", "callback_url"),
            "Remove it: the browser comes back to http://127.0.0.1/callback at any free port; "
            "`type: api_key` with `login` may say another",
        ),
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
    "delta": {
        **dict.fromkeys(("transform", "mapping", "map", "select"), "Write `delta`: jq over one event"),
        "stream": "Write `body: {stream: true}`: what is sent when a stream is asked for",
        **dict.fromkeys(("event", "events"), "Remove it: `delta` sees all events; `.type` is a field of theirs"),
    },
    "until": {
        **dict.fromkeys(("timeout", "max_wait", "max_time"), "Did you mean `deadline`?"),
        **dict.fromkeys(
            ("method", "headers", "query", "body"), "Remove it: a look is a GET with the headers of the utility"
        ),
        **dict.fromkeys(
            ("result", "response", "transform", "mapping", "root"),
            "Remove it: the answer that is done goes through `rest.response`",
        ),
    },
    "transform": {
        "format": "Write `as`: json, text, lines, csv, xml, ndjson or any",
        **dict.fromkeys(
            ("success", "success_codes", "success_status", "200", "201"),
            "Remove it: every 2xx is a success",
        ),
    },
}
"""A key that only one place has → what is written there by mistake, and what to do."""
