"""Secrets as services make them, made up; and texts that are none."""

import base64
import string
from collections.abc import Mapping
from random import Random

from hypothesis import strategies as st

LETTERS = string.ascii_letters + string.digits
WORD = LETTERS + "_-"
HEX = "0123456789abcdef"


def text(alphabet: str, length: int) -> st.SearchStrategy[str]:
    """Random text that is no placeholder: of more than a few characters."""
    made = st.integers(0, 2**64).map(lambda seed: "".join(Random(seed).choices(alphabet, k=length)))
    return made.filter(lambda one: len(set(one)) > min(10, length // 2) and "xxxx" not in one.lower())


def after(prefix: str, alphabet: str, length: int) -> st.SearchStrategy[str]:
    return text(alphabet, length).map(lambda body: prefix + body)


def mixed(alphabet: str, length: int) -> st.SearchStrategy[str]:
    """With a digit and letters of both cases, as long random text has."""
    return text(alphabet, length).filter(
        lambda one: any(map(str.isdigit, one)) and any(map(str.islower, one)) and any(map(str.isupper, one))
    )


OF_A_FORM: Mapping[str, st.SearchStrategy[str]] = {
    **{prefix: after(prefix, HEX, 48) for prefix in ("sk-or-v1-", "sk_", "dop_v1_", "sbp_")},
    **{prefix: mixed(WORD, 40).map(prefix.__add__) for prefix in ("sk-proj-", "sk-ant-api03-", "sk-", "pypi-AgE")},
    **{
        prefix: after(prefix, LETTERS, 36)
        for prefix in (
            "sk_live_", "sk_test_", "rk_live_", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
            "hf_",
            "npm_", "lin_api_", "gsk_", "xai-", "r8_", "pplx-", "fo1_", "ya29.", "GOCSPX-",
            "hvs.",
            "dp.pt.", "glpat-", "glptt-", "gldt-", "sb_secret_", "figd_", "dckr_pat_",
        )
    },
    **{prefix: after(prefix, HEX, 32) for prefix in ("AC", "SK", "key-", "dapi", "shpat_", "shpss_", "fc-")},
    **{prefix: after(prefix, string.ascii_uppercase + string.digits, 16) for prefix in ("AKIA", "ASIA")},
    "xoxb": st.tuples(text(string.digits, 12), text(LETTERS, 24)).map(lambda two: f"xoxb-{two[0]}-{two[1]}"),
    "AIza": after("AIza", WORD, 35),
    "secret_": after("secret_", LETTERS, 43),
    "ntn_": after("ntn_", LETTERS, 43),
    "jwt": st.tuples(text(WORD, 20), text(WORD, 30), text(WORD, 43)).map(
        lambda three: f"eyJ{three[0]}.eyJ{three[1]}.{three[2]}"
    ),
    "SG.": st.tuples(text(WORD, 22), text(WORD, 43)).map(lambda two: f"SG.{two[0]}.{two[1]}"),
    "telegram": st.tuples(text("123456789", 9), mixed(LETTERS, 35)).map(":".join),
    "pem": st.just("-----BEGIN RSA PRIVATE KEY-----"),
    "age": after("AGE-SECRET-KEY-1", string.ascii_uppercase + string.digits, 58),
    **{
        prefix: after(prefix, HEX, 64)
        for prefix in ("e2b_", "cal_live_", "bkua_", "mlsn.", "live_", "test_", "shippo_live_", "rdme_")
    },
    **{
        prefix: mixed(LETTERS, 64).map(prefix.__add__)
        for prefix in (
            "apify_api_", "bb_live_", "pcsk_", "alcht_", "ory_st_", "unkey_", "hcaik_", "nfp_", "tskey-auth-",
            "tskey-api-", "tk-us-", "ATBB", "EZAK", "duffel_test_", "FLWSECK-", "FLWSECK_TEST-", "ops_eyJ",
            "testsk_", "AKCp", "cmVmdGtu", "fio-u-", 21 * "A",
        )
    },
    **{prefix: after(prefix, HEX, 40) for prefix in ("sqp_", "sgp_", "v1.", "CCIPAT_FnWzZ9rLg2sKc8dQvB_")},
    **{
        prefix: st.uuids(version=4).map(str).map(prefix.__add__)
        for prefix in ("HRKU-", "pat-na1-", "access-sandbox-", "access-production-")
    },
    "NRAL": text(HEX, 36).map(lambda one: f"{one}NRAL"),
    "xkeysib": st.tuples(text(HEX, 64), text(LETTERS, 16)).map(lambda two: f"xkeysib-{two[0]}-{two[1]}"),
    "clickup": text(string.ascii_uppercase + string.digits, 32).map(lambda one: f"pk_38129475_{one}"),
    "atlas": st.tuples(text(LETTERS, 14), text(WORD, 67)).map(".atlasv1.".join),
    "asana": st.tuples(text(string.digits, 16), text(HEX, 32)).map(lambda two: f"{two[0]}:{two[1]}"),
    "origin ca": st.tuples(text(HEX, 24), text(HEX, 146)).map(lambda two: f"v1.0-{two[0]}-{two[1]}"),
    "sk.eyJ": st.tuples(text(WORD, 60), text(WORD, 22)).map(lambda two: f"sk.eyJ{two[0]}.{two[1]}"),
    "sl.": mixed(WORD, 130).map("sl.".__add__),
    **{
        prefix: after(prefix, HEX, 64)
        for prefix in ("key_", "signkey-prod-", "dtn_", "sk_V2_hgu_", "napi_", "CLOJARS_")
    },
    **{prefix: after(prefix, HEX, 40) for prefix in ("ck_", "cs_", "nv-")},
    **{
        prefix: mixed(LETTERS, 44).map(prefix.__add__)
        for prefix in (
            "BSA", "NRII-", "sess-", "tr_dev_", "secret-live-", "secret-token:", "AQVN", "vercel_blob_rw_", "rpa_",
            "flp_", "pdl_live_apikey_", "polar_oat_", "xau_", "sk_car_", "bce-v3/ALTAK-", "bxt_", "tpuf_",
        )
    },
    **{prefix: mixed(LETTERS, 32).map(prefix.__add__) for prefix in ("p8e-", "AKID", "cio")},
    **{prefix: st.uuids(version=4).map(str).map(prefix.__add__) for prefix in ("sdk-", "mob-", "ctx7sk-")},
    "prefect": after("pnu_", string.ascii_lowercase + string.digits, 36),
    "modal": mixed(LETTERS, 22).map("ak-".__add__),
    "twelvelabs": after("tlk_", string.ascii_uppercase + string.digits, 28),
    "zhipu": st.tuples(text(HEX, 32), mixed(LETTERS, 16)).map(".".join),
    "fal": st.tuples(st.uuids(version=4).map(str), text(HEX, 32)).map(":".join),
    "mercado pago": st.tuples(text(string.digits, 16), text(HEX, 32)).map(
        lambda two: f"APP_USR-{two[0]}-092911-{two[1]}-38129475"
    ),
}  # fmt: skip
BY_NAME: Mapping[str, st.SearchStrategy[str]] = {
    "hex 32": text(HEX, 32).filter(lambda one: any(map(str.isdigit, one)) and any(map(str.isalpha, one))),
    "hex 40": text(HEX, 40).filter(lambda one: any(map(str.isdigit, one)) and any(map(str.isalpha, one))),
    "uuid": st.uuids(version=4).map(str),
    "base64 44": st.binary(min_size=32, max_size=32)
    .filter(lambda data: len(set(data)) > 20)
    .map(lambda data: base64.b64encode(data).decode()),
    "aws": mixed(LETTERS + "+/", 40),
    "base62": mixed(LETTERS, 24),
}
SECRET_NAMES = (
    "api_key", "apiKey", "API_KEY", "x-api-key", "token", "access_token", "refreshToken", "client_secret",
    "secret", "password", "authorization", "auth_token", "private_key", "secret_access_key",
    "subscription-key", "webhook_secret", "bearer", "credential", "AWS_SECRET_ACCESS_KEY", "github_token",
)  # fmt: skip
HARMLESS_NAMES = (
    "id", "commit", "sha256", "digest", "etag", "hash", "checksum", "file_id", "model", "cursor",
    "page_token", "version", "next_page_token", "nextPageToken", "max_tokens", "idempotency_key",
    "token_type", "token_url", "public_key", "color", "resource", "revision", "author", "name", "slug",
    "image", "keyboard", "tokenizer", "secretary",
)  # fmt: skip
HARMLESS = (
    "YOUR_API_KEY", "<token>", "sk-...", "xxxx", "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-your-key-goes-here-please-1234", "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx", "${OPENROUTER_API_KEY}",
    "$TOKEN", "Bearer <YOUR_KEY>", "Bearer YOUR_TOKEN", "gpt-4o-mini-2024-07-18",
    "anthropic/claude-3-5-sonnet-20241022", "meta-llama/llama-3.3-70b-instruct:free",
    "deepseek/deepseek-r1-distill-qwen-32b", "a-very-long-slug-about-things-that-happened-in-2024",
    "2024-10-01T00:00:00Z", "sk-notes-on-long-words-and-2024",
    "https://api.example.com/v1/things?limit=5&page_token=abc", "access_token",
    "application/vnd.api+json; charset=utf-8", "me@example.com", "risk-assessment-of-tasks", "changeme",
    "********",
)  # fmt: skip
