"""Graphs of packages/models against numpy.

``make FOLDER`` saves the models; ``compare FOLDER`` prints the largest differences as JSON, by what was compared.
"""

import json
import sys
from pathlib import Path

import formulas
import models
import numpy as np
import onnxruntime

PADDING = 3


def run(folder: Path, graph: str, **inputs):
    session = onnxruntime.InferenceSession(str(folder / graph), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def texts(folder: Path, ids):
    """The first output for ids with padding behind them."""
    padded = np.array([ids + [0] * PADDING], np.int64)
    mask = np.array([[1] * len(ids) + [0] * PADDING], np.int64)
    inputs = {"input_ids": padded, "attention_mask": mask}
    if folder.name == "bert":
        inputs["token_type_ids"] = np.zeros_like(padded)
    return run(folder, "model.onnx", **inputs)[0]


def largest(a, b):
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.abs(a - b).max())


def compare(root: Path):
    ids = [3, 7, 9, 1, 44]
    folder, weights = root / "bert", models.bert()
    found = {"bert": largest(texts(folder, ids)[: len(ids)], formulas.bert(weights, models.BERT, ids))}
    folder, weights = root / "distilbert", models.distilbert()
    found["distilbert"] = largest(
        texts(folder, ids), formulas.distilbert_classifier(weights, models.DISTILBERT, ids)
    )
    folder, weights = root / "whisper", models.whisper()
    noise = np.random.default_rng(1).normal(0, 0.05, 2 * formulas.RATE)
    audio = (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * formulas.RATE) / formulas.RATE) + noise).astype(np.float32)
    features = run(folder, "preprocessor.onnx", audio=audio)
    found["mel"] = largest(features[0], formulas.log_mel(audio, 80))
    heard = run(folder, "encoder_model.onnx", input_features=features)
    encoded = formulas.whisper_encoder(weights, models.WHISPER, features[0].astype(np.float64))
    found["encoder"] = largest(heard[0], encoded)
    logits = run(folder, "decoder_model.onnx", input_ids=np.array([ids]), encoder_hidden_states=heard)
    found["decoder"] = largest(logits[0], formulas.whisper_decoder(weights, models.WHISPER, encoded, ids))
    print(json.dumps(found))


def make(root: Path):
    models.save(root / "bert", models.BERT, models.bert())
    models.save(root / "distilbert", models.DISTILBERT, models.distilbert())
    models.save(root / "whisper", models.WHISPER, models.whisper())


{"make": make, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
