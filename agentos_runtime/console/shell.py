"""What every address of the console answers to a browser: a page without data, whose script fetches the rest."""

from agentos_runtime.console.files import StaticFiles

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types console"
)
"""Content-Security-Policy of the shell and of what is put into it."""


def root_of(path: str) -> str:
    """The console's own address, relative to a path below it: a proxy that strips a prefix needs no setting."""
    return "../" * path.removeprefix("/console/").count("/") or "./"


def shell(path: str, files: StaticFiles) -> bytes:
    """The same for everybody and for every address, but for how deep it lies."""
    static = f"{root_of(path)}static/{files.version}"
    return _SHELL.format(static=static).encode()


_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>agentos</title>
<link rel="icon" href="{static}/icon.svg">
<link rel="stylesheet" href="{static}/console.css">
<script type="module" src="{static}/console.js"></script>
</head>
<body>
<noscript><main class="alone"><h1>The console needs JavaScript</h1>
<p>Without it, the same is told by the command line: <code>agentos list</code>, <code>agentos activity</code>,
<code>agentos usage</code>, <code>agentos keys list</code>, <code>agentos agents list</code>.</p></main></noscript>
</body>
</html>
"""
