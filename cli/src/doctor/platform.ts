import type { HealthJson } from "@hanzo-fn/contract/api";
import { createClient, readAll } from "../client.ts";
import type { Invocation } from "../command.ts";
import type { Finding } from "./machine.ts";

/** Whether the platform that the CLI would talk to answers, and takes the CLI's key. */
export async function inspectPlatform(invocation: Invocation): Promise<Finding[]> {
  const client = await createClient(invocation);
  try {
    const message = await client.send(`${client.server}/health`);
    const health = JSON.parse((await readAll(message)).toString("utf8")) as HealthJson;
    const checks = Object.entries(health.checks).map(([name, state]) => `${name} ${state}`);
    const detail = `${client.server}: version ${health.version}, engine ${health.engine}, ${checks.join(", ")}`;
    const answer = await client.send(`${client.server}/v1/functions?pageSize=1`);
    answer.resume();
    const allowed = answer.statusCode === 200;
    return [
      { what: "platform", state: health.status === "ok" ? "ok" : "weak", detail },
      {
        what: "key",
        state: allowed ? "ok" : "weak",
        detail: allowed
          ? "the platform takes the CLI's key"
          : `the platform answers ${answer.statusCode}; hanzo-fn login saves a key`,
      },
    ];
  } catch {
    return [
      {
        what: "platform",
        state: "absent",
        detail: `nothing answers at ${client.server}; hanzo-fn serve starts one`,
      },
    ];
  }
}
