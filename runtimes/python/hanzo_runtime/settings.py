"""What the environment of the server says; see the contract, section 1."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass, field


@dataclass
class Identity:
    """Whose calls these are, and how many run at once."""

    org: str = ""
    function: str = ""
    revision: str = ""
    instance: str = ""
    concurrency: int = 10
    timeout_ms: int = 60_000


@dataclass
class Load:
    """One order to load user code."""

    identity: Identity
    source: str
    entry: str
    paths: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    tmp: str = ""
    # Where the platform's gateway is (``unix:/path`` or ``http://host:port``) and the token for it; empty without one.
    gateway: str = ""
    gateway_token: str = ""
    # A directory with one directory per model, or empty.
    models: str = ""


@dataclass
class Settings:
    socket: str
    host: str
    port: int | None
    control_token: str
    drain_ms: int
    max_body_bytes: int
    # None for a generic worker.
    load: Load | None


def _number(env: MutableMapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default


def take_settings(env: MutableMapping[str, str]) -> Settings:
    """Reads the settings and removes every HANZO_FN_* variable from the environment."""
    source = env.get("HANZO_FN_SOURCE", "")
    load = None
    if source:
        identity = Identity(
            org=env.get("HANZO_FN_ORG", ""),
            function=env.get("HANZO_FN_FUNCTION", ""),
            revision=env.get("HANZO_FN_REVISION", ""),
            instance=env.get("HANZO_FN_INSTANCE", ""),
            concurrency=max(1, _number(env, "HANZO_FN_CONCURRENCY", 10)),
            timeout_ms=max(1, _number(env, "HANZO_FN_TIMEOUT_MS", 60_000)),
        )
        paths = [path for path in env.get("HANZO_FN_PATHS", "").split(os.pathsep) if path]
        load = Load(
            identity,
            source,
            env.get("HANZO_FN_ENTRY", ""),
            paths,
            gateway=env.get("HANZO_FN_GATEWAY", ""),
            gateway_token=env.get("HANZO_FN_GATEWAY_TOKEN", ""),
            models=env.get("HANZO_FN_MODELS", ""),
        )
    port = env.get("PORT", "")
    settings = Settings(
        socket=env.get("HANZO_FN_SOCKET", ""),
        host=env.get("HANZO_FN_HOST", ""),
        port=int(port) if port.isascii() and port.isdigit() else None,
        control_token=env.get("HANZO_FN_CONTROL_TOKEN", ""),
        drain_ms=_number(env, "HANZO_FN_DRAIN_MS", 30_000),
        max_body_bytes=_number(env, "HANZO_FN_MAX_BODY_BYTES", 100 * 1024 * 1024),
        load=load,
    )
    for name in [name for name in env if name.startswith("HANZO_FN_")]:
        del env[name]
    return settings
