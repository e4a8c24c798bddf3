"""The words of other formats (OpenAPI, Postman, curl, requests, LangChain, SQL …) for the language's own."""

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

from agentos_runtime.suggest import suggest

TRUE_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("yes", "on", "y", "true", "t", "1"), "true"),
    **dict.fromkeys(("no", "off", "n", "false", "f", "0"), "false"),
}
"""What is a boolean elsewhere."""
_VALUES: Mapping[str, str] = {
    # types
    "string": "str text txt char varchar character uuid guid date date-time timestamp time email uri url password "
    "markdown html enum secret id",
    "integer": "int int32 int64 long short bigint uint whole count digit",
    "number": "float float32 float64 double decimal real numeric num money currency percent",
    "boolean": "bool bit flag checkbox switch yesno truefalse",
    "array": "list arr tuple set sequence collection vector slice iterable multiselect",
    "object": "dict dictionary map hash hashmap json struct record mapping obj table class model",
    "any": "mixed unknown variant dynamic anything",
    "file": "upload attachment blob binary image bytes",
    "void": "none null nothing empty nil undefined unit no-content no-return",
    # auth
    "api_key": "bearer bearer-token token access-token auth-token key header http jwt pat personal-access-token "
    "secret api-token x-api-key authorization custom-header query",
    "basic": "client-secret-basic basic-auth http-basic user-pass username-password password userpwd login",
    "oauth": "oauth2 oauth20 oauth1 oidc openid openid-connect authorization-code client-credentials sso",
    "none": "no-auth anonymous public open no false off null noauth",
    "template": "custom headers",
    "client_credentials": "client-credential clientcredentials machine-to-machine m2m machine application app-only "
    "two-legged 2-legged server service-account client",
    "authorization_code": "code auth-code authorizationcode pkce three-legged 3-legged web user browser",
    "body": "client-secret-post post form",
    # bodies
    "form": "urlencoded form-urlencoded x-www-form-urlencoded application/x-www-form-urlencoded url-encoded url",
    "multipart": "form-data formdata multipart/form-data multipart-form files mixed upload",
    "json": "application/json json-body object jsonp",
    "text": "plain plaintext text/plain raw string xml application/xml text/xml csv html concat join",
    "binary": "octet-stream application/octet-stream bytes file blob stream buffer",
    # methods
    "GET": "fetch read list retrieve query",
    "POST": "create add insert send submit",
    "PUT": "replace upsert",
    "PATCH": "update modify merge",
    "DELETE": "del remove destroy",
    # streams and pages
    "sse": "event-stream text/event-stream server-sent-events eventsource events chunked stream",
    "ndjson": "jsonl jsonlines json-lines application/x-ndjson application/jsonl lines json",
    "offset": "skip limit limit-offset start",
    "page": "pages page-number page-numbers numbered number per-page",
    "cursor": "token next-token page-token continuation keyset after next link marker scroll",
    "chat": "message messages completion completions",
    "list": "array append collect all",
    "last": "final latest newest replace",
    "lines": "line text-lines linewise list",
    "csv": "tsv spreadsheet excel table",
    "xml": "application/xml text/xml soap rss atom html",
    "empty_brackets": "empty empty-bracket rails array",
    "brackets": "bracket square php deep-object deepobject",
    "dots": "dot dotted path",
    "repeat": "repeated multi explode exploded",
    "comma": "commas csv joined simple",
    # effects
    "read": "read-only readonly safe get query view none no",
    "write": "update create mutate mutation modify change post put edit",
    "destroy": "delete remove destructive dangerous drop erase",
}
_KEYS: Mapping[str, str] = {
    "utilities": "tools functions actions endpoints commands methods paths requests calls apis routes skills "
    "capabilities operations",
    "auth": "security authentication authorization credentials credential authorisation",
    "api": "servers server service",
    "base_url": "base host server url endpoint root domain base-path base-uri",
    "instructions": "prompt system system-prompt usage guide docs documentation notes",
    "definitions": "functions defs macros helpers",
    "settings": "config configuration variables vars env options",
    "params": "parameters arguments args input inputs input-schema args-schema "
    "parameters-schema param-schema properties schema fields variables",
    "returns": "output outputs return result results output-schema response-schema",
    "rest": "http request call fetch executor",
    "name": "title label display-name",
    "description": "desc summary doc docs help about title info label comment",
    "id": "slug identifier key",
    "icon": "logo image",
    "website": "homepage site url",
    "method": "verb http-method type action",
    "url": "uri href link endpoint path address target route location",
    "headers": "head http-headers http-header",
    "query": "querystring query-params query-string qs search search-params params-query url-params",
    "body": "json data payload form request-body json-body content data-raw",
    "encoding": "content-type mime mimetype body-type enctype format body-encoding media-type",
    "timeout": "timeout-ms time-limit max-time deadline",
    "retry": "retries max-retries attempts backoff",
    "response": "responses reply output result",
    "paginate": "pagination paging pager pages",
    "stream": "streaming sse",
    "poll": "polling wait job",
    "next": "next-cursor next-token next-page cursor after cursor-path next-path continuation",
    "transform": "jq filter select expression query extract map script template",
    "mapping": "fields properties map keys output",
    "interval": "every delay sleep period frequency",
    "until": "done when finished ready",
    "as": "type format content-type parse-as",
    "attempts": "max max-attempts max-retries count times tries retries",
    "root": "path pointer data data-path json-path jsonpath key",
    "size": "page-size per-page batch-size",
    "position": "cursor-param page-param offset-param cursor-field cursor-key page-key param parameter",
    "limit": "limit-param size-param per-page-param page-size-param",
    "effect": "read-only readonly safe destructive side-effects",
    "credits": "author authors maintainer maintainers creator contributors publisher",
    "error": "errors fail failure on-error",
    "raw": "binary bytes passthrough",
    "properties": "fields attributes members",
    "delta": "transform mapping map select chunk",
    "delimiter": "separator sep delim",
    "required": "mandatory require needed req",
    "enum": "choices options values allowed allowed-values one-of",
    "minimum": "min gte ge min-value",
    "maximum": "max lte le max-value",
    "default": "default-value value initial fallback",
    "example": "examples sample",
    "type": "kind datatype data-type scheme",
    "items": "item element elements of",
    "header": "in header-name name",
    "prefix": "scheme format pre",
    "grant": "grant-type flow oauth-flow grant-types flows",
    "client_auth": "token-endpoint-auth-method client-authentication auth-method authentication-method "
    "token-auth-method",
    "authorize_url": "auth-url authorization-url authorization-uri auth-uri",
    "token_url": "access-token-url token-uri token-endpoint",
    "scopes": "scope permissions",
}


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "").replace("_", "").replace(" ", "").replace(".", "")


def _turned(words: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Another format's word → the words it may stand for."""
    turned: dict[str, tuple[str, ...]] = {}
    for ours, theirs in words.items():
        for word in map(_plain, theirs.split()):
            turned[word] = (*turned.get(word, ()), ours)
    return MappingProxyType(turned)


_BY_VALUE = _turned(_VALUES)
_BY_KEY = _turned(_KEYS)


def known_value(word: str, known: Iterable[str]) -> str | None:
    """The one of the known values that was probably meant: what other formats call it, else the nearest."""
    return _one(word, _BY_VALUE, list(known))


def known_key(name: str, known: Iterable[str]) -> str | None:
    """The one of the known keys that was probably meant: what other formats call it, else the nearest."""
    return _one(name, _BY_KEY, list(known))


def called_otherwise(word: str, known: Container[str]) -> str | None:
    """The known value that other formats call so; None for what is only near."""
    return next((ours for ours in _BY_VALUE.get(_plain(word), ()) if ours in known), None)


def _one(word: str, meanings: Mapping[str, tuple[str, ...]], known: list[str]) -> str | None:
    if len(word) > 64:
        return None
    same = next((ours for ours in known if _plain(ours) == _plain(word)), None)
    other = next((ours for ours in meanings.get(_plain(word), ()) if ours in known), None)
    return same or other or suggest(word, known)
