"""Every way to write a line, and whose request id it carries."""

import os
import re
import threading

from harness import ServerCase

WRITERS = '''
import asyncio, concurrent.futures, logging, os, subprocess, sys, threading, warnings

log = logging.getLogger("my.module")

def write(name):
    print(name, "print")

def handle(ctx):
    what = ctx.path[1:]
    if what == "all":
        ctx.log.debug("d")
        ctx.log.info("i", {"n": 1, "o": object, "nan": float("nan")}, more="m")
        ctx.log.warn("w")
        ctx.log.error("two\\nlines")
        print("out", 1, "ä")
        print("err", file=sys.stderr)
        sys.stdout.buffer.write(b"raw bytes\\n")
        log.info("logged %s", "x")
        log.debug("not shown")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("caught")
            ctx.log.exception("caught too")
        warnings.warn("careful")
    if what == "begun":
        print("no line break", end="")
    if what == "lines":
        sys.stdout.write("a\\nb\\r\\nc")
        sys.stdout.flush()
        sys.stdout.write("d\\n")
    if what == "large":
        print("x" * 100_000 + "ä")
        ctx.log.info("fields", {"x": "y" * 100_000})
    if what == "child":
        subprocess.run([sys.executable, "-c", "print('from a child')"])
        os.write(1, b"straight to one\\n")
        os.write(2, b"straight to two\\n")
    if what == "fork":
        pid = os.fork()
        if pid == 0:
            print("from a fork")
            os._exit(0)
        os.waitpid(pid, 0)
    if what == "thread":
        def die():
            raise ValueError("in a thread")
        thread = threading.Thread(target=die)
        thread.start()
        thread.join()
    if what == "many":
        for number in range(200):
            print(ctx.request_id, number)
            ctx.log.info(f"{ctx.request_id} {number}")
    if what == "flood":
        line = "z" * 1000
        for _ in range(ctx.data["lines"] if "lines" in ctx.data else 100_000):
            print(line)

async def handle_async(ctx):
    if ctx.path == "/flood":
        handle(ctx)
        return
    async def task():
        await asyncio.sleep(0.001)
        write("task")
    asyncio.current_task()
    write("before")
    await asyncio.sleep(0.001)
    write("after")
    await asyncio.gather(task(), asyncio.create_task(task()))
    await asyncio.to_thread(write, "to_thread")
    await asyncio.get_running_loop().run_in_executor(None, write, "executor")
    asyncio.get_running_loop().call_soon(write, "call_soon")
    await asyncio.sleep(0.001)

async def handle_loop_error(ctx):
    def fail():
        raise ValueError("in a callback")
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.001)
'''


class Logs(ServerCase):
    def lines(self, path: str, entry: str = "handler.handle"):
        server = self.ready(WRITERS, entry)
        self.assertIn(server.call("GET", path, None, {"X-Request-ID": "req_a"}).status, (200, 204))
        # SIGTERM: the end flushes, so that everything is there.
        server.process.terminate()
        server.wait_exit()
        self.server = server
        return server.out.wait_end()

    def test_every_way_carries_the_request_id(self) -> None:
        lines = self.lines("/all")
        self.assertEqual([line["request_id"] for line in lines], ["req_a"] * len(lines))
        got = [(line["level"], line["msg"], line["stream"]) for line in lines]
        self.assertEqual(got[:7], [
            ("debug", "d", "log"), ("info", "i", "log"), ("warn", "w", "log"), ("error", "two\nlines", "log"),
            ("info", "out 1 ä", "stdout"), ("error", "err", "stderr"), ("info", "raw bytes", "stdout"),
        ])  # fmt: skip
        self.assertEqual(lines[1]["fields"], {"n": "1", "o": "<class 'object'>", "nan": "nan", "more": "m"})
        self.assertEqual((lines[7]["msg"], lines[7]["fields"], lines[7]["level"]), ("logged x", {"logger": "my.module"}, "info"))
        self.assertIn("ZeroDivisionError", lines[8]["fields"]["trace"])
        self.assertIn("ZeroDivisionError", lines[9]["fields"]["trace"])
        self.assertEqual(lines[10]["level"], "warn")
        self.assertTrue(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]) for line in lines))

    def test_the_id_is_carried_across_awaits_tasks_and_threads(self) -> None:
        lines = self.lines("/", "handler.handle_async")
        self.assertEqual([line.get("request_id") for line in lines], ["req_a"] * 7)
        self.assertEqual(
            [line["msg"].split()[0] for line in lines],
            ["before", "after", "task", "task", "to_thread", "executor", "call_soon"],
        )

    def test_text_is_split_at_line_breaks_and_the_rest_waits_for_the_end(self) -> None:
        self.assertEqual([line["msg"] for line in self.lines("/begun")], ["no line break"])
        self.assertEqual([line["msg"] for line in self.lines("/lines")], ["a", "b", "cd"])

    def test_a_long_line_is_cut_and_marked(self) -> None:
        text, fields = self.lines("/large")
        self.assertEqual((len(text["msg"]), text["truncated"]), (65536, 100_002 - 65536))
        self.assertNotIn("fields", fields)
        self.assertGreater(fields["truncated"], 100_000)

    def test_children_and_raw_writes_stay_plain_text(self) -> None:
        lines = self.lines("/child")
        self.assertEqual(lines, ["from a child", "straight to one"])
        self.assertEqual(self.server.err.wait_end(), ["straight to two"])

    def test_a_fork_writes_too(self) -> None:
        self.assertIn("from a fork", str(self.lines("/fork")))

    def test_an_exception_in_a_thread_or_callback_of_the_user_is_logged(self) -> None:
        (line,) = self.lines("/thread")
        self.assertEqual((line["level"], line["fields"]), ("error", {"error": "ValueError"}))
        self.assertIn("in a thread", line["msg"])
        (line,) = self.lines("/", "handler.handle_loop_error")
        self.assertIn("in a callback", line["msg"])

    def test_calls_beside_each_other_keep_their_lines_apart(self) -> None:
        server = self.ready(WRITERS)
        ids = [f"req_{n}" for n in range(8)]
        threads = [threading.Thread(target=server.call, args=("GET", "/many", None, {"X-Request-ID": i})) for i in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.process.terminate()
        server.wait_exit()
        lines = server.out.wait_end()
        self.assertEqual(len(lines), 8 * 400)
        for ident in ids:
            for stream in ("stdout", "log"):
                got = [line["msg"] for line in lines if line["request_id"] == ident and line["stream"] == stream]
                self.assertEqual(got, [f"{ident} {n}" for n in range(200)])

    def test_a_flood_of_lines_leaves_the_loop_alive_and_memory_small(self) -> None:
        for entry in ("handler.handle", "handler.handle_async"):
            server = self.ready(WRITERS, entry, concurrency=2)
            answer = server.call("GET", "/flood")
            self.assertEqual(answer.status, 204)
            with open(f"/proc/{server.process.pid}/status") as file:
                high = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
            self.assertLess(high, 60_000, "kB at most")
            self.assertEqual(server.state(), "ready")

    def test_a_reader_that_stands_still_does_not_stop_the_loop(self) -> None:
        server = self.instance(handler=WRITERS)
        server.start()
        # Nobody reads: the child's output goes to a pipe that this test holds.
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        import subprocess
        import sys

        from harness import ROOT

        server.process.kill()
        server.process.wait()
        os.unlink(server.socket)
        server.process.stdin.close()
        server.process = subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.join(ROOT, "server_main.py")], env=server._env,
            stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writer)
        while not os.path.exists(server.socket):
            self.assertIsNone(server.process.poll())
        self.assertEqual(server.specialise("handler.handle_async").status, 200)
        self.assertEqual(server.call("GET", "/flood?lines=1", None, {"X-Function-Deadline-Ms": "15000"}).status, 500)
        self.assertEqual(server.call("POST", "/flood", b'{"lines": 5000}', {"Content-Type": "application/json"}).status, 204)
        self.assertEqual(server.state(), "ready")
        # Once it is read, the loss is told.
        data = b""
        while b"were dropped" not in data:
            data += os.read(reader, 65536)
