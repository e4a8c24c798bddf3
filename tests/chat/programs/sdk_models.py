"""Run by the clients' own Python: the official SDKs' models read what toys send, and write what toys take.

Reads one JSON object from its standard input, and writes one to its standard output.
"""

import json
import sys
from typing import Any

import anthropic.types
import ollama
import openai.types.chat
import openai.types.responses
from google.genai import types as google
from pydantic import TypeAdapter, ValidationError

WHOLE: dict[str, Any] = {
    "openrouter": openai.types.chat.ChatCompletion,
    "openai-completions": openai.types.chat.ChatCompletion,
    "openai": openai.types.responses.Response,
    "anthropic": anthropic.types.Message,
    "ollama": ollama.ChatResponse,
    "gemini": google.GenerateContentResponse,
}
EVENT: dict[str, Any] = {
    "openrouter": openai.types.chat.ChatCompletionChunk,
    "openai-completions": openai.types.chat.ChatCompletionChunk,
    "openai": openai.types.responses.ResponseStreamEvent,
    "anthropic": anthropic.types.RawMessageStreamEvent,
    "ollama": ollama.ChatResponse,
    "gemini": google.GenerateContentResponse,
}
COMPLETIONS: dict[str, Any] = {
    "messages": openai.types.chat.ChatCompletionMessageParam,
    "tools": openai.types.chat.ChatCompletionToolParam,
    "tool_choice": openai.types.chat.ChatCompletionToolChoiceOptionParam,
    "response_format": openai.types.shared_params.ResponseFormatJSONSchema
    | openai.types.shared_params.ResponseFormatJSONObject
    | openai.types.shared_params.ResponseFormatText,
}
PIECES: dict[str, dict[str, Any]] = {
    "openai": {
        "input": openai.types.responses.ResponseInputItemParam,
        "tools": openai.types.responses.ToolParam,
        "reasoning": openai.types.shared_params.Reasoning,
        "text": openai.types.responses.ResponseTextConfigParam,
        "tool_choice": openai.types.responses.ToolChoiceOptions | openai.types.responses.ToolChoiceFunctionParam,
    },
    "openai-completions": COMPLETIONS,
    "openrouter": COMPLETIONS,
    "anthropic": {
        "messages": anthropic.types.MessageParam,
        "tools": anthropic.types.ToolUnionParam,
        "system": str | anthropic.types.TextBlockParam,
        "tool_choice": anthropic.types.ToolChoiceParam,
        "thinking": anthropic.types.ThinkingConfigParam,
        "output_config": anthropic.types.OutputConfigParam,
        "metadata": anthropic.types.MetadataParam,
        "cache_control": anthropic.types.CacheControlEphemeralParam,
    },
    "ollama": {"messages": ollama.Message, "tools": ollama.Tool, "options": ollama.Options},
    "gemini": {
        "contents": google.Content,
        "tools": google.Tool,
        "toolConfig": google.ToolConfig,
        "generationConfig": google.GenerationConfig,
        "systemInstruction": google.Content,
    },
}
"""What bodies are made of, as the SDK declares it; lists are lists of it."""


ADAPTERS: dict[int, TypeAdapter[Any]] = {}


def read(model: Any, value: Any) -> Any:
    adapter = ADAPTERS.get(id(model))
    if adapter is None:
        adapter = ADAPTERS[id(model)] = TypeAdapter(model)
    return adapter.validate_json(json.dumps(value))


def unread(model: Any, value: Any, what: str) -> list[str]:
    try:
        read(model, value)
    except ValidationError as error:
        return [f"{what}: {json.dumps(value)[:300]}: {error}"[:1500]]
    return []


def problems(dialect: str, given: dict[str, Any]) -> list[str]:
    found = [line for one in given["whole"] for line in unread(WHOLE[dialect], one, f"{dialect} whole")]
    found += [
        line
        for one in given["events"]
        if one.get("type") != "ping"
        for line in unread(EVENT[dialect], one, f"{dialect} event")
    ]
    for body in given["bodies"]:
        for key, model in PIECES.get(dialect, {}).items():
            pieces = body.get(key) or []
            for piece in pieces if isinstance(pieces, list) else [pieces]:
                if dialect == "ollama" and "images" in piece:  # its model takes them as bytes, and writes them so
                    piece = {**piece, "images": [{"value": image} for image in piece["images"]]}
                found += unread(model, piece, f"{dialect} body.{key}")
    return found


def produced() -> dict[str, Any]:
    """Messages as the SDKs write them."""
    call = google.Part(
        function_call=google.FunctionCall(id="c1", name="look", args={"n": 1}), thought_signature=b"GEM"
    )
    answer = google.FunctionResponse(id="c1", name="look", response={"output": "r"})
    contents = [
        google.Content(role="user", parts=[google.Part(text="hi")]),
        google.Content(role="model", parts=[call]),
        google.Content(role="user", parts=[google.Part(function_response=answer)]),
    ]
    made = {"id": "c1", "function": ollama.Message.ToolCall.Function(name="look", arguments={"n": 1})}
    messages = [
        ollama.Message(role="user", content="hi"),
        ollama.Message(role="assistant", content="", tool_calls=[made]),
    ]
    return {
        "gemini": {"contents": [c.model_dump(mode="json", exclude_none=True, by_alias=True) for c in contents]},
        "ollama": {"messages": [m.model_dump(mode="json", exclude_none=True) for m in messages]},
    }


if __name__ == "__main__":
    told: dict[str, Any] = json.load(sys.stdin)
    wrong = [line for dialect, given in told.items() for line in problems(dialect, given)]
    sys.stdout.write(json.dumps({"problems": wrong, "produced": produced()}))
