import { request } from "node:http";

const MAX_BODY_BYTES = 1024 * 1024;

export interface ControlAnswer {
  readonly status: number;
  readonly body: string;
}

/** One control call over the instance's socket, on a connection of its own. Rejects with the signal's reason. */
export function callControl(
  socketPath: string,
  call: { method: string; path: string; headers?: Record<string, string>; body?: string | undefined },
  signal: AbortSignal,
): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...call.headers,
      ...(call.body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(call.body)) }),
    };
    const fail = (error: unknown): void =>
      reject(signal.aborted ? (signal.reason as Error) : (error as Error));
    const outgoing = request({
      socketPath,
      method: call.method,
      path: call.path,
      headers,
      agent: false,
      signal,
    });
    outgoing.on("error", fail);
    outgoing.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BODY_BYTES)
          return response.destroy(new Error("the answer to a control call is too large"));
        chunks.push(chunk);
        return undefined;
      });
      response.on("error", fail);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    outgoing.end(call.body);
  });
}
