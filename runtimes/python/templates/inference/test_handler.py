"""Unit tests of {{name}}: hanzo-fn test."""

import os
import unittest
from unittest.mock import patch

from hanzo.functions.testing import Result, Services, invoke

from handler import watch


def use(services: Services, id: str, tokens: int) -> Result:
    data = {"model": "zen-7b", "total_tokens": tokens}
    event = {"id": id, "timestamp": "2026-03-01T10:00:00.000Z", "data": data}
    return invoke(watch, event, services=services)


@patch.dict(os.environ, {"TOKEN_LIMIT": "5000"})
class Watch(unittest.TestCase):
    def test_it_adds_up_each_event_once(self) -> None:
        services = Services()
        for id in ("evt_1", "evt_1", "evt_2"):
            result = use(services, id, 1200)
        self.assertEqual(result.json(), {"model": "zen-7b", "total": 2400})
        self.assertEqual(services.published, [])

    def test_it_alerts_once_over_the_limit(self) -> None:
        services = Services()
        for id in ("evt_1", "evt_2", "evt_3"):
            use(services, id, 3000)
        [message] = services.published
        self.assertEqual(message.subject, "mq.alerts.tokens")
        self.assertEqual(message.data, {"model": "zen-7b", "day": "2026-03-01", "total": 6000})
