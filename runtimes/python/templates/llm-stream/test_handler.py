"""Unit tests of {{name}}: hanzo-fn test."""

import unittest

from hanzo.functions.testing import invoke

from handler import answer


class Answer(unittest.TestCase):
    def test_it_streams_one_event_a_token_and_says_when_it_is_done(self) -> None:
        result = invoke(answer, {"prompt": "two words"})
        self.assertEqual((result.status, result.headers["content-type"]), (200, "text/event-stream"))
        self.assertEqual(len(result.pieces), 5)
        self.assertIn(b'"delta"', result.pieces[0])
        self.assertTrue(result.pieces[-1].startswith(b"event: done"))

    def test_it_asks_for_a_prompt(self) -> None:
        self.assertEqual(invoke(answer, {}).status, 400)
