import { mkdir } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import type { Certificate } from "./certificate.ts";
import { programOf } from "./found.ts";
import { startProcess, type ServerProcess } from "./process.ts";

export interface S3Server extends ServerProcess {
  readonly url: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Holds the object `b/k` as the file `b/k`. */
  readonly directory: string;
}

const LOGIN = { region: "us-east-1", accessKey: "test-access", secretKey: "test-secret-key" };

export interface S3Options {
  readonly certificate?: Certificate | undefined;
}

/** `await using s3 = await startS3()`: a versitygw without any bucket. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const program = programOf("versitygw");
  const { certificate } = options;
  const dir = await tempDir("hanzo-fn-s3-");
  const port = await freePort();
  const data = path.join(dir.path, "data");
  const sidecar = path.join(dir.path, "meta");
  await mkdir(data);
  await mkdir(sidecar);
  const server = await startProcess({
    name: "versitygw",
    program,
    args: [
      ...["--access", LOGIN.accessKey, "--secret", LOGIN.secretKey, "--region", LOGIN.region],
      ...["--port", `127.0.0.1:${port}`, "--keep-alive", "--quiet"],
      ...(certificate ? ["--cert", certificate.certFile, "--key", certificate.keyFile] : []),
      // Not every file system has the extended attributes that it would keep an object's head in.
      ...["posix", "--sidecar", sidecar, data],
    ],
    port,
    cleanup: () => dir[Symbol.asyncDispose](),
  });
  return {
    ...server,
    ...LOGIN,
    url: `${certificate ? "https" : "http"}://127.0.0.1:${port}`,
    directory: data,
  };
}
