"""A skill of a toy service, as an embedding program has it in a folder of its own."""

import os
from pathlib import Path

from agentos_runtime import Call, Settings
from tests.toy.raw import Toy

KEY = "sk-toy-canary-0123456789abcdef"
ENVIRON = {"TOY_API_KEY": KEY}
SKILL = """\
---
id: toy
name: Toy
description: A service for tests
auth: {type: api_key, header: X-Key}
utilities:
  say:
    description: Say it
    params: {text: {type: string, required: true}}
    rest:
      method: POST
      url: https://toy.example/say
      body: {text: .params.text}
---
"""


def settings_for(folder: Path, toy: Toy) -> Settings:
    """Settings of which the toy's calls go to the toy; that the operator rewrote it there approves its key."""
    file = folder / "skills" / "toy" / "readme.md"
    file.parent.mkdir(parents=True)
    file.write_text(SKILL, encoding="utf-8")
    rewrite = {"https://toy.example": toy.origin}
    return Settings(home=folder / "home", skills=(folder / "skills",), only_skills=True, rewrite=rewrite)


def say(text: str) -> Call:
    return Call("toy", "say", {"text": text}, agent="embedded")


def chat(question: str, **more: object) -> Call:
    """A call that the bundled cases of OpenRouter answer."""
    messages = [{"role": "user", "content": question}]
    return Call("openrouter", "chat", {"model": "toy/parrot-1", "messages": messages, **more}, agent="embedded")


def write_config(home: Path, text: str) -> None:
    home.mkdir(mode=0o700)
    file = home / "config.toml"
    file.write_text(text, encoding="utf-8")
    os.chmod(file, 0o600)
