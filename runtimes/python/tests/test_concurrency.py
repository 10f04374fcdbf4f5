"""Calls beside each other, streams as they flow, deadlines, clients that leave."""

import json
import threading
import time

from harness import ServerCase, UnixConnection, read_all, read_until

STREAMS = '''
import asyncio, threading, time
from hanzo.functions import Response

go = threading.Event()
closed = threading.Event()

def sync_pieces(ctx):
    try:
        yield "first"
        go.wait(10)
        yield "second"
    finally:
        closed.set()

async def async_pieces(ctx):
    try:
        yield "first"
        while not go.is_set():
            await asyncio.sleep(0.005)
        yield "second"
    finally:
        closed.set()

def release():
    go.set()

def breaks_off():
    yield "first"
    raise ValueError("in the middle")

def endless():
    try:
        while True:
            yield b"x" * 65536
    finally:
        closed.set()

produced = 0

def counted():
    global produced
    for produced in range(1, 2001):
        yield b"y" * 65536

async def counted_async():
    global produced
    for produced in range(1, 2001):
        yield b"y" * 65536

def was_closed():
    return closed.wait(10)

def count():
    return produced

def route(ctx):
    if ctx.path == "/sync": return sync_pieces(ctx)
    if ctx.path == "/async": return async_pieces(ctx)
    if ctx.path == "/mixed": return Response.sse(async_pieces(ctx))
    return {"/release": release, "/break": breaks_off, "/endless": endless, "/closed": was_closed,
            "/counted": counted, "/counted-async": counted_async, "/count": count}[ctx.path]()

async def route_async(ctx):
    if ctx.path in ("/closed",):
        return await asyncio.to_thread(was_closed)
    return route(ctx)
'''


def get(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *more, "", ""]).encode()


class Streams(ServerCase):
    entry = "handler.route"

    def setUp(self) -> None:
        self.server = self.ready(STREAMS, self.entry)

    def test_each_piece_is_flushed_at_once(self) -> None:
        for path in ("/sync", "/async", "/mixed"):
            server = self.ready(STREAMS, self.entry)
            with server.raw(get(path, "Connection: close")) as sock:
                read_until(sock, b"first")
                server.call("GET", "/release")
                self.assertTrue(read_all(sock).endswith(b"\r\n0\r\n\r\n"))

    def test_an_exception_after_the_first_piece_cuts_the_connection(self) -> None:
        answer = self.server.exchange(get("/break"))
        self.assertIn(b"first", answer)
        self.assertNotIn(b"0\r\n\r\n", answer)
        self.server.out.wait(lambda line: "in the middle" in line["msg"] and line["level"] == "error")
        self.assertEqual(self.server.call("GET", "/release").status, 204)

    def test_a_stream_ends_when_its_client_leaves(self) -> None:
        for path in ("/endless", "/async"):
            server = self.ready(STREAMS, self.entry)
            sock = server.raw(get(path))
            read_until(sock, b"x" if path == "/endless" else b"first")
            sock.close()
            self.assertEqual(server.call("GET", "/closed").body, b"true")

    def test_a_slow_client_holds_the_source_back(self) -> None:
        for path in ("/counted", "/counted-async"):
            with self.server.raw(get(path, "Connection: close")) as sock:
                read_until(sock, b"yyy")
                before = -1
                # The count stands still once the buffers between the two are full.
                while (now := self.server.call("GET", "/count").json) != before:
                    before = now
                    time.sleep(0.05)
                self.assertLess(now, 200)
                size = 0
                while piece := sock.recv(1 << 20):
                    size += len(piece)
                self.assertGreater(size, 1990 * 65536)

    def test_a_started_stream_is_cut_at_the_deadline(self) -> None:
        for path in ("/sync", "/async"):
            server = self.ready(STREAMS, self.entry)
            answer = server.exchange(get(path, "X-Function-Deadline-Ms: 150"))
            self.assertIn(b"first", answer)
            self.assertNotIn(b"0\r\n\r\n", answer)
            server.call("GET", "/release")
            self.assertEqual(server.call("GET", "/closed").body, b"true")


class StreamsOfAsyncHandlers(Streams):
    entry = "handler.route_async"


CALLS = '''
import asyncio, threading, time

running = 0
most = 0
lock = threading.Lock()
seen = []

def handle(ctx):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    try:
        if ctx.path == "/spin":
            while True:
                pass
        if ctx.path == "/sleep":
            print("started")
            for _ in range(400):
                time.sleep(0.005)
        if ctx.path == "/swallow":
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                try:
                    time.sleep(0.01)
                except TimeoutError:
                    pass
            return "late"
        if ctx.path == "/wait":
            time.sleep(0.15)
        return {"most": most, "seen": seen}
    except BaseException as error:
        seen.append(type(error).__name__)
        print("ended by", type(error).__name__, ctx.cancelled)
        raise
    finally:
        with lock:
            running -= 1

async def handle_async(ctx):
    global running, most
    running += 1
    most = max(most, running)
    try:
        if ctx.path in ("/spin", "/sleep"):
            print("started")
            await asyncio.sleep(2)
        if ctx.path == "/swallow":
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    pass
            return "late"
        if ctx.path == "/wait":
            await asyncio.sleep(0.15)
        return {"most": most, "seen": seen}
    except BaseException as error:
        seen.append("TimeoutError" if isinstance(error, asyncio.CancelledError) else type(error).__name__)
        print("ended by", type(error).__name__, ctx.cancelled)
        raise
    finally:
        running -= 1
'''


class Calls(ServerCase):
    entry = "handler.handle"

    def together(self, server, count: int, path: str) -> list:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(server.call("GET", path))) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def test_as_many_run_at_once_as_the_concurrency_and_the_others_wait(self) -> None:
        server = self.ready(CALLS, self.entry, concurrency=4)
        started = time.monotonic()
        answers = self.together(server, 8, "/wait")
        took = time.monotonic() - started
        self.assertEqual([answer.status for answer in answers], [200] * 8)
        self.assertEqual(server.call("GET", "/").json["most"], 4)
        self.assertGreater(took, 0.29)

    def test_one_that_hangs_leaves_its_neighbours_alone(self) -> None:
        server = self.ready(CALLS, self.entry)
        with server.raw(get("/spin", "X-Function-Deadline-Ms: 700")) as sock:
            answers = self.together(server, 9, "/wait")
            self.assertEqual([answer.status for answer in answers], [200] * 9)
            self.assertTrue(read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 504"))

    def test_the_deadline_answers_504_and_interrupts_the_handler(self) -> None:
        server = self.ready(CALLS, self.entry)
        for path in ("/spin", "/sleep"):
            sent = {"X-Function-Deadline-Ms": "100", "X-Request-ID": "req_late"}
            answer = server.call("GET", path, None, sent)
            self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (504, "timeout"))
            self.assertEqual(answer.json["next"], "hanzo-fn logs f --request-id req_late")
        server.out.wait(lambda line: line["msg"].startswith("ended by") and line["msg"].endswith("True"))

    def test_the_timeout_of_the_function_is_the_deadline_where_none_is_sent(self) -> None:
        server = self.ready(CALLS, self.entry, timeout_ms=100)
        self.assertEqual(server.call("GET", "/sleep").status, 504)

    def test_a_deadline_of_zero_never_reaches_the_handler(self) -> None:
        server = self.ready(CALLS, self.entry)
        self.assertEqual(server.call("GET", "/", None, {"X-Function-Deadline-Ms": "0"}).status, 504)
        self.assertEqual(server.call("GET", "/").json["most"], 1)

    def test_a_handler_that_swallows_its_cancellation_disturbs_nobody(self) -> None:
        server = self.ready(CALLS, self.entry, concurrency=1)
        connection = UnixConnection(server.socket)
        self.addCleanup(connection.close)
        connection.request("GET", "/swallow", headers={"X-Function-Deadline-Ms": "60"})
        self.assertEqual(connection.getresponse().read()[:17], b'{"status":"error"')
        for _ in range(30):
            connection.request("GET", "/")
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertIn(b"most", answer.read())
            time.sleep(0.02)

    def test_a_client_that_leaves_ends_its_call(self) -> None:
        server = self.ready(CALLS, self.entry, concurrency=1)
        sock = server.raw(get("/sleep"))
        # A second one waits behind it, and is forgotten when it leaves.
        waiting = server.raw(get("/sleep"))
        server.out.wait(lambda line: line["msg"] == "started")
        server.call("GET", "/.hanzo/ping")
        waiting.close()
        sock.close()
        server.out.wait(lambda line: line["msg"].startswith("ended by"))
        seen = server.call("GET", "/").json["seen"]
        self.assertEqual(len(seen), 1, seen)
        self.assertIn(seen[0], ("ConnectionError", "TimeoutError"))

    def test_a_call_that_waits_for_its_turn_is_under_its_deadline(self) -> None:
        server = self.ready(CALLS, self.entry, concurrency=1)
        with server.raw(get("/sleep", "X-Function-Deadline-Ms: 400")):
            started = time.monotonic()
            answer = server.call("GET", "/", None, {"X-Function-Deadline-Ms": "100"})
            self.assertEqual(answer.status, 504)
            self.assertLess(time.monotonic() - started, 0.35)

    def test_many_interrupts_lose_no_thread_and_no_call(self) -> None:
        server = self.ready(CALLS, self.entry, concurrency=4)
        for ms in range(1, 60):
            answer = server.call("GET", "/sleep", None, {"X-Function-Deadline-Ms": str(ms)})
            self.assertEqual(answer.status, 504)
        self.assertEqual([a.status for a in self.together(server, 20, "/")], [200] * 20)

    def test_pings_are_answered_while_handlers_are_busy(self) -> None:
        server = self.ready(CALLS, self.entry, concurrency=2)
        with server.raw(get("/spin", "X-Function-Deadline-Ms: 500")):
            started = time.monotonic()
            self.assertEqual(server.state(), "ready")
            self.assertLess(time.monotonic() - started, 0.45)


class CallsOfAsyncHandlers(Calls):
    entry = "handler.handle_async"


MIXED = '''
import asyncio, contextvars, functools, threading
from hanzo.functions import Response

VAR = contextvars.ContextVar("var", default="unset")
VAR.set("from import")

async def inner(ctx): return {"inner": ctx.path}
def returns_coroutine(ctx): return inner(ctx)
wrapped = functools.partial(inner)
def no_argument(): return "none"
async def no_argument_async(): return "none async"
def optional(ctx=None): return "got" if ctx is not None else "none"

class Service:
    made = 0
    def __init__(self): Service.made += 1
    def __call__(self, ctx): return {"made": Service.made}
    async def method(self, ctx): return {"method": Service.made}
    @staticmethod
    def static(ctx): return "static"

instance = Service()

def generator(ctx):
    yield "a"
async def async_generator(ctx):
    yield "b"
def variables(ctx):
    before = VAR.get()
    VAR.set("changed")
    return before
async def current(ctx):
    return [asyncio.current_task() is not None, VAR.get(), threading.current_thread() is threading.main_thread()]
async def raises_cancelled(ctx):
    raise asyncio.CancelledError()
def raises_keyboard(ctx):
    raise KeyboardInterrupt()
def raises_stop(ctx):
    raise StopIteration()
'''


class Kinds(ServerCase):
    def answer(self, entry: str):
        server = self.ready(MIXED, f"handler.{entry}")
        return [server.call("GET", "/p") for _ in range(2)][1]

    def test_every_kind_of_callable_is_a_handler(self) -> None:
        for entry, want in {
            "returns_coroutine": b'{"inner":"/p"}', "wrapped": b'{"inner":"/p"}', "no_argument": b"none",
            "no_argument_async": b"none async", "optional": b"got", "Service": b'{"made":2}',
            "instance": b'{"made":1}', "Service.method": b'{"method":2}', "Service.static": b"static",
            "generator": b"a", "async_generator": b"b", "current": b'[true,"from import",true]',
        }.items():  # fmt: skip
            with self.subTest(entry):
                self.assertEqual(self.answer(entry).body, want)

    def test_context_variables_start_as_the_module_left_them_in_each_call(self) -> None:
        self.assertEqual(self.answer("variables").body, b"from import")

    def test_odd_exceptions_are_errors_of_the_handler(self) -> None:
        for entry in ("raises_cancelled", "raises_keyboard", "raises_stop"):
            with self.subTest(entry):
                answer = self.answer(entry)
                self.assertEqual((answer.status, answer.json["error"]), (500, "handler_error"))


class Data(ServerCase):
    def test_large_bodies_are_parsed_beside_the_loop(self) -> None:
        server = self.ready("async def handle(ctx): return len(ctx.data)")
        body = json.dumps(list(range(200_000))).encode()
        self.assertEqual(server.call("POST", "/", body, {"Content-Type": "application/json"}).json, 200_000)
        self.assertEqual(server.call("POST", "/", body[:-1], {"Content-Type": "application/json"}).status, 400)
