"""Which names say that what stands under them is secret, and which values are secrets then."""

import math
import re
from collections import Counter
from enum import Enum
from itertools import pairwise

from agentos_runtime.regexes import regex


class Secrecy(Enum):
    """How sure a name is."""

    NONE = "none"
    MAYBE = "maybe"
    """`key`, `session`, `sig`: of secrets and of other things."""
    SURE = "sure"
    """`api_key`, `token`, `password`."""


_PARTS = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_OTHERWISE = regex(
    r"(?:.*_)?(?:public|page|next|prev|previous|continuation|pagination|paging|sync|cursor|resume|max|min|idempotency"
    r"|primary|foreign|sort|partition|cache|object|row|group|routing|stop|start|end|eos|bos|pad|count|cancellation|device"
    r"|completion|prompt|input|output|upload|download|change|delta|watermark|offset|position)_(?:key|token)"
)
_SURE = regex(
    r"(?:.*_)?(?:(?:api|access|secret|private|auth|subscription|signing|account|master|license|encryption|service|role"
    r"|app|application|consumer|admin|client|shared|storage|deploy|account|server|signature|webhook|license|user)_?keys?"
    r"|apikeys?|(?:api|access|refresh|auth|id|bearer|session|personal|bot|user)?_?token|authtoken|secrets?|client_?secret"
    r"|passwords?|passwd|pwd|passphrase|passcode|authorization|credentials?|bearer|jwt|pat|connection_string|dsn"
    r"|hapikey|client_assertion)"
)
_MAYBE = regex(
    r"(?:.*_)?(?:key|auth|session|session_id|sessionid|sid|cookies?|sig|signature|appid|app_id|pass|x_key|otp|totp|sk)"
)
_PLACEHOLDER = regex(
    r"(?<![a-z0-9+/])(?:your|fake|mock|my|insert|replace|some|the|test|demo)(?![a-z0-9+/])|(?-i:x{4}|X{4})"
    r"|\.\.\.|…|\*\*\*|placeholder|change.?me|redacted|dummy|example|sample|[-_]here$|^todo|^abc-?123|^\d{1,15}$"
    r"|^(?:pass(?:word)?|secret|token|key|hunter)\d{0,4}$",
    re.IGNORECASE,
)
_PLACEHOLDER_OF_A_SHAPE = regex(
    r"(?<![a-z0-9])your(?![a-z0-9])|(?-i:x{4}|X{4})|placeholder|change.?me|redacted|\*\*\*|…", re.IGNORECASE
)
_SCHEME = regex(r"^(?:bearer|basic|token|key|apikey|digest|hmac)[ :]+", re.IGNORECASE)
_NO_VALUE = regex(r"[.$@|(\[{<*#%\\]|.*(?:://|[{}<>\s|]|\$\()")
_UUID = regex(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_BASE64 = regex(r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9]*[0-9])[A-Za-z0-9+/]+={0,2}")
_SPECIAL = regex(r"[!#%^&*+?@~$]")


def secrecy(name: str) -> Secrecy:
    """What the name of a header, a field, a param says; `X-Api-Key`, `apiKey` and `API_KEY` are one."""
    plain = "_".join(part.lower() for part in _PARTS.findall(name))
    plain = re.sub(r"(?:_\d+)+$", "", plain)
    if _OTHERWISE.fullmatch(plain):
        return Secrecy.NONE
    if _SURE.fullmatch(plain):
        return Secrecy.SURE
    return Secrecy.MAYBE if _MAYBE.fullmatch(plain) else Secrecy.NONE


def is_key(name: str) -> bool:
    """Whether a header, query or field of this name carries a credential, whatever stands there."""
    return secrecy(name) is Secrecy.SURE or name.lower() in ("key", "auth", "cookie")


def plausible(text: str, name: Secrecy) -> bool:
    """Whether a text under such a name is a secret: no expression, no placeholder, no words."""
    if name is Secrecy.NONE:
        return False
    value = _SCHEME.sub("", text.strip())
    if not 8 <= len(value) <= 4096 or not value.isascii() or _NO_VALUE.match(value) or is_placeholder(value):
        return False
    if _UUID.fullmatch(value):
        return True
    if len(value) >= 32 and _BASE64.fullmatch(value):
        return True
    longest = max(re.split(r"[-_./:,=]+", value), key=len)
    if name is Secrecy.MAYBE:
        return len(longest) >= 16 and _mixed(longest) and _entropy(longest) >= 3
    return (
        (len(longest) >= 8 and _mixed(longest))
        or (len(value) >= 16 and value.isdigit())
        or (len(longest) >= 20 and _shuffled(longest))
        or (_SPECIAL.search(value) is not None and any(map(str.isalnum, value)))
    )


def is_placeholder(text: str, *, of_shape: bool = False) -> bool:
    """Whether a text only stands for a secret. `of_shape`: of a known key, whose random letters make words too."""
    letters = [char for char in text.lower() if char.isalnum()]
    if len(set(letters)) <= (3 if len(letters) >= 8 else 1):
        return True
    return (_PLACEHOLDER_OF_A_SHAPE if of_shape else _PLACEHOLDER).search(text) is not None


def _mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _shuffled(text: str) -> bool:
    """Upper and lower case without the order of camelCase words."""
    changes = sum(one.isupper() != other.isupper() for one, other in pairwise(text))
    return changes >= len(text) / 4 and _entropy(text) >= 3.5


def _entropy(text: str) -> float:
    """Bits for each character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
