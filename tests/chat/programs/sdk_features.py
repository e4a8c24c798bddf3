"""Run by the clients' own Python: what the official SDKs make of failures and ends, and what else they write.

Gets the toys' address; the name of the model says what a toy shall tell. Writes what each SDK understood as JSON.
"""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import ollama
import openai
from google import genai
from google.genai import errors, types

PNG = base64.b64decode("iVBORw0KGgo=")
URL = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
FORCED = {"type": "function", "function": {"name": "look"}}
STATUSES = (400, 401, 404, 429, 500, 503)


def failed(
    ask: Callable[[str], Any], kinds: tuple[type[Exception], ...], status: Callable[[Any], int]
) -> list[Any]:
    """The status of each failure, as the SDK tells it, and whether its words came along."""
    told = []
    for wanted in STATUSES:
        try:
            ask(f"fails-{wanted}")
        except kinds as error:
            told.append([status(error), "the otter is out" in f"{error} {getattr(error, 'body', '')}"])
    return told


def broken(stream: Callable[[], Any], kinds: tuple[type[Exception], ...]) -> bool:
    """Whether a stream that fails in its middle raises, with the words."""
    try:
        for _ in stream():
            pass
    except kinds as error:
        return "the otter is out" in str(error)
    return False


def of_completions(base: str) -> Any:
    client = openai.OpenAI(base_url=base, api_key="k", max_retries=0)

    def ask(model: str, **more: Any) -> Any:
        hi = [{"role": "user", "content": "hi"}]
        return client.chat.completions.create(**{"model": model, "messages": hi, **more})

    def read(model: str) -> Any:
        reply = ask(model)
        message, choice = reply.choices[0].message, reply.choices[0]
        thought = getattr(message, "reasoning", None)
        return [thought, message.content, choice.finish_reason, reply.usage.completion_tokens]

    picture = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": URL}}]
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": picture}]
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    ask("thought", messages=asked, tools=[FUNCTION], tool_choice=FORCED, response_format=form, stop=["END"], seed=1)
    return {
        "failures": failed(ask, (openai.APIStatusError,), lambda error: error.status_code),
        "broken": broken(lambda: ask("breaks", stream=True), (openai.APIError,)),
        "told": [read("thought"), read("cut"), read("filtered")],
    }


def of_responses(base: str) -> Any:
    client = openai.OpenAI(base_url=base, api_key="k", max_retries=0)

    def ask(model: str, **more: Any) -> Any:
        return client.responses.create(**{"model": model, "input": "hi", "store": False, **more})

    def read(model: str) -> Any:
        reply = ask(model)
        thoughts = [part.text for item in reply.output if item.type == "reasoning" for part in item.summary]
        why = reply.incomplete_details.reason if reply.incomplete_details else reply.status
        return ["".join(thoughts) or None, reply.output_text, why, reply.usage.output_tokens]

    def told() -> Any:
        for event in ask("breaks", stream=True):
            if event.type == "response.failed":
                raise RuntimeError(event.response.error.message)
            yield event

    picture = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": URL, "detail": "auto"}]
    form = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}
    tool = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}
    ask("thought", input=[{"role": "user", "content": picture}], instructions="Be brief.", text=form, tools=[tool],
        tool_choice={"type": "function", "name": "look"}, reasoning={"effort": "low"},
        include=["reasoning.encrypted_content"])  # fmt: skip
    return {
        "failures": failed(ask, (openai.APIStatusError,), lambda error: error.status_code),
        "broken": broken(told, (RuntimeError,)),
        "told": [read("thought"), read("cut"), read("filtered")],
    }


def of_anthropic(base: str) -> Any:
    client = anthropic.Anthropic(base_url=base, api_key="k", max_retries=0)

    def ask(model: str, **more: Any) -> Any:
        hi = [{"role": "user", "content": "hi"}]
        return client.messages.create(**{"model": model, "max_tokens": 99, "messages": hi, **more})

    def read(model: str) -> Any:
        reply = ask(model)
        thoughts = [block.thinking for block in reply.content if block.type == "thinking"]
        text = "".join(block.text for block in reply.content if block.type == "text")
        return ["".join(thoughts) or None, text, reply.stop_reason, reply.usage.output_tokens]

    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    picture = [{"type": "text", "text": "What?"}, {"type": "image", "source": source}]
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    ask("thought", messages=[{"role": "user", "content": picture}], system=system, stop_sequences=["END"],
        tools=[{"name": "look", "input_schema": SCHEMA}],
        tool_choice={"type": "tool", "name": "look", "disable_parallel_tool_use": True})  # fmt: skip
    ask("thought", max_tokens=9000, thinking={"type": "enabled", "budget_tokens": 2000})
    return {
        "failures": failed(ask, (anthropic.APIStatusError,), lambda error: error.status_code),
        "broken": broken(lambda: ask("breaks", stream=True), (anthropic.APIError,)),
        "told": [read("thought"), read("cut"), read("filtered")],
    }


def of_ollama(base: str) -> Any:
    client = ollama.Client(host=base)

    def ask(model: str, **more: Any) -> Any:
        return client.chat(**{"model": model, "messages": [{"role": "user", "content": "hi"}], **more})

    def read(model: str) -> Any:
        reply = ask(model)
        return [reply.message.thinking, reply.message.content, reply.done_reason, reply.eval_count]

    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What?", "images": [PNG]}]
    ask(
        "thought", messages=asked, tools=[FUNCTION], format=SCHEMA, think=True, options={"seed": 1, "stop": ["END"]}
    )
    return {
        "failures": failed(ask, (ollama.ResponseError,), lambda error: error.status_code),
        "broken": broken(lambda: ask("breaks", stream=True), (ollama.ResponseError,)),
        "told": [read("thought"), read("cut")],
    }


def of_gemini(base: str) -> Any:
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base))

    def ask(model: str, contents: Any = "hi", **config: Any) -> Any:
        wanted = types.GenerateContentConfig(**config)
        return client.models.generate_content(model=model, contents=contents, config=wanted)

    def read(model: str) -> Any:
        reply = ask(model)
        parts = reply.candidates[0].content.parts
        thoughts = "".join(part.text for part in parts if part.thought)
        text = "".join(part.text for part in parts if part.text and not part.thought)
        reason = reply.candidates[0].finish_reason.value
        return [thoughts or None, text, reason, reply.usage_metadata.candidates_token_count]

    picture = types.Part.from_bytes(data=PNG, mime_type="image/png")
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="look", parameters_json_schema=SCHEMA)])
    only = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["look"])
    ask("thought", ["What?", picture], system_instruction="Be brief.", tools=[tool], stop_sequences=["END"],
        tool_config=types.ToolConfig(function_calling_config=only), seed=1,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))  # fmt: skip
    ask("thought", response_mime_type="application/json", response_json_schema=SCHEMA,
        thinking_config=types.ThinkingConfig(thinking_budget=2000, include_thoughts=True))  # fmt: skip
    return {
        "failures": failed(ask, (errors.APIError,), lambda error: error.code),
        "broken": broken(
            lambda: client.models.generate_content_stream(model="breaks", contents="hi"), (errors.APIError,)
        ),
        "told": [read("thought"), read("cut"), read("filtered")],
    }


if __name__ == "__main__":
    toys = sys.argv[1]
    understood = {
        "openai-completions": of_completions(f"{toys}/v1"),
        "openrouter": of_completions(f"{toys}/api/v1"),
        "openai": of_responses(f"{toys}/v1"),
        "anthropic": of_anthropic(toys),
        "ollama": of_ollama(toys),
        "gemini": of_gemini(toys),
    }
    sys.stdout.write(json.dumps(understood))
