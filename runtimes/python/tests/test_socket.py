"""WebSocket: frames apart and together, and what only Python's side has."""

import os
import sys
import unittest

from harness import ROOT, ServerCase, peak_kb, read_all, read_until

sys.path[:0] = [ROOT, os.path.join(ROOT, "sdk")]

from hanzo_runtime.websocket import (
    MAX_MESSAGE,
    Failed,
    FrameReader,
    close_frame,
    frame,
    parse_close,
    unmask,
)

MASK = b"\x01\x02\x03\x04"
HANDSHAKE = (
    b"GET /%b HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: one, two\r\n\r\n"
)


def client_frame(kind: int, payload: bytes, final: bool = True) -> bytes:
    whole = frame(kind, payload)
    size = len(payload)
    at = 2 if size < 126 else 4 if size < 65536 else 10
    head = bytes((whole[0] if final else kind, whole[1] | 0x80)) + whole[2:at]
    return head + MASK + unmask(payload, MASK)


class Frames(unittest.TestCase):
    def test_messages_of_every_length_in_any_pieces(self) -> None:
        for size in (0, 1, 125, 126, 65535, 65536, 100_000):
            payload = os.urandom(size)
            data = client_frame(2, payload) + client_frame(1, "ä".encode())
            for step in (1 if size < 200 else 1000, 7 if size < 200 else 65536, len(data)):
                reader = FrameReader()
                events = [event for at in range(0, len(data), step) for event in reader.feed(data[at : at + step])]
                self.assertEqual(events, [(2, payload), (1, "ä")])

    def test_a_message_in_frames_with_a_ping_between(self) -> None:
        data = client_frame(1, b"gr\xc3", final=False) + client_frame(9, b"p") + client_frame(0, b"\xbc")
        self.assertEqual(FrameReader().feed(data), [(9, b"p"), (1, "grü")])

    def test_what_breaks_the_protocol_fails_with_its_code(self) -> None:
        for data, code in (
            (frame(1, b"x"), 1002), (b"\xc1\x80" + MASK, 1002), (b"\x83\x80" + MASK, 1002), (b"\x8b\x80" + MASK, 1002),
            (b"\x09\x80" + MASK, 1002), (b"\x89\xfe", 1002), (client_frame(0, b"x"), 1002),
            (client_frame(1, b"x", final=False) + client_frame(1, b"y"), 1002), (client_frame(1, b"\xc3("), 1007),
            (b"\x82\xff" + (MAX_MESSAGE + 1).to_bytes(8, "big"), 1009),
        ):  # fmt: skip
            with self.subTest(data[:8]), self.assertRaises(Failed) as failed:
                FrameReader().feed(data)
            self.assertEqual(failed.exception.code, code)

    def test_closes(self) -> None:
        self.assertEqual(parse_close(b""), (1005, ""))
        self.assertEqual(parse_close(close_frame(4000, "ä")[2:]), (4000, "ä"))
        for payload in (b"\x03", (1005).to_bytes(2, "big"), (999).to_bytes(2, "big"), (5000).to_bytes(2, "big")):
            with self.assertRaises(Failed):
                parse_close(payload)
        with self.assertRaises(Failed) as failed:
            parse_close((1000).to_bytes(2, "big") + b"\xff")
        self.assertEqual(failed.exception.code, 1007)


HANDLER = '''
from hanzo.functions import WebSocketClosed

async def handle(ctx):
    if ctx.path == "/wrong":
        return await ctx.accept("three")
    ws = await ctx.accept("two")
    if ctx.path == "/flood":
        for _ in range(64):
            await ws.send(b"x" * (1 << 20))
        return
    if ctx.path == "/slow":
        await ws.send("go")
        size = 0
        while (message := await ws.receive()) is not None:
            size += len(message)
            if message == "end":
                break
        await ws.send(str(size))
        return
    async for message in ws:
        await ws.send(message)
    try:
        await ws.send("more")
    except WebSocketClosed as error:
        ctx.log.info("closed", code=error.code, seen=ws.close_code, reason=ws.close_reason)

def sync(ctx):
    try:
        ctx.accept().send(None)
    except RuntimeError as error:
        return str(error)
'''


class Sockets(ServerCase):
    def test_a_handshake_with_a_subprotocol_and_frames_sent_at_once(self) -> None:
        server = self.ready(HANDLER)
        with server.raw(HANDSHAKE % b"" + client_frame(1, b"early")) as sock:
            head = read_until(sock, b"early")
            self.assertIn(b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", head)
            self.assertIn(b"sec-websocket-protocol: two\r\n", head)
            self.assertIn(b"x-function-instance: fn-f-00001-local-1\r\n", head)
            sock.sendall(client_frame(8, (4321).to_bytes(2, "big") + b"why"))
            self.assertEqual(read_all(sock), close_frame(4321, ""))
        line = server.out.wait(lambda line: line["msg"] == "closed")
        self.assertEqual(line["fields"], {"code": 4321, "seen": 4321, "reason": "why"})

    def test_a_subprotocol_that_is_not_offered_is_an_error(self) -> None:
        server = self.ready(HANDLER)
        with server.raw(HANDSHAKE % b"wrong") as sock:
            self.assertTrue(read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 500"))

    def test_a_sync_handler_cannot_accept(self) -> None:
        server = self.ready(HANDLER, "handler.sync")
        with server.raw(HANDSHAKE % b"") as sock:
            self.assertIn(b"ctx.accept()", read_until(sock, b"WebSocket"))

    def test_a_client_that_does_not_read_holds_the_handler_back(self) -> None:
        server = self.ready(HANDLER)
        with server.raw(HANDSHAKE % b"flood") as sock:
            data = read_until(sock, b"\r\n\r\n")
            self.assertLess(peak_kb(server.process.pid), 60 * 1024)
            size = len(data)
            while piece := sock.recv(1 << 20):
                size += len(piece)
        self.assertGreater(size, 64 << 20)

    def test_many_messages_ahead_of_the_handler_arrive_in_order(self) -> None:
        server = self.ready(HANDLER)
        with server.raw(HANDSHAKE % b"slow") as sock:
            read_until(sock, b"go")
            for _ in range(100):
                sock.sendall(client_frame(2, b"x" * 65536))
            sock.sendall(client_frame(1, b"end"))
            read_until(sock, b"6553603")
