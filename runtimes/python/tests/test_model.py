"""ctx.model: where a model is found, once for the process, and what is said where it is not."""

import hashlib
import os
import threading

from gateway import TestGateway
from harness import ServerCase

HANDLER = '''
from hanzo.functions import GatewayError

def sync(ctx):
    try:
        model = ctx.model(ctx.data.get("name", "small"))
        return {"path": model.path, "name": model.name, "same": model is ctx.model(model.name)}
    except GatewayError as error:
        return {"code": error.code, "message": error.message}

async def aio(ctx):
    try:
        model = await ctx.model(ctx.data.get("name", "small"))
        again = await ctx.model(model.name)
        return {"path": model.path, "name": model.name, "same": model._model is again._model}
    except GatewayError as error:
        return {"code": error.code, "message": error.message}
'''


class Models(ServerCase):
    entry = "handler.sync"

    def server(self, **order):
        server = self.instance(handler=HANDLER).start()
        gateway = TestGateway(os.path.join(server.dir, "g"))
        self.addCleanup(gateway.close)
        os.makedirs(os.path.join(server.dir, "models", "small"))
        with open(os.path.join(server.dir, "models", "small", "config.json"), "w") as file:
            file.write("{}")
        order = {"gateway": gateway.order, "models": os.path.join(server.dir, "models"), **order}
        self.assertEqual(server.specialise(self.entry, **order).status, 200)
        return server, gateway

    def test_the_directory_of_models_comes_first_and_nobody_is_asked(self) -> None:
        server, gateway = self.server()
        want = {"path": os.path.join(server.dir, "models", "small"), "name": "small", "same": True}
        self.assertEqual(server.call().json, want)
        self.assertEqual(gateway.seen, [])

    def test_then_the_gateway_is_asked_once_however_many_wait(self) -> None:
        server, gateway = self.server()
        elsewhere = os.path.join(server.dir, "elsewhere")
        os.makedirs(elsewhere)
        gateway.memory.models["far"] = elsewhere
        gate = gateway.held["/v1/models"] = threading.Event()
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(server.call("GET", "/?name=far").json)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        self.assertTrue(gateway.reached.wait(10))
        gate.set()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [{"path": elsewhere, "name": "far", "same": True}] * 4)
        self.assertEqual(len(gateway.seen), 1)

    def test_a_model_that_nobody_has_names_every_place_and_is_looked_for_again(self) -> None:
        server, gateway = self.server()
        for _ in range(2):
            answer = server.call("GET", "/?name=none").json
            self.assertEqual(answer["code"], "not_found")
            self.assertIn("looked at the models given to the test", answer["message"])
            self.assertIn(os.path.join(server.dir, "models", "none"), answer["message"])
        self.assertEqual(len(gateway.seen), 2)
        for name in ("../small", "..", "a/b/c", "", "%00"):
            self.assertEqual(server.call("GET", f"/?name={name}").json["code"], "bad_request", name)

    def test_without_a_gateway_the_place_is_named_too(self) -> None:
        server, _ = self.server(gateway=None)
        answer = server.call("GET", "/?name=none").json
        self.assertEqual(answer["code"], "unavailable")
        self.assertIn(os.path.join(server.dir, "models", "none"), answer["message"])

    def test_files_of_a_model_on_another_disk_are_fetched_and_checked(self) -> None:
        server, gateway = self.server()
        files = {"config.json": b"{}", "onnx/model.onnx": b"graph" * 1000}
        listed = [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
        ]
        gateway.memory.remote["far"] = ("sha256:abc", files, listed)
        path = server.call("GET", "/?name=far").json["path"]
        for name, data in files.items():
            with open(os.path.join(path, name), "rb") as file:
                self.assertEqual(file.read(), data)
        listed[0]["sha256"] = "0" * 64
        gateway.memory.remote["bad"] = ("sha256:def", files, listed)
        self.assertIn("came damaged", server.call("GET", "/?name=bad").json["message"])

    def test_a_call_whose_deadline_passes_while_a_model_loads_ends(self) -> None:
        server, gateway = self.server()
        gateway.memory.models["far"] = server.dir
        gate = gateway.held["/v1/models"] = threading.Event()
        self.assertEqual(server.call("GET", "/?name=far", None, {"X-Function-Deadline-Ms": "150"}).status, 504)
        gate.set()
        self.assertEqual(server.call("GET", "/?name=far").json["path"], server.dir)


class ModelsOfAsyncHandlers(Models):
    entry = "handler.aio"
