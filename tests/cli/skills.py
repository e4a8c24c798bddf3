"""Skill files for the command line's tests."""

CANARY = "sk-canary-5f0c/9a+7c2e81d4"

TOY = """\
---
id: toy
name: Toy
description: A service for tests
auth: {type: api_key, header: X-Key, label: Toy key, help_url: "https://toy.example/keys"}
utilities:
  echo:
    description: Send something back
    params:
      text: {type: string, required: true, description: What to send}
      count: {type: integer, default: 2, minimum: 1, maximum: 9}
      tags: {type: array, items: {type: string}}
      stop: {type: [string, array]}
      mode: {type: string, enum: [slow, fast]}
      extra: {}
    returns:
      said: {type: string, description: What was said}
    rest:
      method: POST
      url: https://toy.example/echo
      query: {mode: .params.mode}
      body: {text: .params.text, count: .params.count, tags: .params.tags, stop: .params.stop, extra: .params.extra}
      response:
        error: .problem
        root: /data
        transform: '{text: (.text | ascii_upcase)}'
        mapping: {said: .text}
      stream:
        body: {stream: true}
        done: "[DONE]"
        delta: '{content: .say, reasoning: .think, stop_reason: .stop, usage: .usage}'
  picture:
    description: Bytes
    auth: none
    rest:
      url: https://toy.example/picture
      response: {raw: true}
---
"""

LOGIN = """\
---
id: login
name: Login
description: A service with a user and a password
auth: {type: basic}
utilities:
  me:
    description: Who I am
    rest: {url: "https://toy.example/me"}
---
"""
