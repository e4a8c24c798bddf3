"""Shell scripts with params: values stay values, whatever they are; what is not known to stay one is not run."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.manifest.dialects.local.shell.flow import Checked, check_script
from agentos_runtime.manifest.dialects.local.shell.script import CLOSE, OPEN, NotUnderstood
from tests.sizes import examples

PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
NAMES = st.text(st.sampled_from(list("ab c\"'`$(){}[];&|<>*?~#!\\\n-=,.:/%@^é")), max_size=12)


def checked(script: str, *, numbered: tuple[str, ...] = (), numbers: tuple[int, ...] = ()) -> Checked:
    """A script with `{{name}}`; `numbered` are those of `$1` … that a caller gives."""
    names: list[str] = []

    def take(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"{OPEN}{len(names) - 1}{CLOSE}"

    marked = PLACEHOLDER.sub(take, script)
    variables = {index: f"V{index}" for index in range(len(names))}
    return check_script(marked, variables, {name: 1000 + int(name) for name in numbered}, frozenset(numbers))


CODE = [
    "python3 -c \"print('{{x}}')\"",
    "sqlite3 a.db \"SELECT '{{x}}'\"",
    'X="{{x}}"; sqlite3 a.db "SELECT \'$X\'"',
    'X=$(echo "{{x}}"); Y="$X"; perl -e "$Y"',
    'echo "{{x}}" | sqlite3 a.db',
    'echo "{{x}}" | bash',
    'if true; then echo "{{x}}"; fi | sh -s',
    'bash -c "echo {{x}}"',
    'bash -lc "$(cat) {{x}}"',
    "eval {{x}}",
    'eval "$(printf %s "{{x}}")"',
    'source "{{x}}"',
    '. "{{x}}"',
    'sed "s/a/{{x}}/" f',
    'awk "/{{x}}/" f',
    'jq ".[] | select(.a == \\"{{x}}\\")" f',
    "node -e \"f('{{x}}')\"",
    "ruby -e \"puts '{{x}}'\"",
    'osascript -e \'tell\' -e "say \\"{{x}}\\""',
    "python3 <<EOF\nprint('{{x}}')\nEOF\n",
    "sqlite3 a.db <<EOF\nSELECT '{{x}}';\nEOF\n",
    "sqlite3 a.db <<< \"SELECT '{{x}}'\"",
    'echo "{{x}}" | xargs -I{} sh -c "echo {}"',
    'find . -exec sh -c "echo {{x}}" \\;',
    'f() { eval "$1"; }; f "{{x}}"',
    "for w in {{x}}; do bash $w; done",
    'echo "{{x}}" | while read -r l; do perl -e "$l"; done',
    'A=({{x}}); python3 -c "${A[0]}"',
    'echo "{{x}}" > /tmp/a.py; python3 /tmp/a.py',
    'echo "{{x}}" | tee a.sh; bash a.sh',
    "{{x}}",
    '"{{x}}" a',
    'exec "{{x}}"',
    'env A=1 "{{x}}"',
    'sudo -u me "{{x}}"',
    '$PROGRAM "{{x}}"',
    "echo '{{x}}'",
    "echo $'{{x}}'",
    "cat <<'EOF'\n{{x}}\nEOF\n",
    "echo $(( {{x}} + 1 ))",
    "N={{x}}; echo $((N + 1))",
    '[[ "{{x}}" -eq 1 ]]',
    'echo "${A[{{x}}]}"',
    'I="{{x}}"; echo "${A[$I]}"',
    'declare -i N="{{x}}"',
    'declare "{{x}}"',
    'echo "${X:-{{x}}}"',
    'X="{{x}}"; echo "${!X}"',
    'X="{{x}}"; echo "${X@P}"',
    "echo `echo {{x}}`",
    'trap "echo {{x}}" EXIT',
    'ssh host "{{x}}"',
    'timeout 5 python3 -c "{{x}}"',
    "export X={{x}}; bash -c 'eval \"$X\"'",
    "X={{x}} sh -c 'sqlite3 a.db \"SELECT $X\"'",
    "X={{x}}; eval 'python3 -c \"$X\"'",
    "X={{x}}; trap 'eval $X' EXIT",
    "sh -c 'eval \"$1\"' _ {{x}}",
    "export X={{x}}; find . -exec sh -c 'eval \"$X\"' \\;",
    'echo {{x}}; eval "$V0"',
    "echo {{x}} | tee >(bash)",
    'python3 <(echo "{{x}}")',
    'python3 -W ignore "{{x}}"',
    'perl -I lib/a "{{x}}"',
    'bash -o pipefail "{{x}}"',
    'node -r ./a.js "{{x}}"',
    'awk -F , "{{x}}" f',
    'jq --rawfile n f "{{x}}"',
    'sed -l 5 "s/{{x}}//" f',
    'echo "{{x}}" | python3 /dev/stdin',
    'echo "{{x}}" | bash -s',
    '\\eval "{{x}}"',
    'command eval "{{x}}"',
    'echo "{{x}}',
    'echo "$(echo {{x}}"',
    "case {{x}} in a) echo b",
]


NAMED = (
    "sh -c ${A[0]} {{x}}", "env $A {{x}}", 'nohup "$@" {{x}}', "timeout 5 $A {{x}}", "find . -exec {{x}} \\;",
    "git -c {{x}} log", "rsync -e {{x}} a b", "yt-dlp --exec {{x}} u", "curl -K {{x}}", 'sh -c "${A[@]}" {{x}}',
    "sort --compress-program={{x}} f",
)  # fmt: skip
"""A param would be a program, or take the place of one that the shell makes nothing of."""


@pytest.mark.parametrize("script", [*CODE, *NAMED])
def test_what_would_become_code_is_not_run(script: str) -> None:
    with pytest.raises(NotUnderstood, match=r"line \d|script"):
        checked(script)


@pytest.mark.parametrize(
    "script",
    [
        'eval "$1"',
        'sqlite3 a.db "$1"',
        'f() { sh -c "$1"; }; f "$@"',
        'shift; perl -e "$1"',
        '"$1"',
        'set -- "$1"; . "$1"',
    ],
)
def test_a_numbered_param_is_followed_like_a_placeholder(script: str) -> None:
    with pytest.raises(NotUnderstood):
        checked(script, numbered=("1", "2"))


RUN = {
    'printf "%s" "a {{x}} b"': "a {} b",
    "printf '%s' {{x}}": "{}",
    'X="{{x}}"; printf "%s" "$X"': "{}",
    'X={{x}}\nY="<$X>"\nprintf "%s" "$Y"': "<{}>",
    'f() { local a="$1"; printf "%s" "$a"; }\nf "{{x}}"': "{}",
    'printf "%s" "$(printf "%s." "{{x}}")"': "{}.",
    'python3 -c "import sys; sys.stdout.write(sys.argv[1])" "{{x}}"': "{}",
    "python3 - {{x}} <<'EOF'\nimport sys\nsys.stdout.write(sys.argv[1])\nEOF\n": "{}",
    'if [ -n "{{x}}" ]; then printf "%s" "{{x}}"; else printf ""; fi': "{}",
    'case "{{x}}" in "") printf "" ;; *) printf "%s" "{{x}}" ;; esac': "{}",
    "# {{x}}\nprintf '%s' {{x}} # {{x}}": "{}",
    'X={{x}} bash -c \'printf "%s" "$X"\'': "{}",
    'sh -c \'printf "%s" "$1"\' _ {{x}}': "{}",
    "X={{x}} python3 -c 'import os, sys; sys.stdout.write(os.environ[\"X\"])'": "{}",
    'A=(one "{{x}}"); printf "%s" "${A[1]}"': "{}",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scripts")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@given(value=NAMES, script=st.sampled_from(list(RUN)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_arrives_as_it_is(place: Path, script: str, value: str) -> None:
    found = checked(script)
    variables = {f"V{index}": value for index in range(len(PLACEHOLDER.findall(script)))}
    if value.startswith("-") and found.whole:
        return  # refused before anything is run
    ran = subprocess.run(
        ["bash", "-c", found.text],
        env={"PATH": "/usr/bin:/bin", **variables},
        cwd=place,
        capture_output=True,
        check=False,
    )
    shown = RUN[script].replace("{}", value)
    if "$(" in script:
        shown = shown.rstrip("\n")
    assert ran.stdout.decode() == shown, ran.stderr
    assert list(place.iterdir()) == []


PIECES = st.sampled_from(
    [
        "echo", "{{x}}", '"{{x}}"', '"a{{x}}"', "'a'", "$A", '"$A"', "A=", "=", "|", "&&", ";", "\n", "(", ")",
        "$(", "`", "{", "}",
        "if", "then", "fi", "for", "in", "do", "done", "case", "esac", ";;", "<<EOF\n", "EOF\n", "<<<", ">",
        "<(", "$((", "))", "${A}", "${A[",
        "]}", "#", "\\", '"', "'", "[[", "]]", "bash", "-c", "python3", "eval", "xargs", "f()", "--", "-x", " ",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14))
@settings(max_examples=400, deadline=None)
def test_any_script_is_read_or_refused(pieces: list[str]) -> None:
    script = " ".join(pieces)
    try:
        found = checked(script)
    except NotUnderstood:
        return
    assert OPEN not in found.text
    assert "{{" not in found.text


def test_what_could_be_an_option_or_split_is_named() -> None:
    found: Any = checked(
        'cmd "{{a}}" --x={{b}} -- "{{c}}"; X="{{d}}"; cmd $X; cmd "p{{e}}"; echo {{f}}', numbers=(5,)
    )
    assert found.whole == {0, 3}
    assert found.split == {3}
    assert json.dumps(found.text).count("V") == 6


WORDS = st.sampled_from(
    [
        "{{x}}", '"{{x}}"', '"a {{x}} b"', "--o={{x}}", '"--o={{x}}"', "$A", '"$A"', '"${A:-{{x}}}"', "${A[0]}",
        "$1", '"$@"', "$(echo {{x}})", '"$(cat <<< "{{x}}")"', "`echo {{x}}`", "'lit'", "-c", "-e", "--", "a\\ b",
        "~", "*", "$((1 + 1))",
    ]
)  # fmt: skip
HEADS = st.sampled_from(
    [
        "echo", "printf '%s\\n'", "A=", "export A=", "local A=", "read A <<<", "set --", "bash",
        "bash -c 'echo $1' _", "sh -c", "env", "command", "exec", "xargs", "eval", "source", ".", "trap", "test",
        "[[ -n", "case x in", "f", "python3 -c 'import sys; print(sys.argv)'", "python3", "awk", "sed",
        "jq -n --arg a", "find . -name", "find . -exec", "tar cf /dev/null", "let", "declare -i A=", "printf -v",
        "unset", "alias q=", "nohup", "time",
    ]
)  # fmt: skip
JOINS = st.sampled_from(["; ", " | ", " && ", "\n", " || ", " > /dev/null; ", " | bash; ", " | xargs echo; "])
EVIL = (
    ".d/evil", "$(.d/evil)", "`.d/evil`", "; .d/evil;", '"; .d/evil; "', "'; .d/evil; '", "\n.d/evil\n",
    "-exec .d/evil ;", "a[$(.d/evil)]", "x=$(.d/evil)", "|.d/evil", "-c .d/evil", "{.d/evil,}",
    "--checkpoint-action=exec=.d/evil",
)  # fmt: skip


@st.composite
def scripts(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        line = " ".join([draw(HEADS), *draw(st.lists(WORDS, min_size=1, max_size=3))]).replace("= ", "=", 1)
        closed = {"[[": " ]]", "case": " in x) ;; esac"}.get(line.split(" ", 1)[0], "")
        lines.append(line + closed + draw(JOINS))
    return 'f() { echo "$1"; }\n' + "".join(lines).rstrip("; |&\n")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@given(script=scripts(), value=st.sampled_from(EVIL))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[*HealthCheck])
def test_no_value_is_ever_run_by_a_script_that_is_accepted(place: Path, script: str, value: str) -> None:
    try:
        found = checked(script)
    except NotUnderstood:
        return
    if found.split or (found.whole and value.startswith("-")):
        return  # such a value is refused before anything is run
    canary = place / "canary"
    evil = place / ".d" / "evil"  # where no pattern of the script itself finds it
    evil.parent.mkdir()
    evil.write_text(f"#!/bin/sh\necho ran > {canary}\n")
    evil.chmod(0o755)
    variables = {f"V{index}": value for index in range(len(PLACEHOLDER.findall(script)))}
    subprocess.run(
        ["bash", "-c", found.text], env={"PATH": "/usr/bin:/bin", **variables}, cwd=place, check=False, timeout=20,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    ran = canary.exists()
    canary.unlink(missing_ok=True)
    evil.unlink()
    evil.parent.rmdir()
    assert not ran, found.text
