import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { TestContext } from "vitest";
import { tempDir } from "../temp-dir.ts";
import { onPath } from "./found.ts";

export interface Certificate extends AsyncDisposable {
  /** PEM: its own authority. */
  readonly pem: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Key and certificate in one file, as Kafka wants them. */
  readonly bothFile: string;
}

/** Counts the test as skipped where no certificate can be made. */
export function needsCertificate(ctx: TestContext): void {
  if (!onPath("openssl")) ctx.skip("openssl is not installed: it makes the certificate of this test");
}

/** `await using certificate = await makeCertificate()`: for 127.0.0.1 and localhost, signed by itself, for a day. */
export async function makeCertificate(): Promise<Certificate> {
  const dir = await tempDir("hanzo-fn-cert-");
  const [certFile, keyFile, bothFile] = ["cert.pem", "key.pem", "both.pem"].map((name) =>
    path.join(dir.path, name),
  ) as [string, string, string];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  const [pem, key] = [await readFile(certFile, "utf8"), await readFile(keyFile, "utf8")];
  await writeFile(bothFile, key + pem);
  return { pem, certFile, keyFile, bothFile, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}
