"""Stands between the runtime and a program: sets its limits, watches it with all that it starts, and ends them all.

Started as a file of its own. Standard input is a socket to the runtime, standard output and error are the
program's. The runtime sends one frame and gets two lines; when its end of the socket closes, also because the
runtime was killed, everything that the program started is ended.

    to the launcher    size, JSON {argv, env, cwd, input: size, limits}, the program's input
    from the launcher  {"pid"} or {"failed"}, then {"status", "reason"}: `processes`, `memory` or null

Processes whose parent has gone belong to the launcher (Linux): what leaves its group or session is found as well.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

if sys.platform != "linux":
    import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE = struct.Struct("!I")
SUBREAPER, DEATH_SIGNAL = 36, 1
LOOK = 0.03
"""Seconds between two looks at what there is."""
PAGE = os.sysconf("SC_PAGE_SIZE")
ENDING = 2.0
"""Seconds in which everything must be gone once it was killed."""


def main() -> None:
    channel = socket.socket(fileno=os.dup(0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1)
    order = json.loads(receive(channel, SIZE.unpack(receive(channel, SIZE.size))[0]))
    given = receive(channel, order["input"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    try:
        child = start(order, given)
    except OSError as error:
        say(channel, {"failed": error.strerror or "it cannot be started"})
        return
    let_go_of_output()
    say(channel, {"pid": child})
    status, reason = watch(channel, wake, child, order["limits"])
    end_everything(child)
    say(channel, {"status": status, "reason": reason})


def receive(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = channel.recv(min(size - len(data), 1 << 20))
        if not piece:
            os._exit(0)
        data += piece
    return bytes(data)


def say(channel: socket.socket, message: "dict[str, Any]") -> None:
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def start(order: "dict[str, Any]", given: bytes) -> int:
    """The program in a session of its own. Raises OSError when it cannot be started."""
    source = standard_input(given)
    told, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.close(source)
        said = os.read(told, 4096)
        os.close(told)
        if said:
            os.waitpid(child, 0)
            raise OSError(0, said.decode("utf-8", "replace"))
        return child
    try:
        become(order, source)
    except OSError as error:
        os.write(tell, (error.strerror or "it cannot be started").encode())
    except ValueError:
        os.write(tell, b"it cannot be started with these limits")
    os._exit(127)


def become(order: "dict[str, Any]", source: int) -> None:
    os.setsid()
    if sys.platform == "linux":  # also when the launcher itself is killed
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    os.dup2(source, 0)
    os.chdir(order["cwd"])
    limit(order["limits"])
    kept = order["limits"].get("channel")
    if kept is not None:
        os.set_inheritable(kept, True)
    os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606  what runs was approved


def limit(limits: "dict[str, Any]") -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file"], limits["file"]))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (limits["memory"], limits["memory"]))
        now = sum(1 for _ in own_processes())
        most = limits["processes"] + now
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def own_processes() -> "Any":
    """The threads of this user, which is what the kernel counts."""
    me = os.getuid()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if os.stat(f"/proc/{name}").st_uid == me:
                    yield from os.listdir(f"/proc/{name}/task")
            except OSError:
                continue


def standard_input(given: bytes) -> int:
    """A file without a name that holds the program's input, read from its beginning."""
    if sys.platform == "linux":
        file = os.memfd_create("agentos-input", 0)
    else:
        with tempfile.TemporaryFile() as opened:
            file = os.dup(opened.fileno())
    view = memoryview(given)
    while view:
        view = view[os.write(file, view) :]
    os.lseek(file, 0, os.SEEK_SET)
    return file


def let_go_of_output() -> None:
    """The program's output ends with the program, not with this process."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def watch(
    channel: socket.socket, wake: int, child: int, limits: "dict[str, Any]"
) -> "tuple[int | None, str | None]":
    """Until the program has ended, is over a limit, or nobody waits for it any more."""
    began = time.monotonic()
    while True:
        pause = LOOK if time.monotonic() - began < 1 else 3 * LOOK
        ready, _, _ = select.select([channel.fileno(), wake], [], [], pause)
        if channel.fileno() in ready:
            return None, None
        if wake in ready:
            os.read(wake, 4096)
        found, status = reap(child)
        reason = excess(limits)  # also at its end: what it left behind counts, however fast it was
        if found or reason:
            return status, reason


def reap(child: int) -> "tuple[bool, int | None]":
    """Collect what has ended; whether the program itself has, and how."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True, None
        if not ended:
            return False, None
        if ended == child:
            return True, os.waitstatus_to_exitcode(status)


def excess(limits: "dict[str, Any]") -> "str | None":
    """Which limit is passed by all that runs together."""
    if sys.platform != "linux":
        return None
    running = descendants()
    if len(running) > limits["processes"]:
        return "processes"
    return "memory" if sum(map(resident, running)) > limits["memory"] else None


def descendants() -> "list[int]":
    """Everything below this process."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] != b"Z":
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def end_everything(child: int) -> None:
    """Kill what is there until nothing is: first stopped, so that nothing new is started meanwhile."""
    until = time.monotonic() + ENDING
    while time.monotonic() < until:
        send(os.killpg, child, signal.SIGKILL)
        running = descendants() if sys.platform == "linux" else []
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in running:
                send(os.kill, pid, number)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def send(how: "Any", to: int, number: int) -> None:
    try:
        how(to, number)
    except OSError:
        return


if __name__ == "__main__":
    main()
