"""From a model directory to something that encodes, predicts or transcribes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union, overload

if TYPE_CHECKING:
    import numpy

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5")
_LIBRARIES = "onnxruntime, numpy and tokenizers"
_MAX_THREADS = 4


class ModelError(Exception):
    """A model cannot do what it was asked for.

    ``code`` is ``unsupported_model``, ``unsafe_model``, ``unsupported_audio`` or ``missing_library``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Prediction(NamedTuple):
    """The likeliest label of a text, its probability, and those of all labels."""

    label: str
    score: float
    scores: dict[str, float]


class Model:
    """One model directory. Its weights are read at the first use."""

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        """The directory."""
        self.name = name
        self.config = _read_json(os.path.join(path, "config.json"))
        """What config.json says; empty where there is none."""
        self._lock = threading.Lock()
        self._text_model: Any = None
        self._speech_model: Any = None

    def __repr__(self) -> str:
        return f"Model(name={self.name!r}, path={self.path!r})"

    def encode(self, text: Union[str, Sequence[str]], batch_size: int = 32) -> numpy.ndarray:
        """One vector per text: a float32 array of shape (texts, dimensions), also for a single text."""
        texts = [text] if isinstance(text, str) else list(text)
        return self._texts.encode(texts, batch_size)

    @overload
    def predict(self, text: str, batch_size: int = 32) -> Prediction: ...
    @overload
    def predict(self, text: Sequence[str], batch_size: int = 32) -> list[Prediction]: ...
    def predict(
        self, text: Union[str, Sequence[str]], batch_size: int = 32
    ) -> Union[Prediction, list[Prediction]]:
        """The likeliest label; a list of texts gives a list."""
        if isinstance(text, str):
            return self._texts.predict([text], batch_size)[0]
        return self._texts.predict(list(text), batch_size)

    def transcribe(self, audio: Union[bytes, numpy.ndarray], language: str | None = None) -> str:
        """What is said in a WAV file, or in float samples at 16 kHz. ``language`` is a code such as ``en``."""
        return self._speech.transcribe(audio, language)

    @property
    def _texts(self) -> Any:
        # One session, also where two threads ask first; loading twice would hold the weights twice.
        with self._lock:
            if self._text_model is None:
                from .text import TextModel

                self._text_model = TextModel(self)
            return self._text_model

    @property
    def _speech(self) -> Any:
        with self._lock:
            if self._speech_model is None:
                from .whisper import Whisper

                self._speech_model = Whisper(self)
            return self._speech_model

    def _json(self, *parts: str) -> Any:
        return _read_json(os.path.join(self.path, *parts))

    def _find(self, name: str) -> str | None:
        """A graph in the directory or in ``onnx/`` below it."""
        for folder in (self.path, os.path.join(self.path, "onnx")):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return path
        return None

    def _session(self, name: str) -> Any:
        path = self._find(name)
        if path is None:
            kind = self.config.get("model_type", "of unknown architecture")
            raise ModelError(
                "unsupported_model",
                f"the model {self.name} ({kind}) has no graph: neither {name} nor onnx/{name} is in {self.path}",
            )
        onnxruntime = _library("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(_cpus(), _MAX_THREADS)
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def _tokenizer(self) -> Any:
        path = os.path.join(self.path, "tokenizer.json")
        if not os.path.isfile(path):
            raise ModelError("unsupported_model", f"the model {self.name} has no tokenizer.json in {self.path}")
        tokenizer = _library("tokenizers").Tokenizer.from_file(path)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer


def load(path: str, name: str) -> Model:
    """The model in a directory. Raises ``ModelError`` (``unsafe_model``) where its only weights are pickled."""
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    pickled = [name for name in names if name.endswith(_PICKLED)]
    safe = any(name.endswith((".safetensors", ".onnx")) for name in names)
    if pickled and not safe and not os.path.isdir(os.path.join(path, "onnx")):
        raise ModelError(
            "unsafe_model",
            f"the weights of {name} are pickled ({pickled[0]}), and reading them would run whatever code is in"
            " there: convert them to safetensors or ONNX",
        )
    return Model(path, name)


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(
            "missing_library",
            f"ctx.model needs {_LIBRARIES}, and {name} is not there: put it into requirements.txt",
        ) from error


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ModelError("unsupported_model", f"{path} does not parse: {error}") from error
