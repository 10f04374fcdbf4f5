"""What kind of callable a handler is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any


class Handler:
    """A user's handler. ``is_async`` says that it has to be called on an event loop, ``streams`` that it takes the body
    of the request as its second parameter. Raises TypeError for a callable with other parameters."""

    __slots__ = ("call", "is_async", "streams")

    def __init__(self, handler: Callable[..., Any]) -> None:
        target = handler
        while isinstance(target, partial):
            target = target.func
        if not inspect.isroutine(target):
            target = type(target).__call__
        self.is_async = inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target)
        takes = _parameters(handler)
        self.streams = takes == 2
        self.call: Callable[..., Any] = handler if takes else lambda _context: handler()


def _parameters(handler: Callable[..., Any]) -> int:
    """How many positional arguments the handler is called with: the context, or it and the body, or none."""
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return 1
    needed = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
    count = 2 if len(needed) == 2 else 1
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        try:
            signature.bind()
        except TypeError:
            raise TypeError(
                f"the entry must take the context, or the context and the body; it is {signature}: {error}"
            ) from None
        return 0
    return count
