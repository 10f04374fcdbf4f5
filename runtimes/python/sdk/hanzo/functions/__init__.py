"""The SDK of Hanzo functions: what a handler receives and what it may return.

``hanzo`` is a namespace package shared with other ``hanzo.*`` distributions, so there is no
``hanzo/__init__.py`` here.
"""

from .context import Context, Headers, NotServedError, TriggerInfo
from .logger import Logger
from .response import Response

__all__ = ["Context", "Headers", "Logger", "NotServedError", "Response", "TriggerInfo"]
