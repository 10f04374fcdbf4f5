"""The architectures that packages/models writes as graphs, once more: in numpy, from the papers' formulas."""

from math import erf

import numpy as np

_erf = np.vectorize(erf)


def gelu(x):
    return x * 0.5 * (1 + _erf(x / 2**0.5))


def softmax(x):
    raised = np.exp(x - x.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


class Layers:
    """Layers by the names of their weights."""

    def __init__(self, weights, heads, epsilon):
        self.weights, self.heads, self.epsilon = weights, heads, epsilon

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0)

    def norm(self, x, name):
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        scaled = (x - mean) / np.sqrt(variance + self.epsilon)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attention(self, x, other, names, mask=0.0):
        """``names``: query, key, value and output. ``other`` is attended to."""
        query, key, value, out = names
        split = lambda y, name: self.linear(y, name).reshape(len(y), self.heads, -1).transpose(1, 0, 2)  # noqa: E731
        q, k, v = split(x, query), split(other, key), split(other, value)
        mixed = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]) + mask) @ v
        return self.linear(mixed.transpose(1, 0, 2).reshape(len(x), -1), out)

    def convolution(self, x, name, stride):
        """Kernel 3, padding 1: [channels, steps]."""
        kernel, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        padded = np.pad(x, ((0, 0), (1, 1)))
        steps = range(0, padded.shape[1] - 2, stride)
        return np.stack([np.tensordot(kernel, padded[:, at : at + 3], 2) for at in steps], 1) + bias[:, None]


def bert(weights, config, ids):
    layers = Layers(weights, config["num_attention_heads"], config["layer_norm_eps"])
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = layers.norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for index in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{index}"
        names = [f"{at}.attention.self.{name}" for name in ("query", "key", "value")]
        heard = layers.attention(x, x, [*names, f"{at}.attention.output.dense"])
        x = layers.norm(x + heard, f"{at}.attention.output.LayerNorm")
        wide = gelu(layers.linear(x, f"{at}.intermediate.dense"))
        x = layers.norm(x + layers.linear(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return x


def distilbert_classifier(weights, config, ids):
    layers = Layers(weights, config["n_heads"], 1e-12)
    x = weights["distilbert.embeddings.word_embeddings.weight"][ids]
    x = x + weights["distilbert.embeddings.position_embeddings.weight"][: len(ids)]
    x = layers.norm(x, "distilbert.embeddings.LayerNorm")
    for index in range(config["n_layers"]):
        at = f"distilbert.transformer.layer.{index}"
        heard = layers.attention(x, x, [f"{at}.attention.{name}_lin" for name in "qkv"] + [f"{at}.attention.out_lin"])
        x = layers.norm(x + heard, f"{at}.sa_layer_norm")
        wide = gelu(layers.linear(x, f"{at}.ffn.lin1"))
        x = layers.norm(x + layers.linear(wide, f"{at}.ffn.lin2"), f"{at}.output_layer_norm")
    return layers.linear(np.maximum(layers.linear(x[0], "pre_classifier"), 0), "classifier")


RATE, WINDOW, HOP, SECONDS = 16_000, 400, 160, 30


def mel_filters(bands):
    """Slaney's scale: linear up to 1 kHz, logarithmic above; each triangle has the area of its width."""
    step, knee, growth = 200 / 3, 1000 / (200 / 3), np.log(6.4) / 27
    top = knee + np.log(RATE / 2 / 1000) / growth
    mels = np.linspace(0, top, bands + 2)
    edges = np.where(mels < knee, mels * step, 1000 * np.exp((mels - knee) * growth))
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def log_mel(audio, bands):
    samples = np.concatenate([audio, np.zeros(RATE * SECONDS)])[: RATE * SECONDS]
    samples = np.pad(samples, WINDOW // 2, mode="reflect")
    window = np.hanning(WINDOW + 1)[:-1]
    starts = range(0, RATE * SECONDS, HOP)
    power = np.abs(np.fft.rfft(np.stack([samples[at : at + WINDOW] * window for at in starts]), axis=1)) ** 2
    mel = np.log10(np.maximum(mel_filters(bands) @ power.T, 1e-10))
    return (np.maximum(mel, mel.max() - 8) + 4) / 4


def _names(at):
    return [f"{at}.{name}" for name in ("q_proj", "k_proj", "v_proj", "out_proj")]


def _forward(layers, x, at):
    wide = gelu(layers.linear(layers.norm(x, f"{at}.final_layer_norm"), f"{at}.fc1"))
    return x + layers.linear(wide, f"{at}.fc2")


def whisper_encoder(weights, config, features):
    layers = Layers(weights, config["encoder_attention_heads"], 1e-5)
    x = gelu(layers.convolution(features, "model.encoder.conv1", 1))
    x = gelu(layers.convolution(x, "model.encoder.conv2", 2)).T
    x = x + weights["model.encoder.embed_positions.weight"]
    for index in range(config["encoder_layers"]):
        at = f"model.encoder.layers.{index}"
        normed = layers.norm(x, f"{at}.self_attn_layer_norm")
        x = _forward(layers, x + layers.attention(normed, normed, _names(f"{at}.self_attn")), at)
    return layers.norm(x, "model.encoder.layer_norm")


def whisper_decoder(weights, config, heard, ids):
    layers = Layers(weights, config["decoder_attention_heads"], 1e-5)
    words = weights["model.decoder.embed_tokens.weight"]
    x = words[ids] + weights["model.decoder.embed_positions.weight"][: len(ids)]
    later = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
    for index in range(config["decoder_layers"]):
        at = f"model.decoder.layers.{index}"
        normed = layers.norm(x, f"{at}.self_attn_layer_norm")
        x = x + layers.attention(normed, normed, _names(f"{at}.self_attn"), later)
        normed = layers.norm(x, f"{at}.encoder_attn_layer_norm")
        x = _forward(layers, x + layers.attention(normed, heard, _names(f"{at}.encoder_attn")), at)
    return layers.norm(x, "model.decoder.layer_norm") @ words.T
