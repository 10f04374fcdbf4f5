import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openLayout, PLATFORM_IMAGE } from "@hanzo-fn/oci";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../cli/src/version.ts";
import { assemblePlatform } from "../../scripts/images/platform.ts";
import { ROOT } from "../../scripts/run-command.ts";
import { unpackedImage } from "../conformance/container.ts";
import { Container, needImages } from "./container.ts";

const signal = AbortSignal.timeout(600_000);

describe("the platform's own image", { timeout: 600_000 }, () => {
  it("runs hanzo-fn as an ordinary user on a read-only root, and has equal digests", async (context) => {
    const folder = needImages(context);
    const layout = await openLayout(folder);
    const { digest } = await assemblePlatform(layout, signal);
    expect((await assemblePlatform(layout, signal)).digest).toBe(digest);
    const image = await unpackedImage(folder, PLATFORM_IMAGE);
    expect(image.config).toMatchObject({ User: "65532:65532", Cmd: ["serve"] });
    const run = async (...words: string[]): Promise<string> => {
      const args = [...(image.config?.Entrypoint ?? []), ...words];
      await using container = await Container.start(image, { args });
      expect([words, await container.exited, container.output]).toEqual([words, 0, expect.any(String)]);
      return container.output;
    };
    expect((await run("--version")).trim()).toBe(VERSION);
    expect(await run("serve", "--help")).toContain("Run the platform");
    // What the machine lacks is said, and what the platform needs is there.
    expect(await run("doctor", "-o", "json")).toMatch(/python/i);
  });

  it("carries nothing that only developers use", async () => {
    const { shippedFiles } = await import("../../scripts/images/platform.ts");
    const { stdout } = await promisify(execFile)("git", ["ls-files"], { cwd: ROOT, maxBuffer: 2 ** 24 });
    const shipped = shippedFiles(stdout.split("\n"));
    expect(shipped).toContain("cli/src/main.ts");
    expect(shipped).toContain("runtimes/python/server_main.py");
    const foreign =
      /^(e2e|benchmarks|docs|examples|scripts|packages\/testkit)\/|(?<!templates\/.*)\.test\.ts$/;
    expect(shipped.filter((file) => foreign.test(file))).toEqual([]);
  });
});
