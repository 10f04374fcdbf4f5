"""Loads the user's code and finds its entry."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from hanzo.functions._handler import Handler

from .settings import Load
from .streams import trace_of


class LoadFailed(Exception):
    """``kind`` is one of the contract's: file_missing, syntax_error, import_error, entry_missing, entry_invalid."""

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace


def prepare(load: Load) -> None:
    """Environment, working directory and module search path."""
    os.environ.update(load.environment)
    identity = load.identity
    os.environ.update(
        HANZO_FUNCTION=identity.function,
        HANZO_REVISION=identity.revision,
        HANZO_ORG=identity.org,
        K_SERVICE=identity.function,
        K_REVISION=identity.revision,
        K_CONFIGURATION=identity.function,
    )
    if load.tmp:
        os.environ["TMPDIR"] = load.tmp
        tempfile = sys.modules.get("tempfile")
        if tempfile is not None:
            tempfile.tempdir = None
    try:
        os.chdir(load.source)
    except OSError as error:
        raise LoadFailed("file_missing", f"the source directory cannot be entered: {error.strerror}") from None
    # Working directory first, as for a script; the directories of the server are last already.
    sys.path[:0] = [load.source, *load.paths]
    importlib.invalidate_caches()
    _share_namespace()


def _share_namespace() -> None:
    """
    ``hanzo`` is a namespace package that other distributions share. One that owns it, with an ``__init__.py``,
    would hide ``hanzo.functions``: then it gets its module, and this server's ``functions`` inside.
    """
    spec = PathFinder.find_spec("hanzo")
    if spec is None or spec.origin is None or spec.loader is None:
        return
    functions = sys.modules["hanzo.functions"]
    del sys.modules["hanzo"]
    sys.meta_path.insert(0, _OwnedNamespace(functions))


class _OwnedNamespace:
    """Binds ``functions`` in a regular package ``hanzo`` as it is loaded."""

    def __init__(self, functions: ModuleType) -> None:
        self._functions = functions

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "hanzo":
            return None
        spec = PathFinder.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            module.functions = self._functions  # type: ignore[attr-defined]
            execute(module)
            module.functions = self._functions  # type: ignore[attr-defined]

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def load_entry(source: str, entry: str) -> Handler:
    """Imports the module of the entry and looks the handler up. SystemExit passes through."""
    parts = entry.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise LoadFailed("entry_invalid", f"the entry {entry!r} is not of the form module.function")
    module_name, names = _split_entry(source, parts)
    module = _import(source, module_name)
    value: Any = module
    holder: Any = None
    for at, name in enumerate(names):
        if inspect.isclass(value) and at > 0:
            value = _instance(value, module_name)
        holder = value
        try:
            value = getattr(value, name)
        except AttributeError:
            raise _missing(module, module_name, holder, name) from None
    if inspect.isclass(value):
        if "__call__" not in dir(value) or value.__call__ is type.__call__:
            raise LoadFailed("entry_invalid", f"the entry {entry} is a class without a method __call__")
        value = _instance(value, module_name)
    if not callable(value):
        raise LoadFailed("entry_invalid", f"the entry {entry} is not callable: it is of type {type(value).__name__}")
    try:
        return Handler(value)
    except TypeError as error:
        raise LoadFailed("entry_invalid", str(error)) from None


def _split_entry(source: str, parts: list[str]) -> tuple[str, list[str]]:
    """The longest leading part that is a module, and the names after it."""
    for count in range(len(parts) - 1, 0, -1):
        path = os.path.join(source, *parts[:count])
        if os.path.isfile(path + ".py") or os.path.isfile(os.path.join(path, "__init__.py")):
            return ".".join(parts[:count]), parts[count:]
    name = ".".join(parts[:-1])
    # Not a file of the source: a module of a dependency may still hold the handler.
    try:
        if parts[0] not in sys.builtin_module_names and importlib.util.find_spec(name) is not None:
            return name, parts[-1:]
    except (ImportError, ValueError, AttributeError):
        pass
    wanted = "/".join(parts[:-1])
    message = f"the entry {'.'.join(parts)} needs {wanted}.py, which is not in the source"
    present = sorted(name for name in os.listdir(source) if name.endswith(".py"))
    if present:
        message += f"; it has {', '.join(present[:10])}"
    raise LoadFailed("file_missing", message)


def _import(source: str, name: str) -> ModuleType:
    top = name.partition(".")[0]
    before = sys.modules.get(top)
    if before is not None and os.path.exists(os.path.join(source, top + ".py")):
        raise LoadFailed(
            "import_error",
            f"the module name {top} is taken by Python itself; rename {top}.py and the entry in function.yaml",
        )
    try:
        return importlib.import_module(name)
    except SyntaxError as error:
        where = f"{_relative(source, error.filename)}:{error.lineno}" if error.filename else name
        raise LoadFailed("syntax_error", f"{where}: {error.msg}", trace_of(error)) from None
    except SystemExit:
        raise
    except BaseException as error:
        raise LoadFailed("import_error", _first_line(error), trace_of(error)) from None


def _instance(cls: type, module_name: str) -> Any:
    try:
        return cls()
    except SystemExit:
        raise
    except BaseException as error:
        message = f"{module_name}.{cls.__name__}() failed: {_first_line(error)}"
        raise LoadFailed("import_error", message, trace_of(error)) from None


def _first_line(error: BaseException) -> str:
    text = str(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _relative(source: str, path: str) -> str:
    return os.path.relpath(path, source) if path.startswith(source + os.sep) else path


def _missing(module: ModuleType, module_name: str, holder: Any, name: str) -> LoadFailed:
    where = module_name if holder is module else f"{module_name}.{getattr(holder, '__name__', type(holder).__name__)}"
    has = sorted(
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__
    )
    listed = f"it has {', '.join(has[:20])}" if has else "it has no functions"
    return LoadFailed("entry_missing", f"{where} has no {name}; {listed}")
