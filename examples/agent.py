"""An agent in plain Python: it asks a model, runs the tools the model wants, and goes on until there is an answer.

    agentos serve --simulate                      # no key, no cost; or `agentos serve` with a key
    python examples/agent.py openrouter           # the same agent with anthropic, ollama, openai, gemini
    python examples/agent.py anthropic "Do I need an umbrella in Lima?"

The models are skills and so are the tools: every call is a POST to the runtime, which keeps the keys.
"""

import argparse
import json
from typing import Any

import httpx

MODELS = {
    "openrouter": "anthropic/claude-haiku-4.5",
    "anthropic": "claude-haiku-4-5",
    "ollama": "qwen3",
    "openai": "gpt-5-mini",
    "gemini": "gemini-2.5-flash",
}
MAX_TURNS = 8
TOOLS = [
    {
        "name": "find_place",
        "description": "Places of a name, with their coordinates",
        "input_schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
    {
        "name": "current",
        "description": "The weather now at a latitude and a longitude",
        "input_schema": {
            "type": "object",
            "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
            "required": ["latitude", "longitude"],
        },
    },
]


def call(runtime: httpx.Client, skill: str, utility: str, params: dict[str, Any]) -> Any:
    """One utility of one skill: params in, plain data out; on failure {"error": a sentence, "code": …}."""
    return runtime.post(f"/api/skills/{skill}/{utility}", json=params).json()


def shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def use_tool(runtime: httpx.Client, wanted: dict[str, Any]) -> Any:
    """What the model is told: the tool's result, or in words what went wrong."""
    if wanted["input"] is None:
        return {"error": wanted["problem"]}
    return call(runtime, "open-meteo", wanted["name"], wanted["input"])


def run(runtime: httpx.Client, skill: str, model: str, question: str) -> str:
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    for turn in range(1, MAX_TURNS + 1):
        reply = call(runtime, skill, "chat", {"model": model, "messages": messages, "tools": TOOLS})
        if "error" in reply:
            raise SystemExit(f"The model cannot be asked: {reply['error']}")
        messages.append({"role": "assistant", **reply})  # the reply goes back as it came
        if reply.get("native_stop_reason") == "pause_turn":
            continue  # a tool of the provider's own takes long: asked again, the turn goes on
        if reply["stop_reason"] != "tool_use":
            return reply["content"] or ""
        for wanted in reply["tool_calls"]:
            result = use_tool(runtime, wanted)
            print(f"{turn}. {wanted['name']} {shown(wanted['input'])} → {shown(result)}")
            messages.append({"role": "tool", "tool_call_id": wanted["id"], "content": result})
    raise SystemExit(f"No answer after {MAX_TURNS} turns")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ask a model about the weather.")
    parser.add_argument("skill", nargs="?", choices=MODELS, default="openrouter", help="whose chat is asked")
    parser.add_argument("question", nargs="?", default="What is the weather in Tromsø?")
    parser.add_argument("--model", help="another model than the skill's usual one here")
    parser.add_argument("--server", default="http://127.0.0.1:3456", help="where `agentos serve` listens")
    given = parser.parse_args()
    with httpx.Client(
        base_url=given.server, headers={"X-Agent": "weather"}, timeout=600, trust_env=False
    ) as client:
        print(run(client, given.skill, given.model or MODELS[given.skill], given.question))
