"""Unit tests of {{name}}: hanzo-fn test."""

import os
import unittest
from unittest.mock import patch

from hanzo.functions.testing import Services, invoke

from handler import embed


class FakeModel:
    """Stands in for the model: no file is read."""

    name = "test-model"

    def encode(self, text: str, batch_size: int = 32) -> list[list[float]]:
        return [[float(len(text)), 0.5]]


@patch.dict(os.environ, {"MODEL_NAME": "test-model"})
class Embed(unittest.TestCase):
    def test_it_answers_the_embedding_of_the_text(self) -> None:
        services = Services(models={"test-model": FakeModel()})
        result = invoke(embed, {"text": "bread"}, services=services)
        self.assertEqual((result.status, result.json()), (200, {"embedding": [5.0, 0.5], "dimensions": 2}))

    def test_it_asks_for_a_text(self) -> None:
        self.assertEqual(invoke(embed, {}).status, 400)
