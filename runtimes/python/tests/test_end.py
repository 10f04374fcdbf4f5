"""How a server ends: signals, the pipe of the platform, exits of user code."""

import os
import signal
import subprocess

from harness import ServerCase, UnixConnection, read_all, read_until

HANDLER = '''
import asyncio, atexit, sys, os, threading, time

atexit.register(lambda: print("at exit"))
go = threading.Event()

def handle(ctx):
    if ctx.path == "/wait":
        print("waiting")
        time.sleep(0.3)
        return "done"
    if ctx.path == "/hang":
        print("hanging")
        while True:
            time.sleep(0.01)
    if ctx.path == "/spin":
        print("spinning")
        while True:
            pass
    if ctx.path == "/exit": sys.exit(3)
    if ctx.path == "/quit": exit("with words")
    if ctx.path == "/hard": os._exit(9)
    return "ok"

async def handle_async(ctx):
    if ctx.path == "/block":
        print("blocking")
        while True:
            pass
    if ctx.path == "/task":
        async def leave(): sys.exit(4)
        await asyncio.create_task(leave())
    return handle(ctx)
'''


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class End(ServerCase):
    def test_sigterm_lets_running_calls_go_on_and_takes_no_new_ones(self) -> None:
        server = self.ready(HANDLER)
        idle = UnixConnection(server.socket)
        self.addCleanup(idle.close)
        idle.request("GET", "/")
        idle.getresponse().read()
        with server.raw(get("/wait")) as sock:
            server.out.wait(lambda line: line["msg"] == "waiting")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(idle.sock.recv(1), b"")
            with self.assertRaises(OSError):
                server.call()
            answer = read_all(sock)
        self.assertTrue(answer.endswith(b"done"), answer)
        self.assertIn(b"connection: close", answer)
        self.assertEqual(server.wait_exit(), 0)
        self.assertEqual(server.out.wait_end()[-1]["msg"], "at exit")

    def test_an_idle_server_ends_at_once(self) -> None:
        server = self.instance().start()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)

    def test_the_drain_time_is_the_most_that_is_waited(self) -> None:
        server = self.instance({"HANZO_FN_DRAIN_MS": "100"}, handler=HANDLER).start()
        server.specialise("handler.handle")
        with server.raw(get("/hang")):
            server.out.wait(lambda line: line["msg"] == "hanging")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), 0)

    def test_a_second_sigterm_ends_at_once(self) -> None:
        server = self.ready(HANDLER)
        with server.raw(get("/hang")) as sock:
            server.out.wait(lambda line: line["msg"] == "hanging")
            server.process.send_signal(signal.SIGTERM)
            # The socket is gone once the drain has begun.
            while os.path.exists(server.socket):
                self.assertIsNone(server.process.poll())
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), 0)
            sock.close()

    def test_the_end_of_standard_input_ends_the_server_whatever_user_code_does(self) -> None:
        for entry, path, word in (("handle", "/", None), ("handle", "/spin", "spinning"), ("handle_async", "/block", "blocking")):
            server = self.ready(HANDLER, f"handler.{entry}")
            with server.raw(get(path)):
                if word:
                    server.out.wait(lambda line, word=word: line["msg"] == word)
                server.process.stdin.close()
                self.assertEqual(server.wait_exit(), 0)

    def test_standard_input_that_is_no_pipe_is_not_watched(self) -> None:
        server = self.instance(stdin=subprocess.DEVNULL, handler=HANDLER).start()
        server.specialise("handler.handle")
        self.assertEqual(server.call().body, b"ok")

    def test_an_exit_of_user_code_keeps_its_code(self) -> None:
        for entry, path, code in (
            ("handle", "/exit", 3), ("handle", "/quit", 1), ("handle", "/hard", 9), ("handle_async", "/exit", 3),
            ("handle_async", "/task", 4),
        ):  # fmt: skip
            server = self.ready(HANDLER, f"handler.{entry}")
            with self.subTest(path), server.raw(get(path)) as sock:
                self.assertEqual(read_all(sock), b"")
                self.assertEqual(server.wait_exit(), code)

    def test_a_call_on_an_open_connection_while_draining_is_refused(self) -> None:
        server = self.ready(HANDLER)
        with server.raw(get("/wait") + get("/late")) as sock:
            server.out.wait(lambda line: line["msg"] == "waiting")
            server.process.send_signal(signal.SIGTERM)
            answer = read_until(sock, b"done")
            self.assertIn(b"connection: close", answer)
            self.assertEqual(read_all(sock), b"")
        self.assertEqual(server.wait_exit(), 0)
