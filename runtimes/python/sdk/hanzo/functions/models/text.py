"""Encoders and classifiers of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .loader import Model, ModelError, Prediction, _library

if TYPE_CHECKING:
    import numpy

_FALLBACK_LENGTH = 512


class TextModel:
    """A graph from token ids to hidden states or to logits."""

    def __init__(self, model: Model) -> None:
        self._np = _library("numpy")
        self._model = model
        self._session = model._session("model.onnx")
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._outputs = [item.name for item in self._session.get_outputs()]
        self._tokenizer = model._tokenizer()
        limit = _max_length(model)
        if limit:
            self._tokenizer.enable_truncation(max_length=limit)
        self._pad = model.config.get("pad_token_id") or 0
        self._first_only = bool(model._json("1_Pooling", "config.json").get("pooling_mode_cls_token"))
        modules = model._json("modules.json")
        self._normalises = any(str(module.get("type", "")).endswith("Normalize") for module in modules or [])

    def encode(self, texts: list[str], batch_size: int) -> numpy.ndarray:
        np = self._np
        self._needs("last_hidden_state", "encode")
        vectors = [self._pooled(*self._run("last_hidden_state", batch)) for batch in _batches(texts, batch_size)]
        return np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32)

    def predict(self, texts: list[str], batch_size: int) -> list[Prediction]:
        self._needs("logits", "predict")
        found: list[Prediction] = []
        for batch in _batches(texts, batch_size):
            logits, _ = self._run("logits", batch)
            found.extend(self._prediction(row) for row in self._probabilities(logits))
        return found

    def _needs(self, output: str, method: str) -> None:
        if output not in self._outputs:
            kind = self._model.config.get("model_type", "unknown")
            raise ModelError(
                "unsupported_model",
                f"the model {self._model.name} ({kind}) cannot {method}: its graph has no output {output}",
            )

    def _run(self, output: str, texts: list[str]) -> tuple[Any, Any]:
        """The output and the attention mask, [batch, longest, ...] and [batch, longest]."""
        np = self._np
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        shape = (len(rows), max(map(len, rows)))
        ids = np.full(shape, self._pad, np.int64)
        mask = np.zeros(shape, np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {name: value for name, value in feed.items() if name in self._inputs}
        return self._session.run([output], feed)[0], mask

    def _pooled(self, hidden: Any, mask: Any) -> Any:
        np = self._np
        if self._first_only:
            vectors = hidden[:, 0]
        else:
            weights = mask[:, :, None].astype(np.float32)
            vectors = (hidden * weights).sum(1) / np.maximum(weights.sum(1), 1e-9)
        if self._normalises:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors.astype(np.float32)

    def _probabilities(self, logits: Any) -> Any:
        np = self._np
        if self._model.config.get("problem_type") == "multi_label_classification":
            return 1 / (1 + np.exp(-logits))
        raised = np.exp(logits - logits.max(-1, keepdims=True))
        return raised / raised.sum(-1, keepdims=True)

    def _prediction(self, row: Any) -> Prediction:
        labels = self._model.config.get("id2label") or {}
        scores = {str(labels.get(str(index), f"LABEL_{index}")): float(score) for index, score in enumerate(row)}
        best = int(row.argmax())
        return Prediction(str(labels.get(str(best), f"LABEL_{best}")), float(row[best]), scores)


def _max_length(model: Model) -> int:
    stated = model._json("sentence_bert_config.json").get("max_seq_length")
    return int(stated or model.config.get("max_position_embeddings") or _FALLBACK_LENGTH)


def _batches(texts: list[str], size: int) -> list[list[str]]:
    if size < 1:
        raise ValueError(f"batch_size is at least 1, not {size}")
    return [texts[start : start + size] for start in range(0, len(texts), size)]
