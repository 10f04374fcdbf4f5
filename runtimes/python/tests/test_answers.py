"""The table of what a handler returns."""

import json

from harness import ServerCase

HANDLER = '''
import asyncio
from dataclasses import dataclass
from hanzo.functions import Response

class Odd: ...

async def pieces():
    yield {"n": 1}
    await asyncio.sleep(0)
    yield [2]

def loop():
    a = []
    a.append(a)
    return a

def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value

CASES = {
    "dict": lambda: {"a": 1, "ä": "ö"}, "list": lambda: [1, 2], "tuple": lambda: (1, 2), "int": lambda: 7,
    "float": lambda: 1.5, "bool": lambda: True, "text": lambda: "grüß", "bytes": lambda: b"\\x00\\xff",
    "bytearray": lambda: bytearray(b"ab"), "none": lambda: None, "surrogate": lambda: {"a": "\\ud800"},
    "empty dict": lambda: {}, "empty text": lambda: "",
    "generator": lambda: (f"{n}\\n" for n in range(3)), "byte pieces": lambda: iter([b"a", b"b"]),
    "lines": lambda: iter([{"n": 1}, [2], 3]), "async": pieces, "empty": lambda: iter([]),
    "map": lambda: map(str, [1, 2]),
    "response": lambda: Response(201, {"a": 1}, {"X-A": "b", "Set-Cookie": ["a=1", "b=2"], "X-N": 3}),
    "response none": lambda: Response(202), "response default": lambda: Response(), "ok": lambda: Response.ok({"r": 1}),
    "ok none": lambda: Response.ok(), "json": lambda: Response.json("text"), "json none": lambda: Response.json(None),
    "text response": lambda: Response.text("<p>", headers={"content-type": "text/html"}),
    "error": lambda: Response.error(404, "no such document"), "204 with body": lambda: Response(204, "x"),
    "dropped": lambda: Response(200, "x", {"Connection": "close", "Content-Length": "9", "X-Function-Error": "no",
        "Transfer-Encoding": "chunked", "Upgrade": "x", "Keep-Alive": "1", "TE": "x", "Trailer": "y"}),
    "stream": lambda: Response.stream(["a", "b"], status=203, content_type="text/csv"),
    "stream list": lambda: Response.stream([1, 2]),
    "file": lambda: Response.stream(open(__file__, "rb"), content_type="text/x-python"),
    "sse": lambda: Response.sse(iter(["one", "two\\nlines", {"event": "e", "id": 7, "retry": 10, "data": {"a": 1}}, 5])),
    "async response": lambda: Response(200, pieces()),
    "object": lambda: Odd(), "object inside": lambda: {"a": [1, {"b": Odd()}]}, "set": lambda: {1}, "nan": lambda: float("nan"),
    "loop": loop, "deep": deep, "bytes inside": lambda: {"a": b"x"}, "bad key": lambda: {(1, 2): 3},
    "bad status": lambda: Response(99), "text status": lambda: Response("200"), "bad header": lambda: Response(200, "", {"A\\r\\nB": "x"}),
    "split header": lambda: Response(200, "", {"A": "x\\r\\nB: y"}), "no iterable": lambda: Response.stream(5),
    "object in stream": lambda: iter([Odd()]),
}

def handle(ctx):
    return CASES[ctx.data["case"]]()

async def handle_async(ctx):
    return CASES[ctx.data["case"]]()
'''


class Table(ServerCase):
    entry = "handler.handle"

    @classmethod
    def setUpClass(cls) -> None:
        cls.case = cls("setup")
        cls.server = cls.case.ready(HANDLER, cls.entry)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.case.doCleanups()

    def setup(self) -> None: ...

    def get(self, case: str, method: str = "POST"):
        body = json.dumps({"case": case}).encode()
        return self.server.call(method, "/", body, {"X-Request-ID": f"req_{case.replace(' ', '_')}"})

    def check(self, case: str, status: int, kind: str | None, body: bytes) -> None:
        answer = self.get(case)
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (status, kind, body), case)

    def test_plain_values(self) -> None:
        js, text = "application/json", "text/plain; charset=utf-8"
        self.check("dict", 200, js, '{"a":1,"ä":"ö"}'.encode())
        self.check("list", 200, js, b"[1,2]")
        self.check("tuple", 200, js, b"[1,2]")
        self.check("int", 200, js, b"7")
        self.check("float", 200, js, b"1.5")
        self.check("bool", 200, js, b"true")
        self.check("empty dict", 200, js, b"{}")
        self.check("surrogate", 200, js, b'{"a":"\\ud800"}')
        self.check("text", 200, text, "grüß".encode())
        self.check("empty text", 200, text, b"")
        self.check("bytes", 200, "application/octet-stream", b"\x00\xff")
        self.check("bytearray", 200, "application/octet-stream", b"ab")
        self.check("none", 204, None, b"")

    def test_streams(self) -> None:
        text, lines = "text/plain; charset=utf-8", "application/x-ndjson"
        self.check("generator", 200, text, b"0\n1\n2\n")
        self.check("map", 200, text, b"12")
        self.check("byte pieces", 200, "application/octet-stream", b"ab")
        self.check("lines", 200, lines, b'{"n":1}\n[2]\n3\n')
        self.check("async", 200, lines, b'{"n":1}\n[2]\n')
        self.check("async response", 200, lines, b'{"n":1}\n[2]\n')
        self.check("stream", 203, "text/csv", b"ab")
        self.check("stream list", 200, lines, b"1\n2\n")
        self.assertEqual((self.get("empty").status, self.get("empty").body), (200, b""))
        self.assertEqual(self.get("file").body.decode().strip(), HANDLER.strip())
        self.assertEqual(self.get("generator").headers["Transfer-Encoding"], "chunked")

    def test_server_sent_events(self) -> None:
        want = b'data: one\n\ndata: two\ndata: lines\n\nevent: e\nid: 7\nretry: 10\ndata: {"a":1}\n\ndata: 5\n\n'
        self.check("sse", 200, "text/event-stream", want)

    def test_responses(self) -> None:
        answer = self.get("response")
        self.assertEqual((answer.status, answer.json, answer.headers["x-a"], answer.headers["x-n"]), (201, {"a": 1}, "b", "3"))
        self.assertEqual(answer.headers.get_all("set-cookie"), ["a=1", "b=2"])
        self.check("response none", 202, None, b"")
        self.check("response default", 204, None, b"")
        self.check("204 with body", 204, "text/plain; charset=utf-8", b"")
        self.check("ok", 200, "application/json", b'{"r":1}')
        self.check("ok none", 200, None, b"")
        self.check("json", 200, "application/json", b'"text"')
        self.check("json none", 200, "application/json", b"null")
        self.check("text response", 200, "text/html", b"<p>")
        self.check("error", 404, "application/json", b'{"error":"no such document"}')

    def test_headers_of_the_connection_and_the_platform_are_dropped(self) -> None:
        headers = self.get("dropped").headers
        names = {name.lower() for name in headers}
        self.assertEqual(names, {"content-type", "content-length", "x-function-duration-ms", "x-function-instance"})
        self.assertEqual(headers["content-length"], "1")

    def test_what_json_cannot_hold_is_unserialisable(self) -> None:
        for case in ("object", "object inside", "set", "nan", "loop", "deep", "bytes inside", "bad key", "object in stream"):
            answer = self.get(case)
            self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (500, "unserialisable"), case)
            self.assertEqual(answer.json["error"], "unserialisable")
        self.assertIn("$.a[1].b", self.get("object inside").json["msg"])

    def test_a_response_that_http_does_not_know_is_an_error_of_the_handler(self) -> None:
        for case in ("bad status", "text status", "bad header", "split header", "no iterable"):
            answer = self.get(case)
            self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (500, "handler_error"), case)

    def test_head_has_the_head_of_the_answer_alone(self) -> None:
        answer = self.get("dict", "HEAD")
        self.assertEqual((answer.headers["content-length"], answer.body), ("17", b""))
        self.assertEqual(self.get("generator", "HEAD").status, 200)
        self.assertEqual(self.get("async", "HEAD").status, 200)

    def test_an_exception_is_500_with_its_trace_in_the_log_only(self) -> None:
        answer = self.get("no such case")
        self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (500, "handler_error"))
        self.assertEqual(answer.json, {
            "status": "error", "code": 500, "error": "handler_error", "msg": "the handler raised KeyError",
            "component": "function", "requestId": "req_no_such_case", "function": "f", "revision": "f-00001",
            "next": "hanzo-fn logs f --request-id req_no_such_case",
        })  # fmt: skip
        line = self.server.out.wait(lambda l: l.get("request_id") == "req_no_such_case" and l["level"] == "error")
        self.assertIn("KeyError: 'no such case'", line["msg"])
        self.assertIn('handler.py", line', line["msg"])
        self.assertNotIn("hanzo_runtime", line["msg"])


class TableOfAsyncHandlers(Table):
    entry = "handler.handle_async"


