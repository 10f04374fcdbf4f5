import { request } from "node:http";
import type { ExampleRequest } from "./examples.ts";

export interface ExampleAnswer {
  readonly status: number;
  readonly ms: number;
}

/** Sends an example to a port of this machine; `onText` gets the answer's body as it comes. */
export function sendExample(
  port: number,
  host: string,
  example: ExampleRequest,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<ExampleAnswer> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const { method, path, body } = example;
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const headers = { ...example.headers, ...length };
    const outgoing = request({ host, port, method, path, headers, agent: false, signal }, (answer) => {
      answer.setEncoding("utf8").on("data", onText);
      answer.once("error", reject);
      answer.once("end", () => resolve({ status: answer.statusCode ?? 0, ms: performance.now() - begun }));
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
