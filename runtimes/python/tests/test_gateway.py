"""ctx.kv, ctx.storage, ctx.publish and ctx.model over the wire, from threads and from the event loop."""

import os
import threading

from gateway import TOKEN, TestGateway
from harness import ServerCase, peak_kb

EVERYTHING = '''
import asyncio, io, json
from hanzo.functions import GatewayError

def plain(value):
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return value._asdict() if hasattr(value, "_asdict") else value

def sync(ctx):
    kv, storage = ctx.kv, ctx.storage
    out = [
        kv.set("text", "grüß"), kv.get("text"), kv.get("none"), kv.set("json", {"a": [1]}), kv.get_json("json"),
        kv.set("bytes", b"\\x00\\xff"), kv.get_bytes("bytes"), kv.get_bytes("text"), kv.get_json("none"),
        kv.set("text", "no", nx=True), kv.set("new", 1.5, xx=True), kv.set("new", 1.5, ttl=50, nx=True), kv.get("new"),
        round(kv.ttl("new")), kv.ttl("text"), kv.ttl("none"), kv.expire("text", 5), kv.exists("text", "json", "none"),
        kv.incr("count"), kv.incr("count", 5), kv.incr("count", -2),
        kv.hset("hash", "a", 1), kv.hset("hash", {"a": "x", "b": b"\\xff"}), kv.hget("hash", "a"), kv.hget("hash", "z"),
        kv.hgetall("hash")["b"], kv.hdel("hash", "a", "z"), kv.lpush("list", "a", "b"), kv.rpush("list", "c"),
        kv.llen("list"), kv.lpop("list"), kv.rpop("list"), kv.lpop("none"),
        sorted(kv.scan("co*")), kv.delete("json", "none"),
        storage.put("out/a.txt", "hello"), storage.get("out/a.txt"), storage.put("b", io.BytesIO(b"x" * 200000)).size,
        storage.put("c", (b"ab" for _ in range(3)), content_type="a/b").size, storage.head("c").content_type,
        storage.head("none"), storage.open("out/a.txt", 1, 3).read(), len(storage.open("b").read()),
        [item.key for item in storage.list("out/")], storage.presign("b").startswith("memory://"),
        storage.delete("b"), storage.delete("none"), storage.head("b"),
        ctx.publish("mq.notify.support", {"a": 1}, id="m-1"), len(ctx.publish("clicks", [1])),
    ]
    with storage.open("out/a.txt") as stream:
        out.append(stream.read(2))
        out.append([piece for piece in stream])
    for work in (lambda: storage.get("none"), lambda: storage.get("../x"), lambda: kv.incr("hash"),
                 lambda: kv.get(""), lambda: kv.get("k" * 1025), lambda: kv.set("k", "v" * 1048577),
                 lambda: ctx.publish("mq.dlq.x", 1), lambda: kv.get("bytes"), lambda: ctx.publish("mq.a", float("nan"))):
        try:
            out.append(["no error", work()])
        except GatewayError as error:
            out.append([error.code, error.status])
        except ValueError as error:
            out.append(type(error).__name__)
    return json.loads(json.dumps(out, default=plain))

async def aio(ctx):
    kv, storage = ctx.kv, ctx.storage
    async def pieces():
        for _ in range(3):
            yield b"ab"
    out = [
        await kv.set("text", "grüß"), await kv.get("text"), await kv.get("none"), await kv.set("json", {"a": [1]}),
        await kv.get_json("json"), await kv.set("bytes", b"\\x00\\xff"), await kv.get_bytes("bytes"),
        await kv.get_bytes("text"), await kv.get_json("none"), await kv.set("text", "no", nx=True),
        await kv.set("new", 1.5, xx=True), await kv.set("new", 1.5, ttl=50, nx=True), await kv.get("new"),
        round(await kv.ttl("new")), await kv.ttl("text"), await kv.ttl("none"), await kv.expire("text", 5),
        await kv.exists("text", "json", "none"),
        await kv.incr("count"), await kv.incr("count", 5), await kv.incr("count", -2),
        await kv.hset("hash", "a", 1), await kv.hset("hash", {"a": "x", "b": b"\\xff"}), await kv.hget("hash", "a"),
        await kv.hget("hash", "z"), (await kv.hgetall("hash"))["b"], await kv.hdel("hash", "a", "z"),
        await kv.lpush("list", "a", "b"), await kv.rpush("list", "c"), await kv.llen("list"), await kv.lpop("list"),
        await kv.rpop("list"), await kv.lpop("none"), sorted([key async for key in kv.scan("co*")]),
        await kv.delete("json", "none"),
        await storage.put("out/a.txt", "hello"), await storage.get("out/a.txt"),
        (await storage.put("b", io.BytesIO(b"x" * 200000))).size,
        (await storage.put("c", pieces(), content_type="a/b")).size, (await storage.head("c")).content_type,
        await storage.head("none"), await (await storage.open("out/a.txt", 1, 3)).read(),
        len(await (await storage.open("b")).read()),
        [item.key async for item in storage.list("out/")], (await storage.presign("b")).startswith("memory://"),
        await storage.delete("b"), await storage.delete("none"), await storage.head("b"),
        await ctx.publish("mq.notify.support", {"a": 1}, id="m-1"), len(await ctx.publish("clicks", [1])),
    ]
    async with await storage.open("out/a.txt") as stream:
        out.append(await stream.read(2))
        out.append([piece async for piece in stream])
    for work in (lambda: storage.get("none"), lambda: storage.get("../x"), lambda: kv.incr("hash"),
                 lambda: kv.get(""), lambda: kv.get("k" * 1025), lambda: kv.set("k", "v" * 1048577),
                 lambda: ctx.publish("mq.dlq.x", 1), lambda: kv.get("bytes"), lambda: ctx.publish("mq.a", float("nan"))):
        try:
            out.append(["no error", await work()])
        except GatewayError as error:
            out.append([error.code, error.status])
        except ValueError as error:
            out.append(type(error).__name__)
    return json.loads(json.dumps(out, default=plain))
'''


def hexed(data: bytes) -> dict:
    return {"bytes": data.hex()}


WANTED = [
    True, "grüß", None, True, {"a": [1]}, True, hexed(b"\x00\xff"), hexed("grüß".encode()), None, False, False, True,
    "1.5", 50, -1, -2, True, 2, 1, 6, 4, 1, 1, "x", None, hexed(b"\xff"), 1, 2, 3, 3, "b", "c", None, ["count"], 1,
    ["out/a.txt", 5, '"5d41402abc4b2a76b9719d911017c592"', "", ""],
    hexed(b"hello"), 200000, 6, "a/b", None, hexed(b"el"), 200000, ["out/a.txt"], True, None, None, None, "m-1", 36,
    hexed(b"he"), [hexed(b"llo")],
    ["not_found", 404], ["bad_request", 400], ["conflict", 409], ["bad_request", 400], ["payload_too_large", 413],
    ["payload_too_large", 413], ["bad_request", 400], "ValueError", "ValueError",
]  # fmt: skip


class OverTheWire(ServerCase):
    unix = True

    def gateway(self, server) -> TestGateway:
        gateway = TestGateway(os.path.join(server.dir, "g") if self.unix else "")
        self.addCleanup(gateway.close)
        return gateway

    def served(self, handler: str, entry: str = "handler.handle", **order):
        server = self.instance(handler=handler).start()
        gateway = self.gateway(server)
        answer = server.specialise(entry, gateway=gateway.order, **order)
        self.assertEqual(answer.status, 200, answer.body)
        return server, gateway

    def test_every_method_from_a_thread_and_from_the_loop(self) -> None:
        for entry in ("handler.sync", "handler.aio"):
            with self.subTest(entry):
                server, gateway = self.served(EVERYTHING, entry)
                got = server.call().json
                self.assertEqual(got, WANTED, [line for line in server.out.parsed() if line["level"] == "error"])
                published = [(subject, data) for subject, data, _ in gateway.memory.published]
                self.assertEqual(published, [("mq.notify.support", {"a": 1}), ("clicks", [1])])

    def test_calls_carry_the_token_and_what_correlates_them_and_share_connections(self) -> None:
        for entry in ("handler.handle", "handler.aio"):
            with self.subTest(entry):
                server, gateway = self.served(
                    "def handle(ctx): return ctx.kv.incr('n')\nasync def aio(ctx): return await ctx.kv.incr('n')", entry
                )
                sent = {"X-Request-ID": "req_kv", "traceparent": "00-1-2-01"}
                self.assertEqual([server.call(headers=sent).json for _ in range(5)], [1, 2, 3, 4, 5])
                _, _, headers, _ = gateway.seen[0]
                self.assertEqual(headers["authorization"], f"Bearer {TOKEN}")
                self.assertEqual((headers["x-request-id"], headers["traceparent"]), ("req_kv", "00-1-2-01"))
                self.assertEqual(len({connection for *_, connection in gateway.seen}), 1)

    def test_a_connection_that_the_gateway_closed_is_not_used_again(self) -> None:
        for entry in ("handler.handle", "handler.aio"):
            server, gateway = self.served(
                "def handle(ctx): return ctx.kv.incr('n')\nasync def aio(ctx): return await ctx.kv.incr('n')", entry
            )
            gateway.close_after = True
            self.assertEqual([server.call().json for _ in range(3)], [1, 2, 3])

    def test_cancelling_a_call_ends_its_wait_for_the_gateway(self) -> None:
        handler = """
            def handle(ctx):
                try:
                    return ctx.kv.get("k")
                finally:
                    print("ended", ctx.cancelled)
            async def aio(ctx):
                try:
                    return await ctx.kv.get("k")
                finally:
                    print("ended", ctx.cancelled)
        """
        for entry in ("handler.handle", "handler.aio"):
            server, gateway = self.served(handler, entry)
            gateway.held["/v1/kv"] = threading.Event()
            answer = server.call(headers={"X-Function-Deadline-Ms": "150"})
            self.assertEqual(answer.status, 504)
            server.out.wait(lambda line: line["msg"] == "ended True")
            gateway.held.pop("/v1/kv").set()
            self.assertEqual(server.call().status, 204)


    def test_a_client_that_leaves_ends_the_wait_for_the_gateway(self) -> None:
        server, gateway = self.served("""
            def handle(ctx):
                try:
                    return ctx.kv.get("k")
                except ConnectionError:
                    print("gone", ctx.cancelled)
                    raise
        """)
        gateway.held["/v1/kv"] = threading.Event()
        sock = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(gateway.reached.wait(10))
        sock.close()
        server.out.wait(lambda line: line["msg"] == "gone True")
        gateway.held.pop("/v1/kv").set()
        self.assertEqual(server.call().status, 204)

    def test_bodies_go_to_storage_and_objects_to_answers_as_streams(self) -> None:
        handler = """
            def sync(ctx, body):
                if ctx.method == "GET":
                    return ctx.storage.open("big")
                return ctx.storage.put("big", body).size
            async def aio(ctx, body):
                if ctx.method == "GET":
                    return await ctx.storage.open("big")
                return (await ctx.storage.put("big", body)).size
        """
        for entry in ("handler.sync", "handler.aio"):
            with self.subTest(entry):
                server, gateway = self.served(handler, entry)
                data = os.urandom(1 << 20) * 20
                before = peak_kb(server.process.pid)
                self.assertEqual(server.call("PUT", "/", data).json, len(data))
                self.assertTrue(gateway.memory.objects["big"] == data)
                self.assertTrue(server.call("GET", "/").body == data)
                self.assertLess(peak_kb(server.process.pid) - before, 10 * 1024)

    def test_a_child_that_a_handler_forks_does_not_share_its_connections(self) -> None:
        server, gateway = self.served("""
            import os
            def handle(ctx):
                ctx.kv.set("k", 1)
                pid = os.fork()
                if pid == 0:
                    ctx.kv.incr("k")
                    os._exit(0)
                os.waitpid(pid, 0)
                return ctx.kv.incr("k")
        """)
        self.assertEqual(server.call().json, 3)
        connections = [connection for *_, connection in gateway.seen]
        self.assertEqual((connections[0], connections[0] == connections[1]), (connections[2], False))


class OverTcp(OverTheWire):
    unix = False


class WithoutAGateway(ServerCase):
    def test_every_use_says_what_to_do(self) -> None:
        server = self.ready("""
            from hanzo.functions import GatewayError
            def handle(ctx):
                out = []
                for work in (lambda: ctx.kv.get("k"), lambda: ctx.storage.get("k"), lambda: ctx.publish("mq.a", 1)):
                    try:
                        work()
                    except GatewayError as error:
                        out.append([error.code, error.status, "hanzo-fn" in error.next])
                return out
        """)
        self.assertEqual(server.call().json, [["unavailable", 503, True]] * 3)
