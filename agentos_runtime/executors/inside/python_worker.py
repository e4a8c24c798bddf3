"""One function of a skill's Python module. Standard input is `{file, folder, function, args, takes, channel}`;
`takes: params` hands all of args to a param `params`, where the function has one.

What it gives goes back through the channel, a socket, each message with its size before it: `{"return": …}` or
`{"raised": …}`; before that `{"call": name, "params": {…}}` for each call of a sibling, which is answered with
`{"value": …}` or `{"error": …}`. What the function prints is nobody's.
"""

import asyncio
import importlib.util
import inspect
import json
import os
import socket
import struct
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE = struct.Struct("!I")


class CallFailed(RuntimeError):
    """A call of a sibling failed; `code` and `status` are those of the runtime's error."""

    def __init__(self, error: "dict[str, Any]") -> None:
        super().__init__(str(error.get("error")))
        self.code = error.get("code")
        self.status = error.get("status")


class Channel:
    def __init__(self, number: int) -> None:
        self.socket = socket.socket(fileno=number)
        self.turn = threading.Lock()

    def send(self, message: "dict[str, Any]") -> None:
        data = json.dumps(message, allow_nan=False).encode("utf-8", "replace")
        self.socket.sendall(SIZE.pack(len(data)) + data)

    def ask(self, message: "dict[str, Any]") -> "dict[str, Any]":
        with self.turn:
            self.send(message)
            found = json.loads(self.receive(SIZE.unpack(self.receive(SIZE.size))[0]))
        return dict(found)

    def receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                os._exit(1)
            data += piece
        return bytes(data)


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    channel = Channel(order["channel"])
    os.set_inheritable(order["channel"], False)
    sys.path.insert(0, order["folder"])
    try:
        value = run(order, channel)
    except MemoryError:
        os._exit(3)
    except ModuleNotFoundError as error:
        channel.send({"missing": error.name or str(error)})
    except BaseException as error:  # noqa: BLE001 - whatever it raised is the answer
        channel.send({"raised": {"type": type(error).__name__, "message": str(error)[:500]}})
    else:
        try:
            channel.send({"return": value})
        except (TypeError, ValueError, RecursionError) as error:
            channel.send({"raised": {"type": "no JSON", "message": str(error)[:200]}})
    os._exit(0)


def run(order: "dict[str, Any]", channel: Channel) -> "Any":
    name = os.path.splitext(os.path.basename(order["file"]))[0].replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, order["file"])
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    function = getattr(module, order["function"])

    def call(operation: str, params: "dict[str, Any] | None" = None, **more: "Any") -> "Any":
        answer = channel.ask({"call": operation, "params": {**(params or {}), **more}})
        if "error" in answer:
            raise CallFailed(answer["error"])
        return answer["value"]

    if order["takes"] == "params" and "params" in inspect.signature(function).parameters:
        order["args"] = {"params": order["args"]}
    args, named = (order["args"], {}) if isinstance(order["args"], list) else ([], dict(order["args"]))
    if "_call" in inspect.signature(function).parameters:
        named["_call"] = call
    value = function(*args, **named)
    return asyncio.run(value) if inspect.iscoroutine(value) else value


if __name__ == "__main__":
    main()
