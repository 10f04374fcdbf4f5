"""``hanzo`` is a namespace package: this SDK lives beside other distributions that ship ``hanzo.*``."""

import os
import subprocess
import sys
import tempfile
import unittest

from harness import ROOT, ServerCase

SDK = os.path.join(ROOT, "sdk")


def distribution(folder: str, name: str, modules: dict[str, str]) -> None:
    """An installed distribution, as an installer leaves it: its modules and its metadata."""
    for module, text in modules.items():
        path = os.path.join(folder, "hanzo", module) + ".py"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    info = os.path.join(folder, f"{name.replace('-', '_')}-1.2.3.dist-info")
    os.makedirs(info)
    with open(os.path.join(info, "METADATA"), "w", encoding="utf-8") as file:
        file.write(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n")


class Beside(ServerCase):
    HANDLER = """
        import importlib.metadata
        import hanzo.engine.client
        from hanzo.engine import WORD
        from hanzo.functions import Context, Response
        import hanzo.functions.testing
        def handle(ctx):
            return [WORD, hanzo.engine.client.NAME, isinstance(ctx, Context),
                    importlib.metadata.version("hanzo-engine"), ctx.cancelled]
    """

    def installed(self) -> str:
        layer = tempfile.TemporaryDirectory()
        self.addCleanup(layer.cleanup)
        distribution(
            layer.name, "hanzo-engine", {"engine/__init__": "WORD = 'engine'", "engine/client": "NAME = 'client'"}
        )
        return layer.name

    def test_another_distribution_and_the_server_share_the_name(self) -> None:
        server = self.instance(handler=self.HANDLER).start()
        answer = server.specialise("handler.handle", paths=[self.installed()])
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(server.call().json, ["engine", "client", True, "1.2.3", False])

    def test_the_sources_own_part_of_the_namespace_counts_too(self) -> None:
        server = self.instance(handler="import hanzo.own\ndef handle(ctx): return hanzo.own.WORD")
        server.write(hanzo__own="WORD = 'own'").start()
        self.assertEqual(server.specialise("handler.handle", paths=[self.installed()]).status, 200)
        self.assertEqual(server.call().body, b"own")


class Installed(unittest.TestCase):
    def test_installed_side_by_side_both_import_in_any_order(self) -> None:
        with tempfile.TemporaryDirectory() as layer:
            distribution(layer, "hanzo-engine", {"engine/__init__": "WORD = 'engine'"})
            for first, second in (("hanzo.engine", "hanzo.functions.testing"), ("hanzo.functions", "hanzo.engine")):
                for path in ([layer, SDK], [SDK, layer]):
                    code = f"import sys; sys.path[:0] = {path!r}; import {first}, {second}; print(hanzo.engine.WORD)"
                    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
                    self.assertEqual(out.stdout, "engine\n")

    def test_the_sdk_needs_nothing_but_the_standard_library_and_no_module_of_hanzo_itself(self) -> None:
        self.assertFalse(os.path.exists(os.path.join(SDK, "hanzo", "__init__.py")))
        code = f"import sys; sys.path.append({SDK!r}); import hanzo.functions, hanzo.functions.testing; print('ok')"
        out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(out.stdout, "ok\n")
