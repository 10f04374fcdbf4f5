"""Run with: python3 -m unittest (needs hanzo.functions on the path: pip install <hanzo-fn>/runtimes/python/sdk)."""

import unittest

from hanzo.functions import Context

from handler import hello


class Hello(unittest.TestCase):
    def test_it_greets_by_name(self) -> None:
        response = hello(Context({"name": "Ada"}))
        self.assertEqual((response.status, response.body), (200, {"message": "Hello, Ada!"}))

    def test_it_greets_the_world_without_a_name(self) -> None:
        self.assertEqual(hello(Context()).body, {"message": "Hello, world!"})
