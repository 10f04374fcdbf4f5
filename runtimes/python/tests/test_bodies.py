"""Bodies as streams: read as they come, held back, dropped, broken off; and large answers."""

import json
import os
import time

from harness import ServerCase, peak_kb, read_all, read_until

HANDLER = '''
import asyncio, hashlib, threading

go = threading.Event()
seen = []

def sync(ctx, body):
    if ctx.path == "/count":
        return {"size": sum(len(piece) for piece in body), "data": ctx.data, "body": len(ctx.body), "query": ctx.query}
    if ctx.path == "/reads":
        return [body.read(2).decode(), body.read(0).decode(), body.read(3).decode(), body.read().decode(), body.read(1).decode()]
    if ctx.path == "/first":
        return body.read(1)
    if ctx.path == "/none":
        return "unread"
    if ctx.path == "/echo":
        return body
    if ctx.path == "/wait":
        try:
            body.read(5)
            body.read(1)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise
    if ctx.path == "/caught":
        try:
            body.read()
        except ConnectionError as error:
            seen.append(str(error))
            return "caught"
    if ctx.path == "/hold":
        go.wait(10)
        return {"size": len(body.read())}
    if ctx.path == "/release":
        go.set()
    return seen

async def aio(ctx, body):
    if ctx.path == "/count":
        size = 0
        async for piece in body:
            size += len(piece)
        return {"size": size, "data": ctx.data, "body": len(ctx.body), "query": ctx.query}
    if ctx.path == "/reads":
        return [(await body.read(n)).decode() for n in (2, 0, 3, -1, 1)]
    if ctx.path == "/first":
        return await body.read(1)
    if ctx.path == "/none":
        return "unread"
    if ctx.path == "/echo":
        return body
    if ctx.path == "/wait":
        try:
            await body.read(5)
            await body.read(1)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise
    if ctx.path == "/caught":
        try:
            await body.read()
        except ConnectionError as error:
            seen.append(str(error))
            return "caught"
    if ctx.path == "/hold":
        await asyncio.to_thread(go.wait, 10)
        return {"size": len(await body.read())}
    if ctx.path == "/release":
        go.set()
    return seen
'''


def post(path: str, *more: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *more, "", ""]).encode()


def memory_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


class Bodies(ServerCase):
    entry = "handler.sync"

    def setUp(self) -> None:
        self.server = self.ready(HANDLER, self.entry)

    def test_a_body_is_read_in_any_portions_and_the_context_holds_none(self) -> None:
        answer = self.server.call("POST", "/count?a=1", b"{}", {"Content-Type": "application/json"})
        self.assertEqual(answer.json, {"size": 2, "data": None, "body": 0, "query": {"a": "1"}})
        self.assertEqual(self.server.call("POST", "/reads", b"abcdefg").json, ["ab", "", "cde", "fg", ""])
        self.assertEqual(self.server.call("GET", "/count").json["size"], 0)
        self.assertEqual(self.server.call("POST", "/reads", iter([b"abc", b"d", b"efg"])).json[3], "fg")

    def test_the_call_begins_with_the_head_and_the_answer_before_the_body_ends(self) -> None:
        with self.server.raw(post("/echo", "Transfer-Encoding: chunked")) as sock:
            sock.sendall(b"3\r\none\r\n")
            read_until(sock, b"3\r\none\r\n")
            sock.sendall(b"3\r\ntwo\r\n0\r\n\r\n")
            read_until(sock, b"3\r\ntwo\r\n0\r\n\r\n")
            # The connection goes on.
            sock.sendall(post("/count", "Content-Length: 2", "Connection: close") + b"ab")
            self.assertIn(b'"size":2', read_all(sock))

    def test_100_megabytes_go_in_and_out_in_constant_memory(self) -> None:
        before = memory_kb(self.server.process.pid)
        with self.server.raw(post("/echo", f"Content-Length: {100 << 20}", "Connection: close")) as sock:
            sock.settimeout(60)
            import threading

            def send() -> None:
                piece = os.urandom(1 << 20)
                for _ in range(100):
                    sock.sendall(piece)

            sender = threading.Thread(target=send)
            sender.start()
            size = 0
            while piece := sock.recv(1 << 20):
                size += len(piece)
            sender.join()
        self.assertGreater(size, 100 << 20)
        self.assertLess(peak_kb(self.server.process.pid) - before, 12 * 1024)

    def test_a_client_is_read_only_as_fast_as_the_handler_reads(self) -> None:
        total = 8 << 20
        with self.server.raw(post("/hold", f"Content-Length: {total}", "Connection: close")) as sock:
            sock.setblocking(False)
            sent, still = 0, 0
            while still < 10:
                try:
                    sent += sock.send(b"x" * min(65536, total - sent))
                    still = 0
                except BlockingIOError:
                    still += 1
                    time.sleep(0.02)
            self.assertLess(sent, 2 << 20)
            sock.setblocking(True)
            sock.settimeout(20)
            self.server.call("GET", "/release")
            sock.sendall(b"x" * (total - sent))
            self.assertIn(b'{"size":%d}' % total, read_all(sock))

    def test_what_is_left_unread_is_dropped_up_to_a_bound(self) -> None:
        small = b"x" * 500_000
        with self.server.raw() as sock:
            for path in ("/none", "/first"):
                sock.sendall(post(path, f"Content-Length: {len(small)}") + small)
                read_until(sock, b"unread" if path == "/none" else b"\r\n\r\nx")
            sock.sendall(post("/count", "Content-Length: 0", "Connection: close"))
            self.assertIn(b'"size":0', read_all(sock))
        with self.server.raw(post("/none", f"Content-Length: {3 << 20}")) as sock:
            answer = read_all(sock)
            self.assertIn(b"connection: close", answer)
            self.assertTrue(answer.endswith(b"unread"))

    def test_a_body_that_ends_early_or_is_malformed_raises_in_the_read(self) -> None:
        sock = self.server.raw(post("/wait", "Content-Length: 10") + b"12345")
        while not self.server.call("GET", "/ready").json == []:
            pass
        sock.close()
        for _ in range(400):
            seen = self.server.call("GET", "/seen").json
            if seen:
                break
            time.sleep(0.01)
        self.assertIn(seen[0], ("ConnectionError", "CancelledError", "BodyError"))
        answer = self.server.exchange(post("/caught", "Transfer-Encoding: chunked") + b"3\r\nabc\r\nzz\r\n")
        self.assertTrue(answer.endswith(b"caught") and b"connection: close" in answer, answer)
        answer = self.server.exchange(post("/count", "Transfer-Encoding: chunked") + b"3\r\nabc\r\nzz\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400"), answer)

    def test_a_client_that_asks_first_is_answered_when_the_handler_reads(self) -> None:
        with self.server.raw(post("/count", "Content-Length: 2", "Expect: 100-continue", "Connection: close")) as sock:
            read_until(sock, b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(b"ab")
            self.assertIn(b'"size":2', read_all(sock))
        answer = self.server.exchange(post("/none", "Content-Length: 2", "Expect: 100-continue"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer, answer)

    def test_the_deadline_ends_a_wait_for_the_body(self) -> None:
        with self.server.raw(post("/wait", "Content-Length: 10", "X-Function-Deadline-Ms: 120") + b"12345") as sock:
            self.assertTrue(read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 504"))
        self.assertEqual(self.server.call("POST", "/count", b"abc").json["size"], 3)


class BodiesOfAsyncHandlers(Bodies):
    entry = "handler.aio"


class LargeAnswers(ServerCase):
    def test_a_slow_reader_holds_a_large_answer_back_and_gets_it_whole(self) -> None:
        server = self.ready("data = bytes(range(256)) * 80000\ndef handle(ctx): return data")
        with server.raw(post("/", "Connection: close")) as sock:
            got = read_until(sock, b"\r\n\r\n")
            self.assertEqual(server.call("GET", "/.hanzo/ping").status, 200)
            body = got.partition(b"\r\n\r\n")[2] + read_all(sock)
        self.assertEqual(body, bytes(range(256)) * 80000)
        with server.raw(post("/") + post("/", "Connection: close")) as sock:
            self.assertEqual(read_all(sock).count(b"HTTP/1.1 200"), 2)

    def test_json_of_many_megabytes_is_answered(self) -> None:
        server = self.ready("async def handle(ctx): return list(range(500_000))")
        self.assertEqual(json.loads(server.call().body), list(range(500_000)))
