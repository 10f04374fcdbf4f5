"""Small models with random weights, saved as transformers saves them."""

import json
import struct
from pathlib import Path

import numpy as np

WIDTH, WIDE, WORDS, POSITIONS = 16, 32, 50, 24
BERT = {
    "model_type": "bert", "hidden_size": WIDTH, "num_attention_heads": 4, "num_hidden_layers": 2,
    "intermediate_size": WIDE, "vocab_size": WORDS, "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
}  # fmt: skip
DISTILBERT = {
    "model_type": "distilbert", "dim": WIDTH, "hidden_dim": WIDE, "n_heads": 4, "n_layers": 2,
    "vocab_size": WORDS, "max_position_embeddings": POSITIONS, "activation": "gelu",
}  # fmt: skip
WHISPER = {
    "model_type": "whisper", "num_mel_bins": 80, "max_source_positions": 1500, "d_model": WIDTH,
    "encoder_attention_heads": 4, "encoder_layers": 2, "decoder_attention_heads": 4, "decoder_layers": 2,
    "vocab_size": WORDS, "activation_function": "gelu",
}  # fmt: skip


class Random:
    """Weights by name, always the same ones."""

    def __init__(self):
        self.weights = {}
        self._random = np.random.default_rng(0)

    def tensor(self, name, *shape, around=0.0):
        self.weights[name] = (around + self._random.normal(0, 0.3, shape)).astype(np.float32)

    def linear(self, name, outputs, inputs, bias=True):
        self.tensor(f"{name}.weight", outputs, inputs)
        if bias:
            self.tensor(f"{name}.bias", outputs)

    def norm(self, name):
        self.tensor(f"{name}.weight", WIDTH, around=1.0)
        self.tensor(f"{name}.bias", WIDTH)

    def block(self, squares, wide, narrow, norms):
        for name in squares:
            self.linear(name, WIDTH, WIDTH, bias=not name.endswith("k_proj"))
        self.linear(wide, WIDE, WIDTH)
        self.linear(narrow, WIDTH, WIDE)
        for name in norms:
            self.norm(name)


def bert():
    random = Random()
    for name, rows in (("word", WORDS), ("position", POSITIONS), ("token_type", 2)):
        random.tensor(f"embeddings.{name}_embeddings.weight", rows, WIDTH)
    random.norm("embeddings.LayerNorm")
    for index in range(2):
        at = f"encoder.layer.{index}"
        squares = [f"{at}.attention.self.{name}" for name in ("query", "key", "value")]
        squares.append(f"{at}.attention.output.dense")
        norms = (f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm")
        random.block(squares, f"{at}.intermediate.dense", f"{at}.output.dense", norms)
    return random.weights


def distilbert():
    random = Random()
    for name, rows in (("word", WORDS), ("position", POSITIONS)):
        random.tensor(f"distilbert.embeddings.{name}_embeddings.weight", rows, WIDTH)
    random.norm("distilbert.embeddings.LayerNorm")
    for index in range(2):
        at = f"distilbert.transformer.layer.{index}"
        squares = [f"{at}.attention.{name}_lin" for name in ("q", "k", "v", "out")]
        norms = (f"{at}.sa_layer_norm", f"{at}.output_layer_norm")
        random.block(squares, f"{at}.ffn.lin1", f"{at}.ffn.lin2", norms)
    random.linear("pre_classifier", WIDTH, WIDTH)
    random.linear("classifier", 3, WIDTH)
    return random.weights


def whisper():
    random = Random()
    random.tensor("model.encoder.conv1.weight", WIDTH, 80, 3)
    random.tensor("model.encoder.conv2.weight", WIDTH, WIDTH, 3)
    for name in ("model.encoder.conv1.bias", "model.encoder.conv2.bias"):
        random.tensor(name, WIDTH)
    random.tensor("model.encoder.embed_positions.weight", 1500, WIDTH)
    random.tensor("model.decoder.embed_positions.weight", POSITIONS, WIDTH)
    random.tensor("model.decoder.embed_tokens.weight", WORDS, WIDTH)
    for side in ("encoder", "decoder"):
        random.norm(f"model.{side}.layer_norm")
        kinds = ("self_attn",) if side == "encoder" else ("self_attn", "encoder_attn")
        for index in range(2):
            at = f"model.{side}.layers.{index}"
            squares = [f"{at}.{kind}.{name}_proj" for kind in kinds for name in ("q", "k", "v", "out")]
            norms = [f"{at}.{kind}_layer_norm" for kind in kinds] + [f"{at}.final_layer_norm"]
            random.block(squares, f"{at}.fc1", f"{at}.fc2", norms)
    return random.weights


def save(folder: Path, config, weights):
    folder.mkdir(parents=True)
    header, offset = {}, 0
    for name, value in weights.items():
        place = [offset, offset + value.nbytes]
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": place}
        offset = place[1]
    text = json.dumps(header).encode()
    data = b"".join(value.tobytes() for value in weights.values())
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps(config))
