import { join } from "node:path";
import {
  functionParts,
  type ImageRuntime,
  openLayout,
  RUNTIME_IMAGES,
  writeFunctionImage,
} from "@hanzo-fn/oci";
import { describe, expect, it, type TestContext } from "vitest";
import {
  type Files,
  needGo,
  needRust,
  openBuilder,
  type TestBuilder,
} from "../../packages/builder/test/compiled.ts";
import { unpackedImage } from "../conformance/container.ts";
import { Container, needImages } from "./container.ts";
import { EXAMPLES, type Example } from "./examples.ts";

const HERE = import.meta.dirname;
const signal = AbortSignal.timeout(600_000);

async function builderFor(runtime: ImageRuntime, context: TestContext): Promise<TestBuilder> {
  if (runtime === "go") return openBuilder({ go: needGo(context) });
  if (runtime === "rust") return openBuilder({ rust: needRust(context) });
  return openBuilder({ python: { command: ["/usr/bin/python3"] } });
}

/** Builds the example in a folder of its own and puts it into the layout; answers the image's digest. */
async function imageOf(
  layoutFolder: string,
  runtime: ImageRuntime,
  example: Example,
  context: TestContext,
): Promise<{ readonly name: string; readonly digest: string; readonly layers: number }> {
  const layout = await openLayout(layoutFolder);
  const base = await layout.find(RUNTIME_IMAGES[runtime]);
  if (base === undefined) throw new Error(`${RUNTIME_IMAGES[runtime]} is not in ${layoutFolder}`);
  const builder = await builderFor(runtime, context);
  try {
    const copy = await builder.build(runtime, example.entry, example.files as Files);
    const parts = await functionParts(runtime, copy);
    const name = `acme/${runtime}-function:f-00001`;
    const { digest } = await writeFunctionImage(layout, { name, base: base.descriptor, ...parts }, signal);
    const found = await layout.find(name);
    const own = (found?.manifest.layers.length ?? 0) - base.manifest.layers.length;
    return { name, digest, layers: own };
  } finally {
    await builder[Symbol.asyncDispose]();
  }
}

describe("the image of a function", { timeout: 300_000 }, () => {
  for (const [runtime, example] of Object.entries(EXAMPLES) as [ImageRuntime, Example][]) {
    it(`answers on PORT, drains on SIGTERM and exits with 0, and has equal digests (${runtime})`, async (context) => {
      const layout = needImages(context);
      const one = await imageOf(layout, runtime, example, context);
      const two = await imageOf(layout, runtime, example, context);
      expect(two.digest).toBe(one.digest);
      expect(one.layers).toBe(example.layers);

      const image = await unpackedImage(layout, one.name);
      await using container = await Container.start(image);
      await container.ready();
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify({ name: "Ada" }) };
      expect(await (await container.call("/", init)).text()).toBe(example.answer);
      const running = container.call("/slow");
      await container.says("slow begins");
      container.kill("SIGTERM");
      expect(await (await running).text()).toBe("slow ends");
      expect(await container.exited).toBe(0);
    });

    it(`whose code ends the process keeps its exit code (${runtime})`, async (context) => {
      const layout = needImages(context);
      const { name } = await imageOf(layout, runtime, example, context);
      await using container = await Container.start(await unpackedImage(layout, name));
      await container.ready();
      await expect(container.call("/exit")).rejects.toThrow();
      expect(await container.exited).toBe(7);
    });
  }

  it("whose code does not load ends with 1 and says why", async (context) => {
    const layout = needImages(context);
    const broken = {
      entry: "handler.run",
      files: { "handler.py": "import nowhere\n" },
      answer: "",
      layers: 1,
    };
    const { name } = await imageOf(layout, "python", broken, context);
    await using container = await Container.start(await unpackedImage(layout, name));
    expect(await container.exited).toBe(1);
    expect(container.output).toContain("load failed: import_error");
  });

  it("shares the layer of its dependencies with functions that have the same ones", async (context) => {
    const layout = await openLayout(needImages(context));
    const base = await layout.find(RUNTIME_IMAGES.python);
    if (base === undefined) throw new Error("the runtime image is missing");
    const layersOf = async (code: string): Promise<(string | undefined)[]> => {
      const image = {
        name: `acme/${code}:f-00001`,
        base: base.descriptor,
        entry: "handler.run",
        dependencies: [{ from: join(HERE, "..", "conformance", "suites"), to: "/opt/deps/own" }],
        code: [{ from: join(HERE, code), to: "/app/handler.py" }],
      };
      await writeFunctionImage(layout, image, signal);
      const found = await layout.find(image.name);
      return found?.manifest.layers.slice(-2).map(({ digest }) => digest) ?? [];
    };
    const [one, two] = [await layersOf("setup.ts"), await layersOf("examples.ts")];
    expect(one[0]).toBe(two[0]);
    expect(one[1]).not.toBe(two[1]);
  });
});
