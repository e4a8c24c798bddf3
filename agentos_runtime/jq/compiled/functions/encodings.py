"""Texts that stand for something else, for compiled code: base64, and numbers."""

from base64 import b64decode, b64encode

from agentos_runtime.jq.compiled.errors import Beyond, JqError
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.texts import as_text
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_NUMBER = regex(r"-?[1-9][0-9]{0,14}|0")
_WITH_POINT = regex(r"-?(?:0|[1-9][0-9]{0,6})\.[0-9]{0,6}[1-9]")
"""Those that jq writes as they were read."""


def base64(meter: Meter, value: Json) -> str:
    """`@base64`"""
    text = as_text(meter, value)
    meter.charge(len(text) >> 3)
    try:
        return b64encode(text.encode()).decode()
    except UnicodeEncodeError:
        raise Beyond from None


def base64_read(meter: Meter, value: Json) -> str:
    """`@base64d`; what is badly encoded, or is no text, jq has ideas of its own about."""
    text = as_text(meter, value)
    meter.charge(len(text) >> 3)
    try:
        data = b64decode(text, validate=True)
        if b64encode(data).decode() != text:
            raise Beyond
        return data.decode()
    except ValueError:
        raise Beyond from None


def number(meter: Meter, value: Json) -> Json:
    """`tonumber`; of texts, those that everybody writes so."""
    if value.__class__ is int or isinstance(value, float):
        return value
    if not isinstance(value, str):
        raise JqError
    if _NUMBER.fullmatch(value):
        return int(value)
    if _WITH_POINT.fullmatch(value):
        return float(value)
    raise Beyond
