"""`agentos use --dry-run`: whose address it is, which key goes along, and the request without it."""

from agentos_runtime.cli.calls.backend import CallFailed
from agentos_runtime.cli.calls.dry_run import curl_command, print_request
from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.identity import name_here
from agentos_runtime.cli.terminal.output import dim, harmless, plain, say, style
from agentos_runtime.cli.terminal.shell import Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError
from agentos_runtime.proxy.service import Asked, Proxy, renamed


async def dry_run(shell: Shell, settings: Settings, named: str | None, asked: Asked) -> None:
    """Print what would be sent. Raises CallFailed, Failed."""
    async with opened(shell, settings) as runtime:
        try:
            found = await Proxy.of(runtime).preview(renamed(asked, name_here(settings, named)))
        except AgentOSError as error:
            raise CallFailed({**error.as_json(), "request_id": asked.request_id}) from None
    key = f"{found.credential} in {', '.join(found.places)}" if found.credential else "none"
    say(f"{dim('skill:')} {plain(found.skill)}")
    say(f"{dim('credential:')} {plain(key)}")
    say()
    print_request(found.preview.masked())
    say()
    say(dim("As curl, with the key in a variable:" if found.preview.stand_ins else "As curl:"))
    say(harmless(curl_command(found.preview, found.skill, found.credential)))
    if found.preview.refusal is not None:
        say(f"{style('note:', bold=True)} it would not be sent now. {found.preview.refusal}", err=True)
