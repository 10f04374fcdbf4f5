"""What a model directory is refused for; needs none of the libraries that compute."""

import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "sdk"))

from hanzo.functions.models import ModelError, load  # noqa: E402


class ModelDirectories(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name

    def write(self, **files: object) -> None:
        for name, value in files.items():
            text = value if isinstance(value, str) else json.dumps(value)
            with open(os.path.join(self.path, name.replace("__", ".")), "w", encoding="utf-8") as file:
                file.write(text)

    def test_weights_that_are_pickled_alone_are_refused(self) -> None:
        self.write(config__json={}, pytorch_model__bin="")
        with self.assertRaises(ModelError) as caught:
            load(self.path, "m")
        self.assertEqual(caught.exception.code, "unsafe_model")
        self.assertIn("pytorch_model.bin", str(caught.exception))
        self.write(model__safetensors="")
        self.assertEqual(load(self.path, "m").name, "m")

    def test_a_file_that_does_not_parse_is_named(self) -> None:
        self.write(config__json="{")
        with self.assertRaisesRegex(ModelError, r"config\.json does not parse"):
            load(self.path, "m")

    def test_a_model_that_is_not_whisper_cannot_transcribe(self) -> None:
        self.write(config__json={"model_type": "bert"})
        with self.assertRaisesRegex(ModelError, r"the model m \(bert\) cannot transcribe"):
            load(self.path, "m").transcribe(b"")

    def test_a_library_that_is_missing_is_named(self) -> None:
        self.write(config__json={"model_type": "bert"})
        with mock.patch.dict("sys.modules", {"numpy": None}), self.assertRaises(ModelError) as caught:
            load(self.path, "m").encode("x")
        self.assertEqual(caught.exception.code, "missing_library")
        self.assertIn("numpy", str(caught.exception))
