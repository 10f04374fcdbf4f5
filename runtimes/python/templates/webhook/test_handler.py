"""Unit tests of {{name}}: hanzo-fn test."""

import hashlib
import hmac
import os
import unittest
from unittest.mock import patch

from hanzo.functions.testing import invoke

from handler import receive

SECRET = "test-secret"
EVENT = b'{"type": "order.paid"}'


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@patch.dict(os.environ, {"WEBHOOK_SECRET": SECRET})
class Receive(unittest.TestCase):
    def test_it_takes_what_is_signed(self) -> None:
        headers = {"content-type": "application/json", "x-signature": signature(EVENT)}
        result = invoke(receive, body=EVENT, headers=headers)
        self.assertEqual((result.status, result.json()), (200, {"received": "order.paid"}))

    def test_it_refuses_what_was_changed_on_the_way(self) -> None:
        headers = {"content-type": "application/json", "x-signature": signature(EVENT)}
        result = invoke(receive, body=EVENT.replace(b"paid", b"sent"), headers=headers)
        self.assertEqual(result.status, 401)

    def test_it_refuses_what_is_not_signed(self) -> None:
        self.assertEqual(invoke(receive, {"type": "order.paid"}).status, 401)
