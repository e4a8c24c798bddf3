"""Run by the clients' own Python: the official SDKs talk to the toys, whole and in pieces, and go on with a result.

Gets the toys' address; writes what each SDK understood as one JSON object.
"""

import json
import sys
from typing import Any

import anthropic
import ollama
import openai
from google import genai
from google.genai import types as google

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
ASK: list[Any] = [{"role": "user", "content": "hi"}]


def of_completions(base: str) -> Any:
    client = openai.OpenAI(base_url=base, api_key="k", max_retries=0)
    message = client.chat.completions.create(model="m", messages=ASK, tools=[FUNCTION]).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "r"} for call in message.tool_calls]
    told = message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True)
    client.chat.completions.create(model="m", messages=[*ASK, told, *results], tools=[FUNCTION])
    text, calls = "", {}
    for chunk in client.chat.completions.create(model="m", messages=ASK, tools=[FUNCTION], stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or ():
                name, written = calls.get(call.index, ("", ""))
                calls[call.index] = (name + (call.function.name or ""), written + (call.function.arguments or ""))
    whole = [[call.function.name, json.loads(call.function.arguments)] for call in message.tool_calls]
    return [message.content, whole], [text, [[name, json.loads(written)] for name, written in calls.values()]]


def of_responses(base: str) -> Any:
    client = openai.OpenAI(base_url=base, api_key="k", max_retries=0)
    tool = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}
    asked = {"model": "m", "store": False, "tools": [tool]}
    plain = client.responses.create(input=ASK, **asked)
    with client.responses.stream(input=ASK, **asked) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()

    def read(response: Any) -> Any:
        calls = [item for item in response.output if item.type == "function_call"]
        return [response.output_text, [[call.name, json.loads(call.arguments)] for call in calls]]

    calls = [item for item in plain.output if item.type == "function_call"]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "r"} for call in calls]
    items = [item.model_dump(exclude_none=True, exclude={"status"}) for item in plain.output]
    client.responses.create(input=[*ASK, *items, *results], **asked)
    return read(plain), read(final)


def of_anthropic(base: str) -> Any:
    client = anthropic.Anthropic(base_url=base, api_key="k", max_retries=0)
    asked = {"model": "m", "max_tokens": 99, "tools": [{"name": "look", "input_schema": SCHEMA}]}
    plain = client.messages.create(messages=ASK, **asked)
    with client.messages.stream(messages=ASK, **asked) as stream:
        final = stream.get_final_message()

    def read(message: Any) -> Any:
        text = "".join(block.text for block in message.content if block.type == "text")
        return [text, [[block.name, block.input] for block in message.content if block.type == "tool_use"]]

    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "r"}
        for block in plain.content
        if block.type == "tool_use"
    ]
    said = {"role": "assistant", "content": final.content}
    client.messages.create(messages=[*ASK, said, {"role": "user", "content": results}], **asked)
    return read(plain), read(final)


def of_ollama(base: str) -> Any:
    client = ollama.Client(host=base)
    plain = client.chat(model="m", messages=ASK, tools=[FUNCTION]).message
    results = [{"role": "tool", "tool_name": call.function.name, "content": "r"} for call in plain.tool_calls]
    client.chat(model="m", messages=[*ASK, plain, *results], tools=[FUNCTION])
    text, calls = "", []
    for piece in client.chat(model="m", messages=ASK, tools=[FUNCTION], stream=True):
        text += piece.message.content or ""
        calls += piece.message.tool_calls or []

    def read(made: Any) -> Any:
        return [[call.function.name, dict(call.function.arguments)] for call in made]

    return [plain.content, read(plain.tool_calls)], [text, read(calls)]


def of_gemini(base: str) -> Any:
    client = genai.Client(api_key="k", http_options=google.HttpOptions(base_url=base))
    declared = google.FunctionDeclaration(name="look", parameters_json_schema=SCHEMA)
    config = google.GenerateContentConfig(
        tools=[google.Tool(function_declarations=[declared])],
        automatic_function_calling=google.AutomaticFunctionCallingConfig(disable=True),
    )
    asked = {"model": "m", "config": config}
    question = google.Content(role="user", parts=[google.Part(text="hi")])
    said = client.models.generate_content(contents=[question], **asked).candidates[0].content
    results = [
        google.Part.from_function_response(name=part.function_call.name, response={"output": "r"})
        for part in said.parts
        if part.function_call
    ]
    client.models.generate_content(contents=[question, said, google.Content(role="user", parts=results)], **asked)
    parts = [
        part
        for chunk in client.models.generate_content_stream(contents=[question], **asked)
        for part in chunk.candidates[0].content.parts
    ]

    def read(told: Any) -> Any:
        text = "".join(part.text for part in told if part.text and not part.thought)
        calls = [part.function_call for part in told if part.function_call]
        return [text, [[call.name, call.args] for call in calls]]

    return read(said.parts), read(parts)


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
