import { chmod, cp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ImageRuntime, RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { tempDir } from "@hanzo-fn/testkit";
import { describe, expect, it, type TestContext } from "vitest";
import { unpackedImage } from "../conformance/container.ts";
import { processes } from "../conformance/languages.ts";
import { Container, needImages } from "./container.ts";

/** As the specification's compose file writes it. */
const COMMAND = ["hanzo-fn-agent", "--mode=dev", "--source=/app"];

interface Example {
  readonly file: string;
  readonly entry: string;
  /** A handler that answers with the text. */
  readonly code: (text: string) => string;
}

const EXAMPLES: Readonly<Record<string, readonly [ImageRuntime, Example]>> = {
  python: [
    "python",
    { file: "handler.py", entry: "handler.run", code: (text) => `def run(ctx):\n    return "${text}"\n` },
  ],
  "typescript, of JavaScript": [
    "typescript",
    { file: "handler.mjs", entry: "handler.run", code: (text) => `export const run = () => "${text}";\n` },
  ],
  "typescript, of TypeScript that imports the SDK": [
    "typescript",
    {
      file: "handler.ts",
      entry: "handler.run",
      code: (text) =>
        `import { Context, Response } from '@hanzo/functions'
export async function run(ctx: Context): Promise<Response> { return Response.text("${text}" as string) }
`,
    },
  ],
};

async function develop(context: TestContext, runtime: ImageRuntime, source: string): Promise<Container> {
  const image = await unpackedImage(needImages(context), RUNTIME_IMAGES[runtime]);
  await chmod(source, 0o755);
  return Container.start(image, { args: COMMAND, folders: { "/app": source } });
}

describe("hanzo-fn-agent --mode=dev in its image", () => {
  for (const [name, [runtime, { file, entry, code }]] of Object.entries(EXAMPLES)) {
    it(`serves the code of the last save, and ends on SIGTERM (${name})`, async (context) => {
      await using source = await tempDir();
      await writeFile(join(source.path, "function.yaml"), `name: f\nentry: ${entry}\n`);
      await writeFile(join(source.path, file), code("first"));
      await using container = await develop(context, runtime, source.path);
      await container.answers("first");
      await writeFile(join(source.path, file), code("second, a longer one"));
      await container.answers("second, a longer one");
      container.kill("SIGTERM");
      expect(await container.exited).toBe(0);
    });
  }

  it.for(["python", "typescript"] as const)(
    "says what is missing where there is no entry, and begins when it comes (%s)",
    async (runtime, context) => {
      await using source = await tempDir();
      const [, { file, entry, code }] = EXAMPLES[runtime] ?? EXAMPLES["typescript, of JavaScript"]!;
      await writeFile(join(source.path, file), code("well"));
      await using container = await develop(context, runtime, source.path);
      await container.says("no entry: /app/function.yaml has no line 'entry: ...'");
      await writeFile(join(source.path, "function.yaml"), `entry: ${entry}\n`);
      await container.answers("well");
      container.kill("SIGTERM");
      expect(await container.exited).toBe(0);
    },
  );

  it("shows an error of the code, and serves again after the next save", async (context) => {
    await using source = await tempDir();
    await writeFile(join(source.path, "function.yaml"), "entry: handler.run\n");
    await writeFile(join(source.path, "handler.py"), "def run(ctx:\n");
    await using container = await develop(context, "python", source.path);
    await container.says("load failed: syntax_error");
    await writeFile(join(source.path, "handler.py"), "def run(ctx):\n    return 'mended'\n");
    await container.answers("mended");
  });

  it.for(["go", "rust"] as const)(
    "runs the compiled function, and anew when it is replaced (%s)",
    { timeout: 300_000 },
    async (runtime, context) => {
      await using source = await tempDir();
      const function_ = join(source.path, "function");
      const put = async (fixture: string): Promise<void> => {
        await cp((await processes[runtime].program(fixture)).command, `${function_}.new`);
        await chmod(`${function_}.new`, 0o755);
        await rename(`${function_}.new`, function_);
      };
      await using container = await develop(context, runtime, source.path);
      await container.says("/app/function does not start");
      await put("faults");
      await container.answers("well");
      await put("echo");
      await container.until("the other program answers", async () =>
        (await (await container.call("/echo")).text()).includes("path"),
      );
      await rm(function_);
      container.kill("SIGTERM");
      expect(await container.exited).toBe(0);
    },
  );
});

describe("hanzo-fn-agent in its image", () => {
  it.for(["python", "typescript", "go", "rust"] as const)(
    "says in a sentence what it does not know (%s)",
    async (runtime, context) => {
      const image = await unpackedImage(needImages(context), RUNTIME_IMAGES[runtime]);
      await using container = await Container.start(image, { args: ["hanzo-fn-agent", "--mode=other"] });
      expect(await container.exited).toBe(64);
      expect(container.output).toMatch(/--mode/);
    },
  );

  it.for(["go", "rust"] as const)("says that there is no program in /app (%s)", async (runtime, context) => {
    const image = await unpackedImage(needImages(context), RUNTIME_IMAGES[runtime]);
    await using container = await Container.start(image);
    expect(await container.exited).toBe(66);
    expect(container.output).toContain("this image has no compiler: put the compiled function there");
  });
});
