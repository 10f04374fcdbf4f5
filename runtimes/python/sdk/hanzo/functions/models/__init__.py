"""Models that ``ctx.model`` loads, on onnxruntime. Rules: runtimes/models.md."""

from .loader import Model, ModelError, Prediction, load

__all__ = ["Model", "ModelError", "Prediction", "load"]
