"""``hanzo-fn-agent``, what a Python image starts: the server itself, or a developer's loop around it.

``hanzo-fn-agent`` serves the function that the environment names (runtimes/contract.md, section 1).
``hanzo-fn-agent --mode=dev --source=DIR`` serves the function in DIR and starts anew whenever a file there changes.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
from typing import NoReturn

_USAGE = 64
_POLL_SECONDS = 0.2
_STOP_SECONDS = 5.0
_IGNORED = {"__pycache__", ".git", ".venv", "node_modules"}
_ENTRY = re.compile(r"""^entry:\s*["']?([^"'#\s]+)""", re.MULTILINE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _say(message)
        sys.exit(_USAGE)


def main() -> None:
    """Runs until the container ends; exits with 64 where the command line or the source is not usable."""
    parser = _Parser(prog="hanzo-fn-agent")
    parser.add_argument("--mode", choices=["serve", "dev"], default="serve")
    parser.add_argument("--source", default=os.environ.get("HANZO_FN_SOURCE", "/app"))
    options = parser.parse_args()
    if options.mode == "dev":
        sys.exit(_develop(options.source))
    # Without a control token nobody could specialise it: a container is specialised from the start.
    if "HANZO_FN_CONTROL_TOKEN" not in os.environ:
        os.environ.setdefault("HANZO_FN_SOURCE", options.source)
    from .app import main as serve

    serve()


def _develop(source: str) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    state = _state(source)
    child = _start(source)
    while not stop.wait(_POLL_SECONDS):
        now = _state(source)
        if now != state:
            # Only what is still there after the last save counts.
            state = now
            _say(f"reloading {source}")
            _end(child)
            child = _start(source)
    return _end(child)


def _start(source: str) -> subprocess.Popen[bytes] | None:
    entry = os.environ.get("HANZO_FN_ENTRY") or _entry(source)
    if entry is None:
        _say(f"no entry: {source}/function.yaml has no line 'entry: ...', and HANZO_FN_ENTRY is not set")
        return None
    environment = {**os.environ, "HANZO_FN_SOURCE": source, "HANZO_FN_ENTRY": entry}
    server = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server_main.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", server], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _end(child: subprocess.Popen[bytes] | None) -> int:
    if child is None:
        return 0
    child.terminate()
    try:
        return child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _entry(source: str) -> str | None:
    try:
        with open(os.path.join(source, "function.yaml"), encoding="utf-8") as file:
            found = _ENTRY.search(file.read())
    except OSError:
        return None
    return found.group(1) if found else None


def _state(source: str) -> dict[str, tuple[int, int]]:
    """Size and time of every file below the source."""
    state = {}
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in _IGNORED]
        for name in files:
            path = os.path.join(folder, name)
            try:
                info = os.stat(path)
            except OSError:
                continue
            state[path] = (info.st_mtime_ns, info.st_size)
    return state


def _say(text: str) -> None:
    print(f"hanzo-fn-agent: {text}", file=sys.stderr, flush=True)
