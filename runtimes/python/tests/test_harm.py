"""Handlers that behave badly: the server goes on, or ends in a way that tells the platform."""

import signal
import time

from harness import ServerCase, read_all, read_until

HANDLER = '''
import asyncio, builtins, json, os, resource, signal, socket, subprocess, sys, threading, time

real_sleep = time.sleep

def broken(*_, **__):
    raise RuntimeError("patched")

def work(ctx):
    path = ctx.path
    if path == "/spin":
        while True:
            pass
    if path == "/sleep":
        time.sleep(1.2)
    if path == "/swallow":
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                while time.monotonic() < end:
                    pass
            except TimeoutError:
                pass
    if path == "/late":
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            try:
                real_sleep(0.02)
            except TimeoutError:
                pass
        return "too late"
    if path == "/child-exit":
        child = subprocess.Popen(["sleep", "30"])
        ctx.log.info(f"child {child.pid}")
        sys.exit(4)
    if path == "/closerange":
        os.closerange(3, 1024)
    if path == "/close012":
        os.closerange(0, 3)
    if path == "/reuse":
        os.close(1)
        fd = os.open("stolen", os.O_CREAT | os.O_RDWR)
        print("to the platform")
        return [fd, os.path.getsize("stolen")]
    if path == "/chdir":
        os.chdir("/")
        return os.getcwd()
    if path == "/patch":
        for module, names in ((builtins, ("open", "print", "__import__")), (json, ("dumps", "loads")),
                              (os, ("write", "urandom")), (socket, ("socket",)), (threading, ("Thread", "Event", "Lock")),
                              (time, ("time", "monotonic", "sleep", "strftime"))):
            for name in names:
                setattr(module, name, broken)
        sys.stdout = sys.stderr = None
    if path == "/raise":
        raise ValueError("after the patch")
    if path == "/binary":
        sys.stdout.buffer.write(bytes(range(256)) + b"\\n")
        os.write(1, b"\\xff\\xfe\\x00raw\\n")
    if path == "/long":
        print("x" * (10 << 20))
    if path == "/memory":
        soft = int(open("/proc/self/statm").read().split()[0]) * 4096 + (200 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))
        held = []
        while True:
            held.append(bytearray(8 << 20))
    if path == "/recursion":
        def deeper(n):
            return deeper(n + 1)
        deeper(0)
    if path == "/fork-exit":
        pid = os.fork()
        if pid == 0:
            sys.exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if path == "/fork-return":
        pid = os.fork()
        if pid:
            return ["parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        return "child"
    if path == "/fork-raise":
        pid = os.fork()
        if pid:
            return ["parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        raise ValueError("in the child")
    if path == "/stop-loop":
        loop.stop()
    if path == "/stream":
        return pieces()
    return "well"

loop = asyncio.get_event_loop()

def pieces():
    yield "first"
    raise ValueError("in the middle")

async def aio(ctx):
    return work(ctx)
'''


class SyncHandlers(ServerCase):
    entry = "handler.work"

    def setUp(self) -> None:
        self.server = self.ready(HANDLER, self.entry)

    def well(self) -> None:
        for _ in range(2):
            answer = self.server.call("GET", "/")
            self.assertEqual((answer.status, answer.body), (200, b"well"))
        self.assertEqual(self.server.state(), "ready")

    def test_one_that_computes_or_waits_for_ever_is_ended_at_its_deadline(self) -> None:
        for path in ("/spin", "/sleep", "/swallow"):
            with self.subTest(path):
                answer = self.server.call("GET", path, None, {"X-Function-Deadline-Ms": "200"})
                self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (504, "timeout"))
                self.well()

    def test_what_it_returns_after_the_deadline_is_dropped(self) -> None:
        answer = self.server.call("GET", "/late", None, {"X-Function-Deadline-Ms": "50"})
        self.assertEqual(answer.status, 504)
        self.well()

    def test_one_that_starts_a_child_and_exits_ends_the_process_with_its_code(self) -> None:
        self.assertIn(b"", self.server.exchange(b"GET /child-exit HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertEqual(self.server.wait_exit(), 4)
        pid = int(self.server.out.wait(lambda line: line["msg"].startswith("child "))["msg"].split()[1])
        import os

        os.kill(pid, signal.SIGKILL)

    def test_one_that_closes_the_descriptors_of_the_server_ends_the_process_with_1(self) -> None:
        self.server.exchange(b"GET /closerange HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.server.wait_exit(), 1)

    def test_one_that_closes_the_standard_streams_goes_on(self) -> None:
        self.assertEqual(self.server.call("GET", "/close012").status, 200)
        self.well()

    def test_a_file_under_the_number_of_standard_output_gets_no_log_lines(self) -> None:
        self.assertEqual(self.server.call("GET", "/reuse").json, [1, 0])
        self.server.out.wait(lambda line: line["msg"] == "to the platform")
        self.well()

    def test_one_that_changes_the_directory_goes_on(self) -> None:
        self.assertEqual(self.server.call("GET", "/chdir").body, b"/")
        self.well()

    def test_one_that_patches_builtins_and_modules_goes_on(self) -> None:
        self.assertEqual(self.server.call("GET", "/patch").status, 200)
        self.well()
        answer = self.server.call("GET", "/raise", None, {"X-Request-ID": "req_patched"})
        self.assertEqual((answer.status, answer.json["error"]), (500, "handler_error"))
        line = self.server.out.wait(lambda line: line.get("request_id") == "req_patched")
        self.assertIn("ValueError", line["msg"])
        answer = self.server.call("POST", "/", b'{"a": 1}', {"Content-Type": "application/json"})
        self.assertEqual(answer.body, b"well")

    def test_one_that_prints_binary_and_lines_of_10_megabytes_goes_on(self) -> None:
        self.assertEqual(self.server.call("GET", "/binary").status, 200)
        self.server.out.wait(lambda line: isinstance(line, str) and line.endswith("raw"))
        self.assertEqual(self.server.call("GET", "/long").status, 200)
        line = self.server.out.wait(lambda line: isinstance(line, dict) and line["msg"].startswith("xxx"))
        self.assertEqual((len(line["msg"]), line["truncated"]), (65536, (10 << 20) - 65536))
        self.well()

    def test_one_that_raises_in_a_generator_cuts_its_stream_and_nothing_else(self) -> None:
        answer = self.server.exchange(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"first", answer)
        self.assertNotIn(b"0\r\n\r\n", answer)
        self.well()

    def test_one_that_allocates_to_the_limit_or_recurses_for_ever_fails_alone(self) -> None:
        for path, name in (("/memory", "MemoryError"), ("/recursion", "RecursionError")):
            with self.subTest(path):
                answer = self.server.call("GET", path)
                self.assertEqual((answer.status, answer.json["msg"]), (500, f"the handler raised {name}"))
                self.well()

    def test_a_child_that_a_handler_forks_answers_no_call_and_ends(self) -> None:
        self.assertEqual(self.server.call("GET", "/fork-exit").json, 3)
        self.assertEqual(self.server.call("GET", "/fork-return").json, ["parent", 0])
        self.assertEqual(self.server.call("GET", "/fork-raise").json, ["parent", 1])
        self.server.out.wait(lambda line: "in a forked child" in line["msg"])
        self.well()

    def test_one_that_stops_the_event_loop_does_not_end_the_server(self) -> None:
        self.assertEqual(self.server.call("GET", "/stop-loop").status, 200)
        self.well()


class AsyncHandlers(SyncHandlers):
    entry = "handler.aio"

    def test_one_that_blocks_the_event_loop_is_named_with_the_place(self) -> None:
        answer = self.server.call("GET", "/spin", None, {"X-Function-Deadline-Ms": "200", "X-Request-ID": "req_spin"})
        self.assertEqual(answer.status, 504)
        line = self.server.out.wait(lambda line: "the event loop is blocked" in line["msg"])
        self.assertEqual((line["level"], line["request_id"]), ("error", "req_spin"))
        self.assertIn("while True", line["msg"])
        self.assertNotIn("hanzo_runtime", line["msg"])

    def test_neighbours_within_their_deadlines_are_served_after_a_block(self) -> None:
        with self.server.raw(b"GET /spin HTTP/1.1\r\nHost: x\r\nX-Function-Deadline-Ms: 300\r\n\r\n") as sock:
            time.sleep(0.05)
            started = time.monotonic()
            self.well()
            self.assertGreater(time.monotonic() - started, 0.2)
            self.assertTrue(read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 504"))
        answer = self.server.exchange(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertTrue(answer.endswith(b"well"), read_all)
