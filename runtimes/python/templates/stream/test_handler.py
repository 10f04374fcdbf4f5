"""Unit tests of {{name}}: hanzo-fn test."""

import unittest

from hanzo.functions.testing import Services, invoke

from handler import aggregate


def view(partition: int, offset: int, page: str) -> dict:
    return {"id": f"kafka:page_views:{partition}:{offset}", "data": {"data": {"page": page}}}


class Aggregate(unittest.TestCase):
    def test_it_counts_by_page_and_partition(self) -> None:
        services = Services()
        invoke(aggregate, batch=[view(0, 7, "/bread"), view(0, 8, "/bread"), view(1, 3, "/bread")], services=services)
        self.assertEqual(
            services.kv,
            {
                "views:/bread:0": '{"views":2,"offset":8}',
                "views:/bread:1": '{"views":1,"offset":3}',
            },
        )

    def test_an_event_that_comes_again_is_not_counted_again(self) -> None:
        services = Services()
        invoke(aggregate, batch=[view(0, 7, "/bread")], services=services)
        invoke(aggregate, batch=[view(0, 7, "/bread"), view(0, 8, "/bread")], services=services)
        self.assertEqual(services.kv, {"views:/bread:0": '{"views":2,"offset":8}'})

    def test_an_event_without_a_page_is_passed_over(self) -> None:
        services = Services()
        result = invoke(aggregate, batch=[{"id": "kafka:page_views:0:1", "data": "noise"}], services=services)
        self.assertEqual((result.status, services.kv), (200, {}))
