"""WAV files to samples at 16 kHz."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from .loader import ModelError, _library

if TYPE_CHECKING:
    import numpy

RATE = 16_000
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


def samples_of(audio: Any) -> numpy.ndarray:
    """Mono float32 samples at 16 kHz from a WAV file's bytes, or from samples that are that already."""
    np = _library("numpy")
    if isinstance(audio, (bytes, bytearray, memoryview)):
        samples, rate = _read_wav(np, bytes(audio))
        return _resampled(np, samples, rate)
    return np.asarray(audio, dtype=np.float32).reshape(-1)


def _read_wav(np: Any, data: bytes) -> tuple[Any, int]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _unsupported("it is no WAV file")
    layout, body, at = None, None, 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        chunk = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(chunk) >= 16:
            layout = struct.unpack_from("<HHIIHH", chunk)
            if layout[0] == _EXTENSIBLE and len(chunk) >= 26:
                layout = (struct.unpack_from("<H", chunk, 24)[0], *layout[1:])
        elif name == b"data":
            body = chunk
        at += 8 + size + size % 2
    if layout is None or body is None:
        raise _unsupported("it has no format or no sound")
    kind, channels, rate, _, _, bits = layout
    if channels < 1 or rate < 1:
        raise _unsupported("it has no channels or no rate")
    samples = _decoded(np, body, kind, bits)
    whole = len(samples) // channels * channels
    return samples[:whole].reshape(-1, channels).mean(1, dtype=np.float64), rate


def _decoded(np: Any, body: bytes, kind: int, bits: int) -> Any:
    width = max(1, bits // 8)
    body = body[: len(body) // width * width]
    if kind == _FLOAT and bits == 32:
        return np.frombuffer(body, "<f4").astype(np.float64)
    if kind == _PCM and bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float64) - 128) / 128
    if kind == _PCM and bits == 16:
        return np.frombuffer(body, "<i2") / 32768
    if kind == _PCM and bits == 24:
        parts = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
        whole = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
        return (whole - ((whole & 0x800000) << 1)) / 8388608
    if kind == _PCM and bits == 32:
        return np.frombuffer(body, "<i4") / 2147483648
    raise _unsupported(f"its samples (format {kind}, {bits} bits) are not served")


def _resampled(np: Any, samples: Any, rate: int) -> Any:
    """By a windowed sinc; the formula is in runtimes/models.md."""
    if rate == RATE or len(samples) == 0:
        return samples.astype(np.float32)
    ratio = rate / RATE
    cut = min(1.0, 1 / ratio)
    reach = 16 / cut
    taps = np.arange(-int(np.ceil(reach)), int(np.ceil(reach)) + 1)
    out = np.empty(int(len(samples) / ratio), np.float64)
    for start in range(0, len(out), 1 << 16):
        centres = np.arange(start, min(start + (1 << 16), len(out))) * ratio
        near = np.floor(centres).astype(np.int64)
        index = near[:, None] + taps
        distance = centres[:, None] - index
        window = np.where(np.abs(distance) < reach, 0.5 + 0.5 * np.cos(np.pi * distance / reach), 0)
        kernel = cut * np.sinc(cut * distance) * window
        inside = (index >= 0) & (index < len(samples))
        values = samples[np.clip(index, 0, len(samples) - 1)] * inside
        out[start : start + len(centres)] = (values * kernel).sum(1)
    return out.astype(np.float32)


def _unsupported(why: str) -> ModelError:
    return ModelError("unsupported_audio", f"this sound cannot be read: {why}; give a WAV file (PCM or float)")
