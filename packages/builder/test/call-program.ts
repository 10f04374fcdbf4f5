import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WorkingCopy } from "../src/index.ts";

function post(socketPath: string, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const outgoing = request({ socketPath, method: "POST", path: "/", headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(text));
    });
    outgoing.on("error", reject);
    outgoing.end(JSON.stringify(body));
  });
}

/** What the program answers when it is started as the platform starts it. */
export async function callProgram(
  copy: WorkingCopy,
  root: string,
  body: unknown,
  as: "json" | "text" = "json",
): Promise<unknown> {
  const socket = join(root, `s-${randomUUID().slice(0, 8)}`);
  const env = { HANZO_FN_SOCKET: socket, HANZO_FN_SOURCE: copy.dir, HANZO_FN_FUNCTION: "f" };
  const child = spawn(copy.executable ?? "", [], { env, stdio: ["pipe", "ignore", "inherit"] });
  try {
    for (let left = 200; left > 0; left -= 1) {
      const answer = await post(socket, body).catch(() => undefined);
      if (answer !== undefined) return as === "text" ? answer : JSON.parse(answer);
      await sleep(10);
    }
    throw new Error("the program does not listen");
  } finally {
    child.kill("SIGKILL");
  }
}
