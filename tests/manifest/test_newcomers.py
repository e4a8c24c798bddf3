"""What a newcomer writes who comes from OpenAPI, Postman, n8n, CI, Python, JavaScript or curl: each mistake of one edit.

The place is that of the mistake and not of what follows from it; everything that is said has a fix.
"""

# ruff: noqa: E501, RUF001  (a row of a table is one line; smart quotes are a mistake)
import pytest

from agentos_runtime.diagnostics import Problem
from tests.manifest.mistakes import all_problems

SHOP = """\
---
id: shop
name: Shop
description: A shop
auth: {type: api_key, header: Authorization, prefix: "Bearer "}
api: {base_url: https://api.example.com/v1}
utilities:
  search:
    description: Find things
    params:
      q: {type: string, required: true}
      limit: {type: integer, default: 5}
    returns: array
    rest:
      url: /things
      query: {q: .params.q, limit: .params.limit}
      response:
        root: /items
        transform: '[.[] | {id, title}]'
  buy:
    description: Buy a thing
    params:
      id: {type: string, required: true}
      size: {type: string, enum: [s, m, l], default: m}
    returns: {order: string}
    rest:
      method: POST
      url: /things/{id}/orders
      body: {size: .params.size}
      response:
        mapping: {order: .order.id}
---
# Shop
"""
Edits = tuple[tuple[str, str], ...]
MISTAKES: dict[str, tuple[Edits, list[tuple[str, str, str]]]] = {
    "header-template-no-auth": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}\n', ''), ('      url: /things\n', '      url: /things\n      headers: {Authorization: "Bearer {token}"}\n')),
        [
            ('15:40', '`{token}` is sent as it stands: nothing ', 'Remove it: a key is put on by `auth`, which says `header: {A'),
        ],
    ),
    "header-template-with-auth": (
        (('      url: /things\n', '      url: /things\n      headers: {X-Key: "{token}"}\n'),),
        [
            ('16:25', '`{token}` is sent as it stands: nothing ', 'Remove it: a key is put on by `auth`, which says `header: {X'),
        ],
    ),
    "header-key-literal-env": (
        (('      url: /things\n', '      url: /things\n      headers: {X-Key: "$TOKEN"}\n'),),
        [
            ('16:25', 'jq: $TOKEN is not defined', 'A skill reads no environment variables: a key is put on by `'),
        ],
    ),
    "percent-s-url": (
        (('url: /things/{id}/orders', 'url: /things/%s/orders'),),
        [
            ('28:20', '`%s` is no percent-encoded character', 'Write {name} where a param goes'),
        ],
    ),
    "percent-s-query": (
        (('q: .params.q,', 'q: "%s",'),),
        [
            ('16:19', '`%s` is sent as it stands: nothing is pu', 'Write `.params.NAME`, with the name of the param'),
        ],
    ),
    "numbered-brace-url": (
        (('url: /things/{id}/orders', 'url: /things/{0}/orders'),),
        [
            ('28:20', 'braces in a url hold the name of a param', 'Write {name}, or {+name} to keep its slashes'),
        ],
    ),
    "jq-in-url-parens": (
        (('url: /things/{id}/orders', "url: '/things/\\(.params.id)/orders'"),),
        [
            ('28:23', '`.params.id` is sent as it stands: a par', 'Write {id}'),
        ],
    ),
    "n8n-expression": (
        (('q: .params.q,', "q: '={{ $json.q }}',"),),
        [
            ('16:19', '`={{ $json.q }}` is sent as it stands: a', 'Write `.params.q`'),
        ],
    ),
    "n8n-parameter": (
        (('q: .params.q,', 'q: \'={{$parameter["q"]}}\','),),
        [
            ('16:19', '`={{$parameter["q"]}}` is sent as it sta', 'Write `.params.q`'),
        ],
    ),
    "gha-inputs": (
        (('q: .params.q,', "q: '${{ inputs.q }}',"),),
        [
            ('16:19', '`${{ inputs.q }}` is sent as it stands: ', 'Write `.params.q`'),
        ],
    ),
    "gha-secrets": (
        (('      url: /things\n', "      url: /things\n      headers: {X-Key: '${{ secrets.KEY }}'}\n"),),
        [
            ('16:25', '`${{ secrets.KEY }}` is not replaced: a ', 'Write the value itself; a key is stored with `agentos keys s'),
        ],
    ),
    "postman-secret-var": (
        (('      url: /things\n', "      url: /things\n      headers: {X-Key: '{{apiKey}}'}\n"),),
        [
            ('16:25', '`{{apiKey}}` is sent as it stands: nothi', 'Remove it: a key is put on by `auth`, which says `header: {X'),
        ],
    ),
    "postman-url-var": (
        (('api: {base_url: https://api.example.com/v1}', 'api: {base_url: "{{baseUrl}}/v1"}'),),
        [
            ('6:17', '`base_url` must be a web address that be', 'Write the address itself, such as https://api.example.com/v1'),
        ],
    ),
    "openapi-in-query": (
        (('      q: {type: string, required: true}', '      q: {in: query, type: string, required: true}'),),
        [
            ('11:11', '`in` is not a key of `q`', 'Remove it: where a param goes is said under `rest`, in `url`'),
        ],
    ),
    "openapi-schema": (
        (('      q: {type: string, required: true}', '      q: {schema: {type: string}, required: true}'),),
        [
            ('11:11', '`schema` is not a key of `q`', 'Write what stands in it right below the name of the param: `'),
        ],
    ),
    "openapi-params-list": (
        (('      q: {type: string, required: true}\n      limit: {type: integer, default: 5}', '      - name: q\n        in: query\n        required: true'),),
        [
            ('11:7', '`params` must be a map, is a list', 'Write a map: its `name` is the key, `q: …`, without the `- `'),
        ],
    ),
    "openapi-requestBody": (
        (('      body: {size: .params.size}', '      requestBody: {size: .params.size}'),),
        [
            ('29:7', '`requestBody` is not a key of `rest`', 'Did you mean `body`?'),
        ],
    ),
    "openapi-responses": (
        (('      response:\n        mapping: {order: .order.id}', '      responses:\n        200: {order: .order.id}'),),
        [
            ('30:7', '`responses` is not a key of `rest`', 'Did you mean `response`?'),
        ],
    ),
    "openapi-required-list": (
        (('    params:\n      q: {type: string, required: true}', '    required: [q]\n    params:\n      q: {type: string}'),),
        [
            ('10:5', '`required` is not a key of `search`', 'Write `required: true` at each of the `params` that is'),
        ],
    ),
    "json-schema-params": (
        (('    params:\n      q: {type: string, required: true}\n      limit: {type: integer, default: 5}', '    params:\n      type: object\n      properties:\n        q: {type: string}\n        limit: {type: integer}\n      required: [q]'),),
        [
            ('11:7', '`params` is written as a JSON Schema: he', 'Remove `type: object` and `properties`, and move what stands'),
        ],
    ),
    "json-schema-returns": (
        (('    returns: {order: string}', '    returns: {type: object, properties: {order: {type: string}}}'),),
        [
            ('25:15', '`returns` is written as a JSON Schema: h', 'Remove `type: object` and `properties`, and move what stands'),
        ],
    ),
    "langchain-args": (
        (('    params:\n      q:', '    args_schema:\n      q:'),),
        [
            ('10:5', '`args_schema` is not a key of `search`', 'Did you mean `params`?'),
        ],
    ),
    "curl-as-url": (
        (('url: /things\n', 'url: "curl https://api.example.com/v1/things"\n'),),
        [
            ('15:12', 'a url begins with https://, http:// or /', 'Write `url: https://api.example.com/v1/things`'),
        ],
    ),
    "method-in-url": (
        (('      method: POST\n      url: /things/{id}/orders', '      url: POST /things/{id}/orders'),),
        [
            ('27:12', 'a url begins with https://, http:// or /', 'Write `method: POST` and `url: /things/{id}/orders`'),
        ],
    ),
    "rest-flat": (
        (('    rest:\n      method: POST\n      url: /things/{id}/orders\n      body: {size: .params.size}\n      response:\n        mapping: {order: .order.id}', '    method: POST\n    url: /things/{id}/orders\n    body: {size: .params.size}'),),
        [
            ('26:5', '`method` is not a key of `buy`', '`method` belongs under `rest`'),
            ('27:5', '`url` is not a key of `buy`', '`url` belongs under `rest`'),
            ('28:5', '`body` is not a key of `buy`', '`body` belongs under `rest`'),
        ],
    ),
    "mapping-in-rest": (
        (('      response:\n        mapping: {order: .order.id}', '      mapping: {order: .order.id}'),),
        [
            ('30:7', '`mapping` is not a key of `rest`', '`mapping` belongs under `rest.response`'),
        ],
    ),
    "transform-in-utility": (
        (("        transform: '[.[] | {id, title}]'\n", ''), ('    returns: array\n', "    returns: array\n    transform: '[.[] | {id, title}]'\n")),
        [
            ('14:5', '`transform` is not a key of `search`', '`transform` belongs under `rest.response`'),
        ],
    ),
    "mapping-literal": (
        (('mapping: {order: .order.id}', 'mapping: {order: order.id}'),),
        [
            ('31:26', 'jq: `order` is not defined, neither in j', 'Write `.order` for a field, "order" for a text, or define it'),
        ],
    ),
    "mapping-jsonpath": (
        (('mapping: {order: .order.id}', 'mapping: {order: $.order.id}'),),
        [
            ('31:27', "jq: unexpected a .field, expecting '$'", 'Write `.order`: jq begins a path with `.`'),
        ],
    ),
    "mapping-pointer": (
        (('mapping: {order: .order.id}', 'mapping: {order: /order/id}'),),
        [
            ('31:26', "jq: unexpected '/'", 'Write a path with dots, `.a.b`: a JSON Pointer belongs under'),
        ],
    ),
    "mapping-array-index": (
        (('mapping: {order: .order.id}', 'mapping: {order: .orders.0.id}'),),
        [
            ('31:33', 'jq: unexpected a number, expecting end', 'Write `[0]` for an entry of a list'),
        ],
    ),
    "transform-python": (
        (("transform: '[.[] | {id, title}]'", 'transform: "[x[\'id\'] for x in items]"'),),
        [
            ('19:24', "jq: unexpected `'`: jq strings stand in ", 'Write jq strings as "text"; around the whole expression stan'),
        ],
    ),
    "transform-js": (
        (("transform: '[.[] | {id, title}]'", "transform: 'items.map(i => i.id)'"),),
        [
            ('19:30', "jq: unexpected '(', expecting end", 'Write `map(.name)` for each entry of a list: jq has no funct'),
        ],
    ),
    "transform-jmespath": (
        (("transform: '[.[] | {id, title}]'", "transform: '[*].{id: id}'"),),
        [
            ('19:22', "jq: unexpected '*'", 'Write `[]` for every entry: `.items[]`'),
        ],
    ),
    "transform-no-outer": (
        (("transform: '[.[] | {id, title}]'", "transform: '.[] | {id, title}'"),),
        [
            ('19:20', 'this gives a value for each entry, and a', 'Write `[.[] | {id, title}]`, or `map(…)`'),
        ],
    ),
    "transform-double-quotes-in-double": (
        (("transform: '[.[] | {id, title}]'", 'transform: "[.[] | {id, title: "x"}]"'),),
        [
            ('19:41', 'this line does not fit the map that begi', 'Write `\\"` inside double quotes, or put the whole value in s'),
        ],
    ),
    "transform-single-quoted-strings": (
        (("transform: '[.[] | {id, title}]'", 'transform: "[.[] | {id, kind: \'x\'}]"'),),
        [
            ('19:39', "jq: unexpected `'`: jq strings stand in ", 'Write jq strings as "text"; around the whole expression stan'),
        ],
    ),
    "transform-equals": (
        (("transform: '[.[] | {id, title}]'", "transform: '[.[] | select(.a = 1)]'"),),
        [
            ('19:38', '`=` sets a value here, and what it gives', 'Write `==` to compare'),
        ],
    ),
    "transform-and-amp": (
        (("transform: '[.[] | {id, title}]'", "transform: '[.[] | select(.a == 1 && .b == 2)]'"),),
        [
            ('19:43', 'jq: unexpected `&`: jq writes `and`', 'Write `and`'),
        ],
    ),
    "transform-ternary": (
        (("transform: '[.[] | {id, title}]'", "transform: '[.[] | .a ? .b : .c]'"),),
        [
            ('19:36', "jq: unexpected ':', expecting '|' or ','", 'Write `if … then … else … end`'),
        ],
    ),
    "transform-if-noend": (
        (("transform: '[.[] | {id, title}]'", "transform: 'if .a then .b else .c'"),),
        [
            ('19:40', "jq: possibly unterminated 'if' statement", 'Add `end`: each `if` has its own; after the first, write `el'),
        ],
    ),
    "transform-elsif": (
        (("transform: '[.[] | {id, title}]'", "transform: 'if .a then 1 else if .b then 2 else 3 end'"),),
        [
            ('19:59', "jq: possibly unterminated 'if' statement", 'Write `elif` for `else if`, and one `end`'),
        ],
    ),
    "body-string-json": (
        (('body: {size: .params.size}', 'body: \'{"size": "{size}"}\''),),
        [
            ('29:24', '`{size}` is sent as it stands: it is a t', 'Write `.params.size`, without the quotes'),
        ],
    ),
    "content-type-form-no-encoding": (
        (('      body: {size: .params.size}', '      headers: {Content-Type: application/x-www-form-urlencoded}\n      body: {size: .params.size}'),),
        [
            ('29:31', 'the body is written as `json`, which thi', 'Write `encoding: form` and remove the header'),
        ],
    ),
    "content-length-header": (
        (('      body: {size: .params.size}', '      headers: {Content-Length: 5}\n      body: {size: .params.size}'),),
        [
            ('29:17', '`Content-Length` is set by the runtime a', 'Remove it'),
        ],
    ),
    "timeout-ms": (
        (('      body: {size: .params.size}', '      timeout: 30000ms\n      body: {size: .params.size}'),),
        [
            ('29:16', '`timeout` must be a number, is text', 'Write 30: it counts seconds'),
        ],
    ),
    "timeout-big": (
        (('      body: {size: .params.size}', '      timeout: 30000\n      body: {size: .params.size}'),),
        [
            ('29:16', '`timeout` counts seconds, and this is 8.', 'Write 30 when milliseconds were meant'),
        ],
    ),
    "retry-number": (
        (('      body: {size: .params.size}', '      retry: 3\n      body: {size: .params.size}'),),
        [
            ('29:14', '`retry` must be a map, is a number', 'Write `retry: {attempts: 3}`'),
        ],
    ),
    "paginate-type": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: .params.q, limit: .params.limit}\n      paginate: {type: cursor, cursor: .next}'),),
        [
            ('17:18', '`type` is not a key of `paginate`', 'Did you mean `style`?'),
            ('17:32', '`cursor` is not a key of `paginate`', 'Did you mean `next`?'),
        ],
    ),
    "paginate-next-path": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: .params.q, limit: .params.limit}\n      paginate: {style: cursor, items: items, next: next_cursor}'),),
        [
            ('17:40', 'a JSON Pointer begins with /', 'Write /items'),
            ('17:53', 'jq: `next_cursor` is not defined, neithe', 'Write `.next_cursor` for a field, "next_cursor" for a text, '),
        ],
    ),
    "paginate-true": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: .params.q, limit: .params.limit}\n      paginate: true'),),
        [
            ('17:17', '`paginate` must be a map, is true or fal', 'Say how: `paginate: {style: cursor, next: .next}`, or `offse'),
        ],
    ),
    "stream-true": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: .params.q, limit: .params.limit}\n      stream: true'),),
        [
            ('17:15', '`stream` must be a map, is true or false', 'Say how its events are read: `stream: {delta: .text}`; calle'),
        ],
    ),
    "enum-string": (
        (('enum: [s, m, l]', 'enum: "s,m,l"'),),
        [
            ('24:34', '`enum` must be a list, is text', 'Write it as a list: `[s, m, l]`'),
        ],
    ),
    "enum-map": (
        (('enum: [s, m, l]', 'enum: {s: small, m: medium}'),),
        [
            ('24:34', '`enum` must be a list, is a map', 'Write it as a list: `[s, m]`'),
        ],
    ),
    "required-string": (
        (('required: true}\n      limit', 'required: "true"}\n      limit'),),
        [
            ('11:35', '`required` must be true or false, is tex', 'Write `true`'),
        ],
    ),
    "type-union-pipe": (
        (('limit: {type: integer, default: 5}', 'limit: {type: integer|null, default: 5}'),),
        [
            ('12:21', '`type` is `integer|null`; it must be one', 'Did you mean `integer`?'),
        ],
    ),
    "type-question": (
        (('limit: {type: integer, default: 5}', 'limit: {type: integer?, default: 5}'),),
        [
            ('12:21', '`type` is `integer?`; it must be one of ', 'Did you mean `integer`?'),
        ],
    ),
    "type-array-brackets": (
        (('limit: {type: integer, default: 5}', 'limit: {type: "string[]"}'),),
        [
            ('12:21', '`type` is `string[]`; it must be one of ', 'Write `type: array, items: {type: string}`'),
        ],
    ),
    "items-string": (
        (('limit: {type: integer, default: 5}', 'limit: {type: array, items: strings}'),),
        [
            ('12:35', '`items` must be a map, is text', 'Write it as a map: `{type: string}`'),
        ],
    ),
    "min-max": (
        (('limit: {type: integer, default: 5}', 'limit: {type: integer, min: 1, max: 10}'),),
        [
            ('12:30', '`min` is not a key of `limit`', 'Did you mean `minimum`?'),
            ('12:38', '`max` is not a key of `limit`', 'Did you mean `maximum`?'),
        ],
    ),
    "maxLength": (
        (('q: {type: string, required: true}', 'q: {type: string, required: true, maxLength: 10}'),),
        [
            ('11:41', '`maxLength` is not a key of `q`', 'It is not part of the language: say it in the `description`,'),
        ],
    ),
    "auth-token-in-file": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {type: api_key, header: Authorization, prefix: "Bearer ", key: abc}'),),
        [
            ('5:65', '`key` is not a key of `auth`', 'A key never stands in a file: remove it, and store it with `'),
        ],
    ),
    "auth-header-with-value": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {type: api_key, header: "Authorization: Bearer"}'),),
        [
            ('5:31', '`Authorization: Bearer` is not a header ', 'Write `header: Authorization, prefix: "Bearer "`'),
        ],
    ),
    "auth-header-list": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {type: api_key, header: [Authorization]}'),),
        [
            ('5:31', '`header` must be text or a map, is a lis', 'Write one value, without the list around it'),
        ],
    ),
    "auth-in-name": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {type: apiKey, in: header, name: X-Key}'),),
        [
            ('5:14', '`type` is `apiKey`; it must be one of no', 'Did you mean `api_key`?'),
            ('5:22', '`in` is not a key of `auth`', 'Remove it: `header: NAME` puts the key into that header'),
            ('5:34', '`name` is not a key of `auth`', 'Write `header: NAME`, or `query: NAME`'),
        ],
    ),
    "auth-http-bearer": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {type: http, scheme: bearer}'),),
        [
            ('5:14', '`type` is `http`; it must be one of none', 'Write `type: api_key` with `header: Authorization, prefix: "'),
            ('5:20', '`scheme` is not a key of `auth`', 'Remove it: a token is `header: Authorization'),
        ],
    ),
    "auth-bearer-string": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: Bearer'),),
        [
            ('5:7', '`auth` is `Bearer`; it must be `none`', 'Write `auth: {type: api_key, header: Authorization, prefix: '),
        ],
    ),
    "auth-list": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: [{type: api_key, header: X-Key}]'),),
        [
            ('5:7', '`auth` must be text or a map, is a list', 'Write one value, without the list around it'),
        ],
    ),
    "auth-template-double-braces": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {header: {X-Key: "{{token}}"}}'),),
        [
            ('5:25', '`{{token}}` is not how a field of the cr', 'Write {token}'),
        ],
    ),
    "auth-template-dollar": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {header: {X-Key: "$token"}}'),),
        [
            ('5:24', '`$token` names no field of the credentia', 'Write "{token}" where the secret goes'),
        ],
    ),
    "auth-template-plain": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {header: {X-Key: token}}'),),
        [
            ('5:24', '`token` names no field of the credential', 'Write "{token}" where the secret goes'),
        ],
    ),
    "security-openapi": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'security: [{bearerAuth: []}]'),),
        [
            ('5:1', '`security` is not a key of a manifest', 'Did you mean `auth`?'),
        ],
    ),
    "servers-openapi": (
        (('api: {base_url: https://api.example.com/v1}', 'servers: [{url: https://api.example.com/v1}]'),),
        [
            ('6:1', '`servers` is not a key of a manifest', 'Did you mean `api`?'),
        ],
    ),
    "base-url-top": (
        (('api: {base_url: https://api.example.com/v1}', 'base_url: https://api.example.com/v1'),),
        [
            ('6:1', '`base_url` is not a key of a manifest', 'Write it under `api`: `api: {base_url: …}`'),
        ],
    ),
    "base-url-query": (
        (('base_url: https://api.example.com/v1}', 'base_url: https://api.example.com/v1?x=1}'),),
        [
            ('6:17', '`base_url` must be a web address that be', 'Write https://api.example.com/v1; what all requests carry st'),
        ],
    ),
    "url-double-slash": (
        (('url: /things\n', 'url: //things\n'),),
        [
            ('15:12', 'a url does not begin with two slashes', 'Write /things'),
        ],
    ),
    "url-space": (
        (('url: /things\n', 'url: "/things and more"\n'),),
        [
            ('15:12', 'this url has a space or one of \\ " < > i', 'Write %20 for a space, and percent-encode the others; a para'),
        ],
    ),
    "query-in-body": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: q=.params.q&limit=5'),),
        [
            ('16:14', '`query` must be a map, is text', 'Write keys and values below it'),
        ],
    ),
    "query-list": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: [q, limit]'),),
        [
            ('16:14', '`query` must be a map, is a list', 'Write a map: `name: value` lines, without the `- `'),
        ],
    ),
    "headers-string": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: .params.q, limit: .params.limit}\n      headers: "Accept: application/json"'),),
        [
            ('17:16', '`headers` must be a map, is text', 'Write a map: `headers: {Accept: application/json}`'),
        ],
    ),
    "header-underscore-colon": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: .params.q, limit: .params.limit}\n      headers: {"Accept:": application/json}'),),
        [
            ('17:17', '`Accept:` is not a header name: letters,', 'Write `Accept`'),
        ],
    ),
    "yaml-unquoted-backtick": (
        (('      query: {q: .params.q, limit: .params.limit}', '      query: {q: `.params.q`}'),),
        [
            ('16:14', 'jq that begins with `{` must stand in qu', "Put the whole value in single quotes: `query: '{q: `.params."),
        ],
    ),
    "yaml-smart-quotes": (
        (("transform: '[.[] | {id, title}]'", 'transform: ‘[.[] | {id, title}]’'),),
        [
            ('19:20', 'jq: unexpected `‘`', 'Write straight quotes: \' around the expression, " inside'),
        ],
    ),
    "yaml-colon-nospace": (
        (('    returns: array\n', '    returns:array\n'),),
        [
            ('13:5', 'a `:` without a space behind it separate', 'Write `returns: array`'),
        ],
    ),
    "yaml-colon-nospace-first": (
        (('name: Shop\n', 'name:Shop\n'),),
        [
            ('3:1', 'a `:` without a space behind it separate', 'Write `name: Shop`'),
        ],
    ),
    "yaml-colon-other-space": (
        (('name: Shop\n', 'name:\u00a0Shop\n'),),
        [
            ('3:1', 'a `:` without a space behind it separate', 'Write `name: Shop`'),
        ],
    ),
    "type-union": (
        (('size: {type: string, enum: [s, m, l], default: m}', 'size: {type: "string | number"}'),),
        [
            ('24:20', '`type` is `string | number`; it must be ', 'Write a list: `[string, number]`'),
        ],
    ),
    "required-of-properties": (
        (('size: {type: string, enum: [s, m, l], default: m}', 'size: {type: object, required: [a], properties: {a: {type: string}}}'),),
        [
            ('24:38', '`required` must be true or false, is a l', 'Write `required: true` at each of its `properties` that is'),
        ],
    ),
    "returns-nested": (
        (('returns: {order: string}', 'returns: {order: {number: string}}'),),
        [
            ('25:23', '`number` is not a key of `order`', 'Write what it holds under `properties`: `order: {properties:'),
        ],
    ),
    "yaml-equals": (
        (('    returns: array\n', '    returns = array\n'),),
        [
            ('13:5', '`=` is not how a key and its value are s', 'Write `returns: array`'),
        ],
    ),
    "json-comments": (
        (('utilities:\n', '// the utilities\nutilities:\n'),),
        [
            ('7:1', '`//` begins no comment in YAML', 'Write `# …`'),
        ],
    ),
    "use-utility": (
        (('  search:\n', '  use:\n'),),
        [
            ('8:3', 'the name `use` is reserved: agents are l', 'Write another, such as `use_it`'),
        ],
    ),
    "settings-plain": (
        (('utilities:\n', 'settings: {team: blue}\nutilities:\n'),),
        [
            ('7:18', '`team` must be a map, is text', 'Write it as its default: `team: {default: blue}`'),
        ],
    ),
    "auth-key-in-response": (
        (('mapping: {order: .order.id}', 'mapping: {order: .auth.key}'),),
        [
            ('31:26', '`.auth.key` asks the answer: an expressi', 'Remove it'),
        ],
    ),
    "dollar-response-body": (
        (('mapping: {order: .order.id}', 'mapping: {order: $response.body.order.id}'),),
        [
            ('31:26', '`$response.body` is always null: `$respo', 'The body is `.`: write `.name`'),
        ],
    ),
    "response-status-key": (
        (('        mapping: {order: .order.id}', '        status: 201\n        mapping: {order: .order.id}'),),
        [
            ('31:9', '`status` is not a key of `response`', 'Known keys: as, charset, csv, empty, error, mapping, raw, ro'),
        ],
    ),
    "error-string": (
        (('        mapping: {order: .order.id}', '        error: error.message\n        mapping: {order: .order.id}'),),
        [
            ('31:16', '`error` is a function of jq here, not a ', 'Write `.error.message`'),
        ],
    ),
    "returns-mapping-missing": (
        (('mapping: {order: .order.id}', 'mapping: {order: .order.id, total: .total}'),),
        [
            ('31:37', '`total` is not among the `returns`', 'Add it there: `total: any`'),
        ],
    ),
    "effect-word": (
        (('    returns: {order: string}', '    effect: mutation\n    returns: {order: string}'),),
        [
            ('25:13', '`effect` is `mutation`; it must be one o', 'Did you mean `write`?'),
        ],
    ),
    "param-dash": (
        (('      id: {type: string, required: true}', '      user-id: {type: string, required: true}'), ('{id}/orders', '{user-id}/orders')),
        [
            ('23:7', 'the name `user-id` must be a name of let', 'Write user_id'),
            ('28:20', 'braces in a url hold the name of a param', 'Write {user_id}'),
        ],
    ),
    "flow-url-braces": (
        (('    rest:\n      method: POST\n      url: /things/{id}/orders\n      body: {size: .params.size}\n      response:\n        mapping: {order: .order.id}', '    rest: {method: POST, url: /things/{id}/orders, body: {size: .params.size}}'),),
        [
            ('26:31', 'the `{` in this text begins another map,', 'Write it in quotes: `url: "/things/{id}/orders"`'),
        ],
    ),
    "flow-url-braces-last": (
        (('    rest:\n      method: POST\n      url: /things/{id}/orders\n      body: {size: .params.size}\n      response:\n        mapping: {order: .order.id}', '    rest: {method: POST, body: {size: .params.size}, url: https://a.example/{id}}'),),
        [
            ('26:59', 'the `{` in this text begins another map,', 'Write it in quotes: `url: "https://a.example/{id}"`'),
        ],
    ),
    "web-url-flow": (
        (('    returns: {order: string}', '    returns: {order: string}\n    web_url: https://a.example/{ID}'),),
        [
            ('26:33', '`ID` is not a param of buy', 'Did you mean `id`?'),
        ],
    ),
}  # fmt: skip


def written(edits: Edits) -> bytes:
    text = SHOP
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[Problem, ...]]:
    return dict(zip(MISTAKES, all_problems(written(edits) for edits, _ in MISTAKES.values()), strict=True))


def test_the_skill_without_a_mistake_is_fine() -> None:
    assert all_problems([SHOP.encode()]) == [()]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_at_its_place_with_what_to_write(
    said: dict[str, tuple[Problem, ...]], name: str
) -> None:
    found = [(f"{p.place.position.line}:{p.place.position.column}", p.message, p.fix or "") for p in said[name]]
    expected = MISTAKES[name][1]
    assert len(found) == len(expected), found
    for (at, message, fix), (place, begins, starts) in zip(found, expected, strict=True):
        assert at == place, found
        assert message.startswith(begins), message
        assert fix.startswith(starts), fix
        assert starts
