"""Unit tests of {{name}}: hanzo-fn test."""

import unittest

from hanzo.functions.testing import invoke

from handler import hello


class Hello(unittest.TestCase):
    def test_it_greets_by_name(self) -> None:
        result = invoke(hello, {"name": "Ada"})
        self.assertEqual(result.status, 200)
        self.assertRegex(result.json()["message"], r"^\S.*, Ada!$")

    def test_it_greets_the_world_without_a_name(self) -> None:
        self.assertRegex(invoke(hello).json()["message"], r", world!$")
