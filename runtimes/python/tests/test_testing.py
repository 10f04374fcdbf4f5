"""The test kit that users have."""

import asyncio
import os
import sys
import unittest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sdk"))

from hanzo.functions import AsyncContext, Context, GatewayError, Response
from hanzo.functions.testing import Services, ainvoke, invoke, make_context


class FakeModel:
    name, path = "bge-large-en-v1.5", "/models/bge"

    def encode(self, text, batch_size):
        return [[float(len(text))] * 4]


def embed(ctx: Context) -> Response:
    """The spec's Python sample, whose helper functions use the platform."""
    doc_id = ctx.data["document_id"]
    text = ctx.kv.get(doc_id)
    model = ctx.model("bge-large-en-v1.5")
    embeddings = model.encode(text, batch_size=32)
    ctx.storage.put(f"out/{doc_id}", repr(embeddings))
    ctx.publish("mq.done", {"id": doc_id})
    ctx.log.info("embedded", {"n": 1})
    return Response(status=200, body={"document_id": doc_id, "dimensions": len(embeddings[0])})


async def embed_async(ctx: AsyncContext) -> Response:
    doc_id = ctx.data["document_id"]
    text = await ctx.kv.get(doc_id)
    model = await ctx.model("bge-large-en-v1.5")
    embeddings = await model.encode(text, batch_size=32)
    await ctx.storage.put(f"out/{doc_id}", repr(embeddings))
    await ctx.publish("mq.done", {"id": doc_id})
    ctx.log.info("embedded", {"n": 1})
    return Response(status=200, body={"document_id": doc_id, "dimensions": len(embeddings[0])})


class Kit(unittest.TestCase):
    def services(self) -> Services:
        return Services(kv={"d1": "words"}, models={"bge-large-en-v1.5": FakeModel()})

    def check(self, result, services) -> None:
        self.assertEqual((result.status, result.json()), (200, {"document_id": "d1", "dimensions": 4}))
        self.assertEqual(result.headers["Content-Type"], "application/json")
        self.assertEqual([(line.level, line.msg, line.fields) for line in result.logs], [("info", "embedded", {"n": 1})])
        self.assertEqual([message[:2] for message in result.published], [("mq.done", {"id": "d1"})])
        self.assertEqual(services.storage, {"out/d1": b"[[5.0, 5.0, 5.0, 5.0]]"})
        self.assertEqual(services.kv, {"d1": "words"})

    def test_handlers_of_both_kinds_from_tests_of_both_kinds(self) -> None:
        for handler in (embed, embed_async):
            with self.subTest(handler.__name__):
                services = self.services()
                self.check(invoke(handler, {"document_id": "d1"}, services=services), services)

                async def inside(handler=handler) -> None:
                    for call in (invoke, ainvoke):
                        services = self.services()
                        result = call(handler, {"document_id": "d1"}, services=services)
                        self.check(await result if call is ainvoke else result, services)

                asyncio.run(inside())

    def test_requests_of_every_kind(self) -> None:
        def show(ctx):
            return [ctx.data, ctx.method, ctx.path, ctx.query, ctx.event and ctx.event["type"], ctx.batch and len(ctx.batch)]

        self.assertEqual(invoke(show).json(), [{}, "GET", "/", {}, None, None])
        self.assertEqual(invoke(show, path="/x", query={"a": [1, 2]}).json()[2:4], ["/x", {"a": ["1", "2"]}])
        self.assertEqual(invoke(show, body="text").json()[0], {"body": "text"})
        self.assertEqual(invoke(show, event={"type": "made", "data": {"n": 1}}).json()[::4], [{"n": 1}, "made"])
        self.assertEqual(invoke(show, batch=[{"id": "a", "data": 1}, {"id": "b", "data": 2}]).json()[::5], [[1, 2], 2])
        with self.assertRaises(ValueError):
            invoke(show, batch=[{"id": "a"}])
        with self.assertRaises(ValueError):
            invoke(show, body=b"{", headers={"content-type": "application/json"})
        with self.assertRaises(TypeError):
            invoke(show, 1, body=b"")

    def test_streams_in_and_out(self) -> None:
        def upper(ctx, body):
            for piece in body:
                yield piece.upper()

        async def upper_async(ctx, body):
            async for piece in body:
                yield piece.upper()

        async def events(ctx):
            return Response.sse(iter([{"data": {"n": 1}}]))

        for handler in (upper, upper_async):
            result = invoke(handler, body=[b"one", b"two"])
            self.assertEqual((result.pieces, result.headers["content-type"]), ([b"ONE", b"TWO"], "application/octet-stream"))
        self.assertEqual(invoke(events).text, 'data: {"n":1}\n\n')

    def test_a_websocket(self) -> None:
        async def echo(ctx):
            ws = await ctx.accept()
            async for message in ws:
                await ws.send(message)

        async def close(ctx):
            ws = await ctx.accept()
            await ws.close(4000)

        result = invoke(echo, messages=["a", b"b"])
        self.assertEqual((result.status, result.sent, result.close_code), (101, ["a", b"b"], 1000))
        self.assertEqual(invoke(close, messages=[]).close_code, 4000)
        with self.assertRaises(RuntimeError):
            invoke(echo)

    def test_what_a_handler_raises_is_raised_in_the_test(self) -> None:
        def broken(ctx):
            raise KeyError("x")

        def missing(ctx):
            ctx.model("none")

        with self.assertRaises(KeyError):
            invoke(broken)
        with self.assertRaises(GatewayError) as raised:
            invoke(missing)
        self.assertEqual(raised.exception.code, "not_found")
        self.assertEqual(make_context({"a": 1}).data, {"a": 1})

    def test_sync_calls_where_no_loop_runs_and_awaitables_where_one_does(self) -> None:
        services = Services(kv={"k": "v"})

        async def both(ctx):
            blocking = await asyncio.to_thread(lambda: ctx.kv.get("k"))
            return [blocking, await ctx.kv.get("k")]

        self.assertEqual(invoke(both, services=services).json(), ["v", "v"])
