/** "Bad input to survive": source archives. Nothing of a refused one is left on the disk. */
import { access, readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tarHead, tarOf, zipOf } from "./support/archives.ts";
import {
  type ApiAnswer,
  callFunction,
  expectError,
  expectGood,
  settledRevision,
  upload,
  uploadFunction,
} from "./support/deploys.ts";
import { deployFunction, manifestText, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { peakMemoryMiB, startPlatform, type TestPlatform } from "./support/platform.ts";
import { tarGz } from "./support/upload.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(() => platform[Symbol.asyncDispose]());

const GIB = 1024 ** 3;
const CODE = "export const handle = () => 'good';\n";
const manifest = (name: string): string => manifestText({ name, runtime: "typescript", code: CODE });

const uploads = (): Promise<string[]> => readdir(join(platform.dataDir, "tmp", "uploads"));

/** Refuses the archive and forgets it, while the neighbour answers; then a good one of the same name works. */
async function survives(
  name: string,
  archive: Uint8Array,
  status: number,
  code: string,
): Promise<readonly string[]> {
  const { result } = await withNeighbour(platform, async () => {
    const body = expectError(await upload(platform, manifest(name), archive), status, code);
    expect(await uploads()).toEqual([]);
    expect((await platform.fetchApi(`/v1/functions/${name}`)).status).toBe(404);
    await expectGood(platform, name);
    return body;
  });
  return (result.details ?? []).map(({ path, rule }) => `${path ?? ""}: ${rule}`);
}

test("zip-slip: 400 invalid_source names every path that leaves the tree, and nothing is written there", async () => {
  const names = ["../../evil.ts", "/hanzo-fn-evil.ts", "a/../../evil.ts", "..\\evil.ts"];
  const files = names.map((name) => ({ name, content: "evil" }));
  const archive = zipOf({ name: "handler.ts", content: CODE }, ...files);
  const said = await survives("slip-zip", archive, 400, "invalid_source");
  expect(said.map((problem) => problem.slice(0, problem.indexOf(": ")))).toEqual(names);
  const tar = await tarOf([{ name: "handler.ts" }, CODE], [{ name: "../../evil.ts" }, "evil"]);
  expect(await survives("slip-tar", tar, 400, "invalid_source")).toHaveLength(1);
  for (const path of ["/hanzo-fn-evil.ts", join(platform.dataDir, "evil.ts")])
    await expect(access(path)).rejects.toThrow("ENOENT");
});

test("symlink: one out of the tree, a file through a link, a hard link and a device are each named in a 400", async () => {
  const archive = await tarOf(
    [{ name: "handler.ts" }, CODE],
    [{ name: "passwd", type: "symlink", linkname: "/etc/passwd" }],
    [{ name: "up", type: "symlink", linkname: "../.." }],
    [{ name: "here", type: "symlink", linkname: "lib" }],
    [{ name: "here/through.ts" }, "evil"],
    [{ name: "hard", type: "link", linkname: "/etc/shadow" }],
    [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }],
  );
  const said = (await survives("linked", gzipSync(archive), 400, "invalid_source")).join("\n");
  for (const path of ["passwd", "up", "here/through.ts", "hard", "null"]) expect(said).toContain(`${path}: `);
});

test("tar bomb: 6 GB of zeros in 6 MB, and 30,000 empty files, are 413 payload_too_large in bounded memory", async () => {
  const zeros = gzipSync(
    Buffer.concat([await tarHead("zeros", 64 * 1024 ** 2), Buffer.alloc(64 * 1024 ** 2)]),
  );
  const before = await peakMemoryMiB(platform);
  await survives("bomb", Buffer.concat(Array.from({ length: 96 }, () => zeros)), 413, "payload_too_large");
  const empty = await tarHead("e", 0);
  const many = gzipSync(Buffer.concat(Array.from({ length: 30_000 }, () => empty)));
  await survives("crowded", many, 413, "payload_too_large");
  expect((await peakMemoryMiB(platform)) - before).toBeLessThan(256);
});

test("5 GB claimed sizes: a tar and a zip entry that claim it with few bytes behind are 413 payload_too_large", async () => {
  const claim = gzipSync(Buffer.concat([await tarHead("model.bin", 5 * GIB), Buffer.alloc(2048)]));
  await survives("claim-tar", claim, 413, "payload_too_large");
  const zip = zipOf(
    { name: "handler.ts", content: CODE },
    { name: "model.bin", content: "few", claimedBytes: 5 * GIB },
  );
  await survives("claim-zip", zip, 413, "payload_too_large");
});

test("5 GB claimed sizes: an upload that announces 5 GB is 413 payload_too_large before it is sent", async () => {
  await withNeighbour(platform, async () => {
    const answer = await new Promise<ApiAnswer>((resolve, reject) => {
      const sent = request(`${platform.api}/v1/functions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${platform.adminKey}`,
          "content-type": "multipart/form-data; boundary=b",
          "content-length": 5 * GIB,
        },
        signal: AbortSignal.timeout(60_000),
      });
      sent.on("error", reject);
      sent.on("response", (response) => {
        void buffer(response).then((body) => {
          const headers = new Headers({ "x-request-id": String(response.headers["x-request-id"]) });
          resolve({ status: response.statusCode ?? 0, headers, text: body.toString("utf8") });
          sent.destroy();
        }, reject);
      });
      sent.flushHeaders();
    });
    expectError(answer, 413, "payload_too_large");
    await expectGood(platform, "after-announced");
  });
});

test("a truncated archive in a whole upload: 400 invalid_source", async () => {
  const whole = await tarGz({ "handler.ts": CODE, "data.bin": Buffer.alloc(300_000, "abcdefg12345") });
  await survives("cut-gz", whole.subarray(0, whole.length - 20), 400, "invalid_source");
  const tar = await tarOf([{ name: "handler.ts" }, CODE], [{ name: "data" }, "x".repeat(5000)]);
  await survives("cut-tar", tar.subarray(0, 3000), 400, "invalid_source");
  const zip = zipOf({ name: "handler.ts", content: CODE });
  await survives("cut-zip", zip.subarray(0, zip.length - 30), 400, "invalid_source");
});

/** The raw multipart body of a deploy. */
async function rawUpload(name: string): Promise<Buffer> {
  const head = (field: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${field}"; filename="x"\r\n\r\n`;
  return Buffer.concat([
    Buffer.from(`${head("manifest")}${manifest(name)}\r\n${head("source")}`),
    await tarGz({ "handler.ts": CODE, "data.bin": Buffer.alloc(200_000, `${Math.random()}`) }),
    Buffer.from("\r\n--b--\r\n"),
  ]);
}

test("a truncated upload: 400 bad_request without its last boundary, and no trace of one whose client went away", async () => {
  await withNeighbour(platform, async () => {
    const body = await rawUpload("cut-off");
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const cut = await platform.fetchApi("/v1/functions", {
      method: "POST",
      headers,
      body: body.subarray(0, -400),
    });
    const answer: ApiAnswer = { status: cut.status, headers: cut.headers, text: await cut.text() };
    expectError(answer, 400, "bad_request");
    const gone = request(`${platform.api}/v1/functions`, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${platform.adminKey}`, "content-length": body.length },
    });
    gone.on("error", () => {});
    gone.write(body.subarray(0, body.length / 2));
    await waitFor("the upload to arrive", async () => (await uploads()).length > 0);
    gone.destroy();
    await waitFor("the upload to be gone", async () => (await uploads()).length === 0);
    expect((await platform.fetchApi("/v1/functions/cut-off")).status).toBe(404);
    await expectGood(platform, "cut-off");
  });
});

test("concurrent uploads of one function: every one is a revision, numbered without gaps, and the last one serves", async () => {
  await withNeighbour(platform, async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        uploadFunction(platform, {
          name: "rush",
          runtime: "typescript",
          code: `export const handle = (ctx) => ctx.revision + " says ${i}";\n`,
        }),
      ),
    );
    const said = new Map(
      answers.map((answer, i) => {
        expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
        return [(JSON.parse(answer.text) as { revision: { number: number } }).revision.number, i];
      }),
    );
    expect([...said.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const answer of answers) {
      const { number, state, failure } = await settledRevision(platform, answer);
      // One that was not built yet when the next came is given up, and says so.
      const replaced = number < 8 && state === "failed" && failure?.code === "conflict";
      expect(replaced ? "ready" : state).toBe("ready");
    }
    const wanted = `rush-00008 says ${said.get(8)}`;
    await waitFor(
      "the newest revision to serve",
      async () => (await callFunction(platform, "rush")).text === wanted,
    );
  });
});

test("concurrent uploads of one source: one revision, and every upload is answered with it", async () => {
  await withNeighbour(platform, async () => {
    const source = { name: "same", runtime: "typescript", code: CODE } as const;
    const answers = await Promise.all(Array.from({ length: 8 }, () => uploadFunction(platform, source)));
    const numbers = answers.map(
      ({ text }) => (JSON.parse(text) as { revision: { number: number } }).revision.number,
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(numbers)).toEqual(new Set([1]));
    expect(await uploads()).toEqual([]);
    await expectGood(platform, "same");
  });
});
