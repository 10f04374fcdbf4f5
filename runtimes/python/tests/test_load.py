"""Boot and specialise: what the environment is, and what each failure is called."""

import json
import os
import sys

from gateway import TestGateway
from harness import TOKEN, ServerCase

HELLO = "def handle(ctx): return 'hello'"


class Specialise(ServerCase):
    def failure(self, entry: str = "handler.handle", **files: str) -> dict[str, str]:
        server = self.instance(**files).start()
        answer = server.specialise(entry)
        self.assertEqual(answer.status, 422, answer.body)
        self.assertEqual(server.state(), "failed")
        self.assertEqual(server.call("GET", "/.hanzo/ready").status, 503)
        self.assertEqual(server.call().json["error"], "not_ready")
        self.assertEqual(server.specialise(entry).status, 409)
        return answer.json["error"]

    def test_a_worker_is_generic_then_ready(self) -> None:
        server = self.instance(handler=HELLO).start()
        self.assertEqual(server.state(), "generic")
        self.assertEqual(server.call("GET", "/.hanzo/ready").status, 503)
        answer = server.call()
        self.assertEqual((answer.status, answer.headers["X-Function-Error"]), (503, "not_ready"))
        answer = server.specialise("handler.handle")
        self.assertEqual((answer.status, list(answer.json)), (200, ["load_ms"]))
        self.assertEqual((server.state(), server.call("GET", "/.hanzo/ready").json), ("ready", {"state": "ready"}))
        self.assertEqual(server.call().body, b"hello")
        self.assertEqual(server.specialise("handler.handle").status, 409)

    def test_specialise_demands_the_token_and_an_order(self) -> None:
        server = self.instance(handler=HELLO).start()
        for headers in ({}, {"X-Hanzo-Control": "wrong"}):
            self.assertEqual(server.call("POST", "/.hanzo/specialise", b"{}", headers).status, 401)
        for body in (b"", b"x", b"[]", b"{}", b'{"source": 1, "entry": "a.b"}', b'{"source": "/", "entry": "a.b", "paths": 1}'):
            answer = server.call("POST", "/.hanzo/specialise", body, {"X-Hanzo-Control": TOKEN})
            self.assertEqual(answer.status, 400, body)
        self.assertEqual(server.specialise("handler.handle").status, 200)

    def test_without_a_token_specialise_is_refused(self) -> None:
        server = self.instance({"HANZO_FN_CONTROL_TOKEN": ""}, handler=HELLO).start()
        self.assertEqual(server.call("POST", "/.hanzo/specialise", b"{}", {"X-Hanzo-Control": ""}).status, 401)

    def test_a_missing_file_is_named(self) -> None:
        error = self.failure("other.handle", handler=HELLO)
        self.assertEqual(error["kind"], "file_missing")
        self.assertEqual(error["message"], "the entry other.handle needs other.py, which is not in the source; it has handler.py")

    def test_a_syntax_error_has_file_and_line(self) -> None:
        error = self.failure(handler="x = 1\ndef handle(:\n  pass\n")
        self.assertEqual(error["kind"], "syntax_error")
        self.assertTrue(error["message"].startswith("handler.py:2: "), error)

    def test_whatever_is_raised_while_loading_is_an_import_error_with_the_frames_of_the_user(self) -> None:
        error = self.failure(handler="import helper\n", helper="import no_such_module\n")
        self.assertEqual((error["kind"], error["message"]), ("import_error", "ModuleNotFoundError: No module named 'no_such_module'"))
        self.assertIn('helper.py", line 1', error["trace"])
        self.assertNotIn("importlib", error["trace"])
        self.assertNotIn("hanzo_runtime", error["trace"])
        self.assertEqual(self.failure(handler="1 / 0")["kind"], "import_error")
        self.assertEqual(self.failure(handler="raise KeyboardInterrupt")["kind"], "import_error")

    def test_a_missing_entry_lists_what_there_is(self) -> None:
        error = self.failure("handler.nothing", handler="import json\ndef a(ctx): ...\ndef b(ctx): ...\n_c = 1\n")
        self.assertEqual((error["kind"], error["message"]), ("entry_missing", "handler has no nothing; it has a, b"))

    def test_an_entry_that_cannot_be_called_is_invalid(self) -> None:
        self.assertEqual(self.failure(handler="handle = 5")["kind"], "entry_invalid")
        self.assertEqual(self.failure("handler", handler=HELLO)["kind"], "entry_invalid")
        self.assertEqual(self.failure(handler="class handle: ...")["kind"], "entry_invalid")
        self.assertEqual(self.failure(handler="def handle(a, b, c): ...")["kind"], "entry_invalid")

    def test_a_module_that_python_has_itself_is_told_apart(self) -> None:
        error = self.failure("queue.handle", queue=HELLO)
        self.assertEqual(error["kind"], "import_error")
        self.assertIn("rename queue.py", error["message"])

    def test_packages_and_dependencies_are_entries(self) -> None:
        server = self.instance(pkg__inner="from .other import word\ndef handle(ctx): return word", pkg__other="word = 'w'").start()
        self.assertEqual(server.specialise("pkg.inner.handle").status, 200)
        self.assertEqual(server.call().body, b"w")

    def test_the_function_gets_its_environment_and_nothing_of_the_platform(self) -> None:
        server = self.instance(handler="""
            import os, sys, tempfile
            at_import = dict(os.environ)
            def handle(ctx):
                return {"env": dict(os.environ), "same": at_import == dict(os.environ), "cwd": os.getcwd(),
                        "path": sys.path, "tmp": tempfile.gettempdir(), "stdin": sys.stdin.read()}
        """).start()  # fmt: skip
        layer = os.path.join(server.dir, "layer")
        os.mkdir(layer)
        answer = server.specialise("handler.handle", environment={"MODEL": "x"}, paths=[layer])
        self.assertEqual(answer.status, 200)
        got = server.call().json
        env = got["env"]
        self.assertTrue(got["same"])
        self.assertEqual([name for name in env if name.startswith("HANZO_FN_")], [])
        want = {
            "MODEL": "x", "HANZO_FUNCTION": "f", "HANZO_REVISION": "f-00001", "HANZO_ORG": "acme", "K_SERVICE": "f",
            "K_REVISION": "f-00001", "K_CONFIGURATION": "f", "TMPDIR": server.dir,
        }  # fmt: skip
        self.assertEqual({name: env[name] for name in want}, want)
        self.assertEqual((got["cwd"], got["tmp"], got["stdin"]), (server.source, server.dir, ""))
        self.assertEqual(got["path"][:2], [server.source, layer])
        self.assertFalse([path for path in got["path"] if "site-packages" in path or "dist-packages" in path])

    def test_pings_are_answered_while_a_module_never_ends_to_load(self) -> None:
        server = self.instance(handler="print('begun', flush=True)\nwhile True: pass").start()
        sock = server.raw()
        self.addCleanup(sock.close)
        order = json.dumps({"source": server.source, "entry": "handler.handle"})
        sock.sendall(
            f"POST /.hanzo/specialise HTTP/1.1\r\nX-Hanzo-Control: {TOKEN}\r\nContent-Length: {len(order)}\r\n\r\n{order}".encode()
        )
        server.out.wait(lambda line: line["msg"] == "begun")
        self.assertEqual(server.state(), "loading")

    def test_an_exit_while_loading_ends_the_process_with_its_code(self) -> None:
        server = self.instance(handler="import sys\nprint('bye')\nsys.exit(7)").start()
        with self.assertRaises((ConnectionError, OSError)):
            server.specialise("handler.handle")
        self.assertEqual(server.wait_exit(), 7)
        self.assertEqual([line["msg"] for line in server.out.wait_end()], ["bye"])

    def test_a_module_may_use_event_loops_as_it_is_loaded(self) -> None:
        server = self.ready("""
            import asyncio
            async def load(): return "loaded"
            loop = asyncio.get_event_loop()
            value = asyncio.run(load())
            async def handle(ctx):
                return [value, asyncio.get_running_loop() is loop]
        """)
        self.assertEqual(server.call().json, ["loaded", True])


class Namespace(ServerCase):
    def test_hanzo_is_shared_with_other_namespace_packages(self) -> None:
        server = self.instance(handler="""
            import hanzo.mq, hanzo.functions
            from hanzo.functions import Context, Response
            def handle(ctx: Context) -> Response:
                return Response.ok([hanzo.mq.WORD, hanzo.functions.Response is Response])
        """).start()  # fmt: skip
        layer = os.path.join(server.dir, "layer", "hanzo", "mq")
        os.makedirs(layer)
        with open(os.path.join(layer, "__init__.py"), "w") as file:
            file.write("WORD = 'mq'")
        self.assertEqual(server.specialise("handler.handle", paths=[os.path.join(server.dir, "layer")]).status, 200)
        self.assertEqual(server.call().json, ["mq", True])

    def test_a_distribution_that_owns_hanzo_does_not_hide_the_sdk(self) -> None:
        for handler in ("import hanzo\nfrom hanzo.functions import Response", "from hanzo.functions import Response\nimport hanzo", "import hanzo.functions\nfrom hanzo.functions import Response"):
            server = self.instance(handler=handler + """
def handle(ctx):
    import hanzo.client
    return Response.ok([hanzo.WORD, hanzo.client.WORD, hanzo.functions.Response is Response])
""").start()  # fmt: skip
            layer = os.path.join(server.dir, "layer", "hanzo")
            os.makedirs(layer)
            with open(os.path.join(layer, "__init__.py"), "w") as file:
                file.write("WORD = 'owner'")
            with open(os.path.join(layer, "client.py"), "w") as file:
                file.write("WORD = 'client'")
            self.assertEqual(server.specialise("handler.handle", paths=[os.path.dirname(layer)]).status, 200)
            self.assertEqual(server.call().json, ["owner", "client", True])


class SpecialisedBoot(ServerCase):
    def boot(self, handler: str, **env: str):
        server = self.instance(handler=handler)
        server._env.update(
            HANZO_FN_SOURCE=server.source, HANZO_FN_ENTRY="handler.handle", HANZO_FN_FUNCTION="g",
            HANZO_FN_REVISION="g-00002", HANZO_FN_INSTANCE="fn-g", HANZO_FN_ORG="o", **env,
        )  # fmt: skip
        return server.start()

    def test_the_code_is_loaded_at_once(self) -> None:
        server = self.boot("def handle(ctx): return [ctx.function, ctx.revision, ctx.org, ctx.deadline < 2]", HANZO_FN_TIMEOUT_MS="2000")
        while server.state() == "loading":
            pass
        answer = server.call()
        self.assertEqual((answer.json, answer.headers["X-Function-Instance"]), (["g", "g-00002", "o", True], "fn-g"))

    def test_the_gateway_and_the_models_come_from_the_environment_and_are_hidden_from_user_code(self) -> None:
        server = self.instance(handler="""
            import os
            SEEN = [name for name in os.environ if name.startswith("HANZO_FN_")]
            def handle(ctx):
                return [SEEN, ctx.kv.incr("n"), ctx.model("small").path]
        """)
        gateway = TestGateway(os.path.join(server.dir, "g"))
        self.addCleanup(gateway.close)
        models = os.path.join(server.dir, "models")
        os.makedirs(os.path.join(models, "small"))
        server._env.update(
            HANZO_FN_SOURCE=server.source, HANZO_FN_ENTRY="handler.handle", HANZO_FN_MODELS=models,
            HANZO_FN_GATEWAY=gateway.url, HANZO_FN_GATEWAY_TOKEN=gateway.order["token"],
        )  # fmt: skip
        server.start()
        while server.state() == "loading":
            pass
        answer = server.call()
        self.assertEqual(answer.json, [[], 1, os.path.join(models, "small")])
        self.assertRegex(answer.headers["X-Function-Cold-Start"], r"^boot=\d+\.\d, load=\d+\.\d$")

    def test_a_gateway_that_is_no_address_ends_the_process(self) -> None:
        server = self.instance(handler=HELLO)
        server._env.update(
            HANZO_FN_SOURCE=server.source, HANZO_FN_ENTRY="handler.handle", HANZO_FN_GATEWAY="ftp://somewhere"
        )
        server.start()
        self.assertEqual(server.wait_exit(), 1)
        self.assertIn("ftp://somewhere", server.out.wait_end()[-1]["msg"])

    def test_code_that_does_not_load_ends_the_process(self) -> None:
        server = self.instance(handler="1 / 0")
        server._env.update(HANZO_FN_SOURCE=server.source, HANZO_FN_ENTRY="handler.handle")
        server.start()
        self.assertEqual(server.wait_exit(), 1)
        line = server.out.wait_end()[-1]
        self.assertTrue(line["msg"].startswith("load failed: import_error: ZeroDivisionError"), line)
        self.assertEqual(line["level"], "error")

    def test_a_tcp_port_is_served(self) -> None:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = self.instance({"HANZO_FN_SOCKET": "", "PORT": str(port), "HANZO_FN_HOST": "127.0.0.1"}, handler=HELLO)
        server.socket = server.dir  # exists at once
        server.start()
        import http.client
        import time

        for _ in range(500):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", "/.hanzo/ping")
                self.assertEqual(connection.getresponse().read(), b'{"state":"generic"}')
                connection.close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        else:
            self.fail("the port was not served")


class Listening(ServerCase):
    def test_a_server_that_cannot_listen_exits_with_70_and_one_line(self) -> None:
        for env in ({"HANZO_FN_SOCKET": "/no/such/directory/s"}, {"HANZO_FN_SOCKET": ""}, {"HANZO_FN_SOCKET": "/" + "x" * 200}):
            server = self.instance(env)
            server.socket = server.dir  # exists at once, so that start does not wait
            server.start()
            self.assertEqual(server.wait_exit(), 70)
            lines = server.err.wait_end()
            self.assertEqual(len(lines), 1, lines)
            self.assertTrue(lines[0].startswith("cannot listen: "), lines)

    def test_this_python_is_one_that_is_supported(self) -> None:
        self.assertGreaterEqual(sys.version_info, (3, 10))
