"""Unit tests of {{name}}: hanzo-fn test."""

import unittest

from hanzo.functions.testing import Services, invoke

from handler import fulfil

ORDER = {"order": "o-1", "sku": "rye-bread", "quantity": 2}


class Fulfil(unittest.TestCase):
    def test_a_message_that_comes_twice_is_fulfilled_once(self) -> None:
        services = Services()
        for _ in range(2):
            result = invoke(fulfil, batch=[{"id": "mq:1", "data": ORDER}], services=services)
            self.assertEqual((result.status, result.json()), (200, {"results": [{"id": "mq:1"}]}))
        self.assertEqual([(m.subject, m.data) for m in services.published], [("mq.shipping.request", ORDER)])

    def test_only_what_failed_is_told_to_come_again(self) -> None:
        batch = [
            {"id": "mq:1", "data": ORDER},
            {"id": "mq:2", "data": {**ORDER, "sku": "salt"}},
            {"id": "mq:3", "data": {"order": 7}},
        ]
        result = invoke(fulfil, batch=batch, services=Services(kv={"hold:salt": "recall"}))
        kinds = {entry["id"]: entry.get("error", {}).get("kind") for entry in result.json()["results"]}
        self.assertEqual(kinds, {"mq:1": None, "mq:2": "transient", "mq:3": "permanent"})

    def test_it_refuses_what_is_no_batch(self) -> None:
        self.assertEqual(invoke(fulfil, ORDER).status, 400)
