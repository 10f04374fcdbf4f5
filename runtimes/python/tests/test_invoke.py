"""What reaches the handler, and how its answer goes back."""

import base64
import json

from harness import ServerCase, read_until

ECHO = """
import base64

def handle(ctx):
    return {
        "data": ctx.data, "body": base64.b64encode(ctx.body).decode(), "method": ctx.method, "path": ctx.path,
        "query": ctx.query, "request_id": ctx.request_id, "function": ctx.function, "revision": ctx.revision,
        "org": ctx.org, "header": ctx.headers.get("X-Custom"), "deadline": ctx.deadline, "cancelled": ctx.cancelled,
        "trigger": [ctx.trigger.type, ctx.trigger.source, ctx.trigger.id, ctx.trigger.attempt, ctx.trigger.timestamp],
    }
"""


class Requests(ServerCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.case = cls("setup")
        cls.server = cls.case.ready(ECHO)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.case.doCleanups()

    def setup(self) -> None: ...

    def data(self, body, content_type=None, path="/"):
        headers = {} if content_type is None else {"Content-Type": content_type}
        return self.server.call("POST", path, body, headers).json["data"]

    def test_a_json_body_is_parsed(self) -> None:
        for content_type in ("application/json", "application/json; charset=utf-8", "application/ld+json", None):
            self.assertEqual(self.data(b'{"a": [1, "\xc3\xa4"]}', content_type), {"a": [1, "ä"]})

    def test_a_json_body_may_start_with_a_byte_order_mark(self) -> None:
        self.assertEqual(self.data(b'\xef\xbb\xbf{"a":1}', "application/json"), {"a": 1})

    def test_a_json_null_is_none(self) -> None:
        self.assertIsNone(self.data(b"null", "application/json"))

    def test_an_empty_body_gives_the_query_as_a_map(self) -> None:
        self.assertEqual(self.data(b"", None, "/p?a=1&b=x%20y&a=2&c="), {"a": ["1", "2"], "b": "x y", "c": ""})
        self.assertEqual(self.data(b"", "application/json", "/p"), {})

    def test_any_other_body_is_text_or_base64(self) -> None:
        self.assertEqual(self.data("grüß".encode(), "text/plain"), {"body": "grüß"})
        self.assertEqual(self.data(b'{"a":1}', "text/plain"), {"body": '{"a":1}'})
        self.assertEqual(self.data(b"no json", None), {"body": "no json"})
        raw = b"\xff\x00\xfe"
        want = {"body": base64.b64encode(raw).decode(), "encoding": "base64"}
        self.assertEqual(self.data(raw, "application/octet-stream"), want)
        self.assertEqual(self.data(raw, None), want)

    def test_a_body_that_is_declared_json_and_is_not_is_refused_before_the_handler(self) -> None:
        for body in (b"{", b'{"a": NaN}', b"\xff", b"[" * 200_000, b'{"a":1} x'):
            answer = self.server.call("POST", "/", body, {"Content-Type": "application/json", "X-Request-ID": "req_1"})
            self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (400, "bad_request"))
            self.assertEqual((answer.json["error"], answer.json["requestId"]), ("bad_request", "req_1"))

    def test_the_context_tells_the_request(self) -> None:
        sent = {"X-CUSTOM": "v", "X-Request-ID": "req_7", "Content-Type": "text/plain"}
        got = self.server.call("PUT", "/a%20b/c?q=1", b"raw", sent).json
        self.assertEqual((got["method"], got["path"], got["query"]), ("PUT", "/a%20b/c", {"q": "1"}))
        self.assertEqual((got["request_id"], got["header"]), ("req_7", "v"))
        self.assertEqual((got["org"], got["function"], got["revision"]), ("acme", "f", "f-00001"))
        self.assertEqual(base64.b64decode(got["body"]), b"raw")
        self.assertTrue(19 < got["deadline"] <= 20 and got["cancelled"] is False, got)

    def test_a_request_id_is_made_where_none_is_sent(self) -> None:
        self.assertRegex(self.server.call().json["request_id"], r"^req_[0-9A-HJKMNP-TV-Z]{26}$")

    def test_the_trigger_has_defaults(self) -> None:
        kind, source, ident, attempt, stamp = self.server.call("POST", "/x?y").json["trigger"]
        self.assertEqual((kind, source, ident, attempt), ("http", "/x", "", 1))
        self.assertRegex(stamp, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_the_trigger_comes_from_the_headers(self) -> None:
        sent = {
            "X-Function-Trigger": "mq", "X-Function-Trigger-Source": "mq.batch", "X-Function-Trigger-Id": "trg_1",
            "X-Function-Attempt": "3", "X-Function-Trigger-Timestamp": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        got = self.server.call(headers=sent).json["trigger"]
        self.assertEqual(got, ["mq", "mq.batch", "trg_1", 3, "2026-01-01T00:00:00Z"])

    def test_the_deadline_comes_from_the_header(self) -> None:
        got = self.server.call(headers={"X-Function-Deadline-Ms": "5000"}).json["deadline"]
        self.assertTrue(4 < got <= 5, got)

    def test_chunked_bodies_and_expect_100_are_taken(self) -> None:
        with self.server.raw(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        ) as sock:
            self.assertEqual(read_until(sock, b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
            for byte in b'4;ext=1\r\n{"a"\r\n3\r\n:1}\r\n0\r\nTrailer: x\r\n\r\n':
                sock.sendall(bytes([byte]))
            answer = read_until(sock, b"}")
        self.assertEqual(json.loads(answer.split(b"\r\n\r\n", 1)[1])["data"], {"a": 1})

    def test_requests_sent_ahead_are_answered_in_order(self) -> None:
        many = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(200))
        answer = self.server.exchange(many + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        bodies = [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
        self.assertEqual([json.loads(b)["path"] for b in bodies], [f"/{i}" for i in range(200)] + ["/last"])

    def test_a_body_that_arrives_in_pieces_is_whole(self) -> None:
        body = bytes(range(256)) * 8192
        got = self.server.call("POST", "/", body, {"Content-Type": "image/png"}).json
        self.assertEqual(base64.b64decode(got["body"]), body)
        self.assertEqual(base64.b64decode(got["data"]["body"]), body)

    def test_http_1_0_is_answered_and_closed(self) -> None:
        answer = self.server.exchange(b"GET /old HTTP/1.0\r\n\r\n")
        self.assertIn(b"200 OK", answer)
        self.assertIn(b"connection: close", answer)

    def test_malformed_requests_are_refused_and_closed(self) -> None:
        bad = {
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nA: b\n\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nA : b\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n": b"400",
            b"GET  / HTTP/1.1\r\n\r\n": b"400",
            b"GET / HTTP/2.0\r\n\r\n": b"400",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n": b"501",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": b"400",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n": b"400",
            b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n": b"413",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n": b"413",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: more\r\n\r\n": b"417",
            b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n": b"431",
        }
        for request, status in bad.items():
            answer = self.server.exchange(request)
            self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), (request[:80], answer[:80]))
        self.assertEqual(self.server.call().status, 200)

    def test_head_is_answered_without_a_body(self) -> None:
        answer = self.server.exchange(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertRegex(answer, rb"content-length: [1-9]")
        self.assertTrue(answer.endswith(b"\r\n\r\n"), answer)

    def test_answers_name_the_instance_and_the_duration(self) -> None:
        headers = self.server.call().headers
        self.assertEqual(headers["X-Function-Instance"], "fn-f-00001-local-1")
        self.assertRegex(headers["X-Function-Duration-Ms"], r"^\d+\.\d$")

    def test_paths_of_the_platform_never_reach_the_handler(self) -> None:
        for path in ("/.hanzo/", "/.hanzo/other"):
            self.assertEqual(self.server.call("POST", path).status, 404)


