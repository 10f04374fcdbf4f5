"""Unit tests of {{name}}: hanzo-fn test."""

import unittest

from hanzo.functions.testing import Result, Services, invoke

from handler import report

DUE = "2026-03-01T05:00:00.000Z"


def fire(services: Services) -> Result:
    headers = {"x-function-trigger": "cron", "x-function-trigger-timestamp": DUE}
    return invoke(report, {"regions": ["eu", "us"]}, headers=headers, services=services)


class Report(unittest.TestCase):
    def test_it_reports_the_orders_of_each_region(self) -> None:
        services = Services(kv={"orders:eu": "3"})
        self.assertEqual(fire(services).json(), {"due": DUE, "new": True})
        self.assertEqual(services.kv[f"report:{DUE}"], '{"eu":3,"us":0}')

    def test_a_run_that_is_tried_again_leaves_the_report_as_it_is(self) -> None:
        services = Services(kv={f"report:{DUE}": "written before"})
        self.assertEqual(fire(services).json(), {"due": DUE, "new": False})
        self.assertEqual(services.kv[f"report:{DUE}"], "written before")

    def test_it_asks_for_regions(self) -> None:
        self.assertEqual(invoke(report, {}).status, 400)
