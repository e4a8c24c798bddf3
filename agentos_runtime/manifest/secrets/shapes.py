"""What looks like a secret: known shapes of keys, and random values in places whose name says that they are secret.

The one detector of the project. It only looks at text: no value leaves it but the few characters of a known prefix.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.secrets.names import is_placeholder, plausible, secrecy
from agentos_runtime.regexes import regex

LONGEST = 512
"""Characters of a run without a space; a longer one is a file in base64, unless a JSON Web Token begins in it."""
SHOWN = 6
"""Characters of a known key that are shown: its maker's prefix."""

_SHAPES = (
    r"sk-[\w-]{16,}",  # OpenAI, Anthropic, OpenRouter, DeepSeek, LangFuse and many who took their form
    r"sk_[A-Za-z0-9]{32,}",  # ElevenLabs
    r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}",  # Stripe
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}",
    r"gl(?:pat|ptt|dt|rt|cbt|soat|ft|imt|agent|oas|ffct|ptt)-[\w-]{16,}",  # GitLab
    r"hf_[A-Za-z0-9]{20,}|api_org_[A-Za-z0-9]{20,}",  # Hugging Face
    r"xox[a-z]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w{16,}",
    r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{40,}|[MNO][\w-]{23,27}\.[\w-]{6,7}\.[\w-]{27,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"AIza[\w-]{30,}|ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{20,}",  # Google
    r"AccountKey=[A-Za-z0-9+/]{40,}|[\w~.-]{3}\dQ~[\w~.-]{31,}|sig=[A-Za-z0-9%+/]{40,}",  # Azure
    r"(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])",  # Twilio
    r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"key-[0-9a-f]{32}(?![A-Za-z0-9])|[0-9a-f]{32}-us\d{1,2}(?!\w)",  # Mailgun, Mailchimp
    r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|rubygems_[0-9a-f]{40,}|oy2[a-z0-9]{43}|dckr_[op]at_[\w-]{20,}",
    r"shp(?:at|ss|ca|pa|ua|tk|ctk)_[0-9a-fA-F]{32}",  # Shopify
    r"secret_[A-Za-z0-9]{40,}|ntn_[A-Za-z0-9]{40,}",  # Notion
    r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{30,}",  # Linear
    r"\d{8,10}:[\w-]{35}(?![\w-])",  # Telegram
    r"eyJ[\w-]{6,}\.eyJ[\w-]{6,}\.[\w-]*|eyJ[\w-]{10,}\.[\w-]*\.[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}",  # JWT, JWE
    r"gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{20,}|pplx-[A-Za-z0-9]{20,}|nvapi-[\w-]{20,}"
    r"|csk-[a-z0-9]{30,}|tgp_v1_[\w-]{20,}|fw_[A-Za-z0-9]{20,}|jina_[A-Za-z0-9]{20,}|tvly-[\w-]{16,}"
    r"|fc-[0-9a-f]{32}|lsv2_(?:pt|sk)_\w{20,}|ph[xc]_[A-Za-z0-9]{30,}|voyage?-[\w-]{30,}|pa-[\w-]{40,}",
    r"do[opr]_v1_[0-9a-f]{32,}|hv[sbr]\.[\w-]{20,}|dapi[0-9a-f]{32}|dp\.(?:pt|st|sa|ct|scim|audit)\.[\w.-]{20,}",
    r"fo1_[\w-]{20,}|fm2_[\w+/=-]{20,}|sbp_[0-9a-f]{30,}|sb_secret_[\w-]{20,}|AGE-SECRET-KEY-1[0-9A-Za-z]{30,}",
    r"figd_[\w-]{20,}|PMAK-[0-9a-f]{24}-[0-9a-f]{20,}|gls?[ac]_[\w+/=]{24,}|NRAK-[A-Z0-9]{20,}|sntry[su]_[\w=+/]{20,}"
    r"|AT[AC]TT3[\w=-]{20,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}|EAA[A-Za-z0-9]{60,}|sq0(?:atp|csp)-[\w-]{20,}"
    r"|rzp_(?:live|test)_[A-Za-z0-9]{14,}|pscale_(?:tkn|pw|oauth)_[\w-]{20,}|tfp_[\w-]{30,}|CFPAT-[\w-]{30,}"
    r"|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{18,}|pul-[0-9a-f]{40}|LTAI[A-Za-z0-9]{16,}|rnd_[A-Za-z0-9]{24,}|vc[kpair]_\w{24,}",
    r"apify_api_[A-Za-z0-9]{30,}|e2b_[0-9a-f]{32,}|bb_(?:live|test)_[\w-]{20,}|pcsk_\w{40,}|alcht_[A-Za-z0-9]{24,}"
    r"|cal_(?:live|test)_[0-9a-f]{24,}|ory_(?:st|at|rt|ac|pat)_[\w-]{24,}|unkey_[A-Za-z0-9]{16,}|hca[il]k_\w{30,}",
    r"nfp_[A-Za-z0-9]{30,}|HRKU-[\w-]{30,}|v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}|[0-9a-f]{36}NRAL(?!\w)"
    r"|tskey-(?:auth|api|client|scim|webhook)-[\w-]{20,}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}|tk-us-[\w-]{40,}"
    r"|bk[au]a_[0-9a-f]{30,}|CCIP[AR]T_[A-Za-z0-9]{16,}_[0-9a-f]{30,}|sq[apu]_[0-9a-f]{40}|sgp_(?:\w{16}_)?[0-9a-f]{40}",
    r"ATBB[A-Za-z0-9]{24,}|pk_\d{5,10}_[A-Z0-9]{30,}|pat-(?:na|eu|ap)\d-[0-9a-f-]{30,}|xkeysib-[0-9a-f]{40,}-\w{10,}"
    r"|mlsn\.[0-9a-f]{40,}|access-(?:sandbox|development|production)-[0-9a-f-]{30,}|(?:live|test)_[A-Za-z0-9]{30,}"
    r"|shippo_(?:live|test)_[0-9a-f]{30,}|EZ[AT]K[A-Za-z0-9]{40,}|duffel_(?:live|test)_[\w-]{30,}"
    r"|FLWSECK(?:_TEST)?-[\w-]{20,}|ops_eyJ[\w+/=-]{40,}|sk\.eyJ[\w-]{20,}\.[\w-]{16,}|testsk_[A-Za-z0-9.]{24,}",
    r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9+/]{40,}|rdme_\w{40,}|fio-u-[\w=-]{40,}|A{21}[A-Za-z0-9%]{40,}"
    r"|sl\.[\w-]{100,}|(?:[0-2]/)?\d{10,}(?:/\d{10,})?:[0-9a-f]{32}(?!\w)|v1\.[0-9a-f]{40}(?!\w)",
    r"BSA[A-Za-z0-9_-]{26,}|NRII-[\w-]{30,}|APP_USR-\d{10,}-[\w-]{30,}|sess-[A-Za-z0-9]{30,}|key_[0-9a-f]{60,}"
    r"|signkey-(?:prod|test|branch)-[0-9a-f]{30,}|tr_(?:dev|prod|stg|pat)_[A-Za-z0-9]{16,}|AKID[A-Za-z0-9]{32}(?!\w)"
    r"|secret-(?:live|test)-[\w=-]{30,}|secret-token:\w{30,}|p8e-[A-Za-z0-9]{32}|AQVN[\w-]{34,}|cio[A-Za-z0-9]{32}(?!\w)"
    r"|CLOJARS_[0-9a-z]{50,}|pn[ubs]_[0-9a-z]{36}|(?:sdk|api|mob|rel)-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|vercel_blob_rw_\w{20,}|c[ks]_[0-9a-f]{40}|rpa_[A-Za-z0-9]{36,}|flp_[A-Za-z0-9]{30,}|tlk_[A-Z0-9]{24,}"
    r"|pdl_(?:live|sdbx)_\w{30,}|polar_(?:oat|pat|at|rt)_[A-Za-z0-9]{30,}|napi_[0-9a-z]{40,}|xau_[A-Za-z0-9]{24,}"
    r"|dtn_[0-9a-f]{40,}|sk_(?:car|V2)_[\w-]{16,}|[0-9a-f]{32}\.[A-Za-z0-9]{16}(?!\w)|(?:bce-v3/)?ALTAK-[\w/-]{30,}"
    r"|bxt_[A-Za-z0-9]{30,}|ctx7sk-[0-9a-f-]{30,}|tpuf_[A-Za-z0-9]{24,}|ak-[A-Za-z0-9]{22}(?!\w)"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}:[0-9a-f]{32}(?!\w)|sntrys_[\w=+/]{20,}|nv-[0-9a-f]{40}",
)
_SHAPE = regex(rf"(?<![A-Za-z0-9])(?:bot)?(?:{'|'.join(_SHAPES)})")
_RUN = regex(r"[\w+/=.~:%-]{16,}", re.ASCII)
_PEM = regex(r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\\\s]{1,8000}-----END)?")
_SCHEME = regex(r"\b(Bearer|Basic|Token|FlyV1) +([A-Za-z0-9+/=._~,-]{8,})", re.IGNORECASE)
_EXAMPLE = r"(?i:(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?)://\w*:(?:pass(?:word)?|pw)@)"
"""How manuals write the address of a database."""
_USERINFO = regex(
    rf"(?<![A-Za-z])(?!{_EXAMPLE})[A-Za-z][A-Za-z0-9+.-]{{0,20}}://([^\s/?#@\"'`<>{{}}]*:[^\s/?#@\"'`<>{{}}]+)@"
)
_USER = regex(r"\s(?:-u|-U|--user|--proxy-user)[ =]?[\"']?[^\s:\"']+:([^\s\"'{}<>]{6,})")
_PAIR = regex(
    r"(?<![\w.$-])([A-Za-z][\w-]{1,48})\\?[\"']?[ \t]{0,3}[=:][ \t]{0,3}\\?[\"']?(?=([^\s\"'`,;&<>(){}\[\]\\]{8,}))"
)


@dataclass(frozen=True, slots=True)
class Found:
    """Where in a text something looks like a secret."""

    start: int
    end: int
    by: Literal["form", "name", "address"] = "form"
    """What gave it away. The prefix of a form says whose it is and is shown; of others nothing is."""

    def shown(self, text: str) -> str:
        """What may be said of it: `sk-or-…`."""
        length = min(SHOWN, (self.end - self.start) // 3) if self.by == "form" else 0
        return f"{text[self.start : self.start + length]}…"


def find_secrets(text: str, name: str = "", *, placeholders: bool = False) -> tuple[Found, ...]:
    """Everything in a text that looks like a secret, in order.

    `name` is that of the place where the text stands; `placeholders`: also `sk-xxxxxxxxxxxxxxxx`, which only has
    the form of a key.
    """
    found = sorted(_all(text, placeholders), key=lambda each: (each.start, -each.end))
    if not found and name and plausible(text, secrecy(name)):
        return (Found(0, len(text), "name"),)
    kept: list[Found] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
        elif each.end > kept[-1].end:  # `Bearer 123:abc`: a scheme's word ends at the colon, the key does not
            kept[-1] = replace(kept[-1], end=each.end)
    return tuple(kept)


def holds_secret(value: Json, name: str = "") -> bool:
    """Whether something in a value looks like a secret, or only has the form of one."""
    if isinstance(value, str):
        return bool(find_secrets(value, name, placeholders=True))
    if isinstance(value, Mapping):
        return any(holds_secret(below, key) for key, below in value.items())
    return isinstance(value, list) and any(holds_secret(below, name) for below in value)


def without_secrets(text: str) -> str:
    """The text in which `…` stands for what looks like a secret, or only has the form of one."""
    return _replaced(text, find_secrets(text, placeholders=True), lambda found: "…")


def masked(text: str) -> str:
    """The text, as long as it is, with stars behind the prefix of what looks like a secret."""
    return _replaced(
        text, find_secrets(text), lambda found: stars(text[found.start : found.end], found.shown(text))
    )


def stars(secret: str, shown: str) -> str:
    """`sk-or-…` shown of a secret: `sk-or-*****`, as long as the secret; its line breaks stay."""
    kept = len(shown) - 1
    return secret[:kept] + re.sub(r"[^\n]", "*", secret[kept:])


def _replaced(text: str, found: tuple[Found, ...], write: Callable[[Found], str]) -> str:
    end, pieces = 0, []
    for each in found:
        pieces += [text[end : each.start], write(each)]
        end = each.end
    return "".join([*pieces, text[end:]])


def _all(text: str, placeholders: bool) -> Iterator[Found]:
    for run in _RUN.finditer(text):
        yield from _in_run(run, placeholders)
    for pem in _PEM.finditer(text):
        yield Found(pem.start(), pem.end())
    for scheme in _SCHEME.finditer(text):
        if _is_credential(scheme[1].lower(), scheme[2]):
            yield Found(scheme.start(), scheme.end())
    for url in _USERINFO.finditer(text):
        yield Found(url.start(1), url.end(1), "address")
    for option in _USER.finditer(text):
        if not is_placeholder(option[1]):
            yield Found(option.start(1), option.end(1), "name")
    for pair in _PAIR.finditer(text):
        value = pair[2].rstrip(":")  # which makes what stands before it a key of YAML
        if plausible(value, secrecy(pair[1])):
            yield Found(pair.start(2), pair.start(2) + len(value), "name")


def _in_run(run: re.Match[str], placeholders: bool) -> Iterator[Found]:
    text = run.string
    if run.end() - run.start() > LONGEST and text.find("eyJ", run.start(), run.end()) < 0:
        return
    for found in _SHAPE.finditer(text, run.start(), run.end()):
        if placeholders or not _only_the_form(found[0]):
            yield Found(found.start(), found.end())


def _only_the_form(key: str) -> bool:
    """Whether what has the form of a key is a placeholder or, of the most common prefix, a name of words."""
    body = key[3:] if key.startswith("sk-") else key
    if is_placeholder(body, of_shape=True):
        return True
    return key.startswith("sk-") and _of_words(body)


def _of_words(body: str) -> bool:
    """Whether it is a name such as `sk-notes-on-things-2024`, without a random run of letters and digits."""
    if len(body) >= 30 and re.search("[A-Z]", body) and re.search("[a-z]", body):
        return False
    return not any(
        len(run) >= 20 or (len(run) >= 8 and re.search("[0-9]", run) and re.search("[A-Za-z]", run))
        for run in re.split(r"[-_]", body)
    )


def _is_credential(scheme: str, value: str) -> bool:
    if scheme != "basic":
        return plausible(value, secrecy("token"))
    try:
        return b":" in base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return plausible(value, secrecy("token"))
