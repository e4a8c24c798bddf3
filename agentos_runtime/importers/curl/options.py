"""curl's options, all of them (curl 8): which take a value, and which of them a skill has no word for.

Only a whole table keeps a value from being read as something else: of an option that is not known nobody can say
whether the next word is its value or the address, so it stops the import.
"""

import re
from collections.abc import Mapping, Sequence

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VALUED = _names("""
    abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout
    connect-to continue-at cookie cookie-jar create-file-mode crlfile curves data data-ascii data-binary
    data-raw data-urlencode delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url
    dump-header ech egd-file engine etag-compare etag-save expect100-timeout form form-string ftp-account
    ftp-alternative-to-user ftp-method ftp-port ftp-ssl-ccc-mode happy-eyeballs-timeout-ms haproxy-clientip
    header help hostpubmd5 hostpubsha256 hsts interface ip-tos ipfs-gateway json keepalive-cnt keepalive-time
    key key-type knownhosts krb libcurl limit-rate local-port login-options mail-auth mail-from mail-rcpt
    max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output output-dir parallel-max
    parallel-max-host pass pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-cacert
    proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile proxy-header proxy-key proxy-key-type
    proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword
    proxy-tlsuser proxy-user proxy1.0 pubkey quote random-file range rate referer request request-target
    resolve retry retry-delay retry-max-time sasl-authzid service-name sigalgs socks4 socks4a socks5
    socks5-gssapi-service socks5-hostname speed-limit speed-time ssl-sessions stderr telnet-option
    tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace trace-ascii
    trace-config unix-socket upload-file upload-flags url url-query user user-agent variable vlan-priority
    write-out
""")
_SWITCHES = _names("""
    alpn anyauth append basic buffer ca-native cert-status clobber compressed compressed-ssh create-dirs crlf
    digest disable disable-eprt disable-epsv disallow-username-in-url doh-cert-status doh-insecure
    dump-ca-embed eprt epsv fail fail-early fail-with-body false-start follow form-escape ftp-create-dirs
    ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl ftp-ssl-ccc ftp-ssl-control ftp-ssl-reqd get globoff
    haproxy-protocol head http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3 http3-only
    ignore-content-length include insecure ipv4 ipv6 junk-session-cookies keepalive list-only location
    location-trusted mail-rcpt-allowfails manual metalink mptcp negotiate netrc netrc-optional next npn ntlm
    ntlm-wb out-null parallel parallel-immediate path-as-is post301 post302 post303 progress-bar
    progress-meter proxy-anyauth proxy-basic proxy-ca-native proxy-digest proxy-http2 proxy-insecure
    proxy-negotiate proxy-ntlm proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 proxytunnel raw
    remote-header-name remote-name remote-name-all remote-time remove-on-error retry-all-errors
    retry-connrefused sasl-ir sessionid show-error show-headers silent skip-existing socks5-basic
    socks5-gssapi socks5-gssapi-nec ssl ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-reqd
    ssl-revoke-best-effort sslv2 sslv3 styled-output suppress-connect-headers tcp-fastopen tcp-nodelay
    tftp-no-options tls-earlydata tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding trace-ids trace-time
    use-ascii verbose version xattr
""")
_LETTERS: Mapping[str, str] = {
    "a": "append", "E": "cert", "K": "config", "C": "continue-at", "b": "cookie", "c": "cookie-jar", "d": "data",
    "q": "disable", "D": "dump-header", "f": "fail", "F": "form", "P": "ftp-port", "G": "get", "g": "globoff",
    "I": "head", "H": "header", "h": "help", "0": "http1.0", "i": "include", "k": "insecure", "4": "ipv4",
    "6": "ipv6", "j": "junk-session-cookies", "l": "list-only", "L": "location", "M": "manual", "m": "max-time",
    "n": "netrc", ":": "next", "N": "no-buffer", "o": "output", "Z": "parallel", "#": "progress-bar", "x": "proxy",
    "U": "proxy-user", "p": "proxytunnel", "Q": "quote", "r": "range", "e": "referer", "J": "remote-header-name",
    "O": "remote-name", "R": "remote-time", "X": "request", "S": "show-error", "s": "silent", "Y": "speed-limit",
    "y": "speed-time", "2": "sslv2", "3": "sslv3", "t": "telnet-option", "z": "time-cond", "1": "tlsv1",
    "T": "upload-file", "B": "use-ascii", "u": "user", "A": "user-agent", "v": "verbose", "V": "version",
    "w": "write-out",
}  # fmt: skip
WITHOUT_COUNTERPART = _names("""
    abstract-unix-socket aws-sigv4 cacert capath cert config connect-to continue-at crlf delegation digest
    doh-url etag-compare insecure interface key key-type login-options negotiate netrc netrc-file
    netrc-optional ntlm ntlm-wb pass pinnedpubkey preproxy proto proxy proxy1.0 proxy-cert proxy-header
    proxy-key proxy-user request-target resolve sasl-authzid socks4 socks4a socks5 socks5-hostname time-cond
    tlspassword tlsuser unix-socket variable
""")
"""Options that change what is sent, or to whom, and that a skill has no word for."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option as the command gives it."""

    name: str
    """Its long name without dashes; "" for an address."""
    value: str
    written: str
    """As the command writes it, to be shown: never with its value."""


def options(words: Sequence[str]) -> list[Option]:
    """The options and addresses of a command. Raises ImportProblem, which quotes no value."""
    found: list[Option] = []
    waiting = [*reversed(words)]
    while waiting:
        word = waiting.pop()
        if word == "--":
            found += [Option("", address, "") for address in reversed(waiting)]
            break
        if not word.startswith("-") or word == "-":
            found.append(Option("", word, ""))
        elif word.startswith("--"):
            found.append(_long(word, waiting))
        else:
            found += _short(word, waiting)
    return found


def _long(word: str, waiting: list[str]) -> Option:
    said, equals, joined = word[2:].partition("=")
    said = said.removeprefix("expand-")
    name = _whole(said)
    if name in _VALUED:
        return Option(name, joined if equals else _value(waiting, f"--{name}"), f"--{name}")
    if name in _SWITCHES or (name.startswith("no-") and name[3:] in _SWITCHES):
        return Option(name, "", f"--{name}")
    raise _unknown(f"--{said}")


def _whole(said: str) -> str:
    """curl takes the beginning of a name when only one option has it."""
    if said in _VALUED or said in _SWITCHES or said.startswith("no-"):
        return said
    longer = [name for name in (*_VALUED, *_SWITCHES) if name.startswith(said)] if said else []
    return longer[0] if len(longer) == 1 else said


def _short(word: str, waiting: list[str]) -> list[Option]:
    found: list[Option] = []
    for index, letter in enumerate(word[1:], 1):
        name = _LETTERS.get(letter)
        if name is None:
            raise _unknown(f"-{letter}")
        if name in _VALUED:
            joined = word[index + 1 :]
            return [*found, Option(name, joined or _value(waiting, f"-{letter}"), f"-{letter}")]
        found.append(Option(name, "", f"-{letter}"))
    return found


def _value(waiting: list[str], option: str) -> str:
    if not waiting:
        raise ImportProblem(f"The curl option {option} has no value")
    return waiting.pop()


def _unknown(option: str) -> ImportProblem:
    shown = option if re.fullmatch(r"-\w|--[a-z][a-z0-9.-]{1,30}", option, re.ASCII) else "in it"
    return ImportProblem(
        f"The curl option {shown} is not known, so nobody can say what the word behind it is: leave the option "
        "out, or write it as `curl --help all` does"
    )
