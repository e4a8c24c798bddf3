"""Manifests of all kinds from a seeded die: the same number gives the same manifest on every machine."""

import json
import random
from typing import Any

TEXTS = (
    "Short", "Two sentences. The second one.", "Žluťoučký 🐎 <script>alert(1)</script>", "a" * 400,
    "Lines\nand\ttabs", "</pre>&amp; `${x}` {{y}}", "e.g. 1.5 units", '"quoted" \\ back',
)  # fmt: skip
TYPES: tuple[Any, ...] = (
    "string", "integer", "number", "boolean", "array", "object", ["string", "array"], ["string", "integer"],
    "file",
)  # fmt: skip
VALUES = {"string": "v", "integer": 3, "number": 1.5, "boolean": True}


def manifest(number: int) -> str:
    """One whole skill file."""
    dice = random.Random(number)
    front: dict[str, Any] = {
        "id": f"made-{number}",
        "name": f"Made {number}",
        "description": dice.choice(TEXTS).replace("\n", " "),
        "api": {"base_url": f"https://made{number}.example/v1"},
        "utilities": {f"do_{index}": _utility(dice) for index in range(dice.randint(1, 2))},
    }
    if dice.random() < 0.5:
        front["auth"] = {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}
    return f"---\n{json.dumps(front, indent=1, ensure_ascii=False)}\n---\n"


def _utility(dice: random.Random) -> dict[str, Any]:
    names = [f"p{index}" for index in range(dice.randint(0, 5))]
    utility: dict[str, Any] = {"description": dice.choice(TEXTS), "rest": {"method": "POST", "url": "/go"}}
    if names:
        utility["params"] = {name: _param(dice, 0) for name in names}
    way = dice.randrange(6)
    if way == 0:
        utility["rest"]["response"] = {"raw": True}
    elif way == 1:
        utility["returns"] = "void"
    elif way == 2:
        utility["returns"] = "array"
        utility["rest"] = {
            "method": "GET", "url": "/list", "paginate": {"style": "offset", "items": "/data", "limit": "limit"},
        }  # fmt: skip
    elif way == 3:
        utility["rest"]["stream"] = {"delta": "{content: .text}", "accumulate": "chat"}
    else:
        utility["returns"] = {"id": "string", "of": {"type": "array", "items": {"type": "number"}}}
        utility["strict_returns"] = dice.random() < 0.5
    if dice.random() < 0.3:
        utility["rest"]["method"] = "DELETE" if way not in (2, 3) else utility["rest"]["method"]
    if dice.random() < 0.2:
        utility["additional_params"] = True
    if dice.random() < 0.2 and utility["rest"]["method"] == "POST":
        utility["rest"]["retry"] = {"idempotency_header": "Idempotency-Key"}
    return utility


def _param(dice: random.Random, depth: int) -> dict[str, Any]:
    kind = dice.choice(TYPES[:-1] if depth else TYPES)
    param: dict[str, Any] = {"type": kind, "description": dice.choice(TEXTS)}
    if depth == 0 and dice.random() < 0.3:
        param["required"] = True
    if kind == "array" and dice.random() < 0.7 and depth < 2:
        param["items"] = _param(dice, depth + 1)
    if kind == "object" and depth < 2:
        param["properties"] = {"inner": _param(dice, depth + 1)}
    if isinstance(kind, str) and kind in VALUES:
        extra = dice.randrange(4)
        if extra == 0:
            param["default"] = VALUES[kind]
        elif extra == 1:
            param["enum"] = [VALUES[kind]]
        elif extra == 2:
            param["example"] = VALUES[kind]
    return param
