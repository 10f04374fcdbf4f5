import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ImageConfig, openLayout, RUNTIME_IMAGES, writeImage } from "@hanzo-fn/oci";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { ROOT } from "../../scripts/run-command.ts";
import { unpackedImage } from "../conformance/container.ts";
import { Container, needImages } from "./container.ts";

const signal = AbortSignal.timeout(120_000);

/** Somebody's image with a Python: the Debian layer of ours, with an entry point and a user of its own. */
async function foreignImage(from: string, to: string, name: string): Promise<void> {
  const ours = await openLayout(from);
  const found = await ours.find(RUNTIME_IMAGES.python);
  const [debian] = found?.manifest.layers ?? [];
  if (found === undefined || debian === undefined) throw new Error("the runtime image is missing");
  const { rootfs, architecture } = await ours.readJson<ImageConfig>(found.manifest.config.digest);
  const theirs = await openLayout(to);
  await theirs.putBlob(await ours.openBlob(debian.digest), signal);
  const layers = [{ descriptor: debian, diffId: rootfs.diff_ids[0] ?? "", createdBy: "somebody" }];
  const config = { Entrypoint: ["/usr/bin/python3.11"], Cmd: ["-i"], User: "root", Env: ["THEIRS=kept"] };
  await writeImage(theirs, name, { architecture, layers, config }, signal);
}

it("a runtime image over a base image of a layout runs like ours", { timeout: 120_000 }, async (context) => {
  const images = needImages(context);
  await using folder = await tempDir();
  const [base, out] = [join(folder.path, "base"), join(folder.path, "out")];
  await foreignImage(images, base, "python:3-slim");
  const args = ["scripts/images.ts", "--out", out, "--base", `${base}:python:3-slim`, "python"];
  await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const image = await unpackedImage(out, RUNTIME_IMAGES.python);
  expect(image.config).toMatchObject({ User: "65532:65532", Entrypoint: [] });

  await using source = await tempDir();
  await chmod(source.path, 0o755);
  await chmod(folder.path, 0o755);
  await writeFile(
    join(source.path, "handler.py"),
    "import os\ndef run(ctx):\n    return os.environ['THEIRS']\n",
  );
  const env = { HANZO_FN_SOURCE: "/app", HANZO_FN_ENTRY: "handler.run" };
  await using container = await Container.start(image, { env, folders: { "/app": source.path } });
  await container.ready();
  expect(await (await container.call()).text()).toBe("kept");
});
