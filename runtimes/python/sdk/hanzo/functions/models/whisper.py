"""Speech to text with Whisper's graphs."""

from __future__ import annotations

from typing import Any

from .audio import RATE, samples_of
from .loader import Model, ModelError, _library

_PIECE = 30 * RATE
_MAX_TOKENS = 448


class Whisper:
    """Encoder and decoder of one model, decoded greedily."""

    def __init__(self, model: Model) -> None:
        if model.config.get("model_type") != "whisper":
            kind = model.config.get("model_type", "unknown")
            raise ModelError("unsupported_model", f"the model {model.name} ({kind}) cannot transcribe")
        self._np = _library("numpy")
        self._features = model._session("preprocessor.onnx")
        self._encoder = model._session("encoder_model.onnx")
        self._decoder = model._session("decoder_model.onnx")
        self._tokenizer = model._tokenizer()
        self._settings = {**model.config, **model._json("generation_config.json")}

    def transcribe(self, audio: Any, language: str | None) -> str:
        samples = samples_of(audio)
        pieces = [samples[at : at + _PIECE] for at in range(0, len(samples), _PIECE)]
        texts = [self._piece(piece, language) for piece in pieces]
        return " ".join(text for text in texts if text)

    def _piece(self, samples: Any, language: str | None) -> str:
        features = self._features.run(None, {"audio": samples})[0]
        heard = self._encoder.run(["last_hidden_state"], {"input_features": features})[0]
        prefix = self._prefix(heard, language)
        tokens = self._decode(heard, prefix)
        return self._tokenizer.decode(tokens, skip_special_tokens=True).strip()

    def _next(self, heard: Any, ids: list[int]) -> Any:
        """The logits after the last of the ids."""
        feed = {"input_ids": self._np.array([ids], self._np.int64), "encoder_hidden_states": heard}
        return self._decoder.run(["logits"], feed)[0][0, -1]

    def _prefix(self, heard: Any, language: str | None) -> list[int]:
        settings = self._settings
        start = [int(settings["decoder_start_token_id"])]
        languages = settings.get("lang_to_id")
        if not languages:
            return start + [token for _, token in settings.get("forced_decoder_ids") or [] if token is not None]
        if language is None:
            logits = self._next(heard, start)
            spoken = max(languages.values(), key=lambda token: logits[token])
        else:
            spoken = languages.get(f"<|{language}|>")
            if spoken is None:
                raise ValueError(f"the model knows no language {language!r}")
        rest = [settings.get("task_to_id", {}).get("transcribe"), settings.get("no_timestamps_token_id")]
        return start + [spoken] + [token for token in rest if token is not None]

    def _decode(self, heard: Any, prefix: list[int]) -> list[int]:
        settings = self._settings
        never = [token for token in settings.get("suppress_tokens") or [] if token >= 0]
        not_first = list(settings.get("begin_suppress_tokens") or [])
        limit = int(settings.get("max_length") or _MAX_TOKENS)
        ids = list(prefix)
        while len(ids) < limit:
            logits = self._next(heard, ids)
            logits[never] = -self._np.inf
            if len(ids) == len(prefix):
                logits[not_first] = -self._np.inf
            token = int(logits.argmax())
            if token == settings.get("eos_token_id"):
                break
            ids.append(token)
        return ids[len(prefix) :]
