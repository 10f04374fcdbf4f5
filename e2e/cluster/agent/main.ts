/** The node's helper, a daemon inside: name server of the pods and enforcer of network policies. */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { type ApiClient, createApiClient } from "../api-client.ts";
import type { AgentConfig } from "./config.ts";
import { type EndpointSlice, type Names, type Service, answerQuery } from "./dns.ts";
import { createEnforcer } from "./enforcer.ts";

const log = (line: string): boolean => process.stdout.write(`${new Date().toISOString()} ${line}\n`);

async function serveNames(client: ApiClient, config: AgentConfig, signal: AbortSignal): Promise<void> {
  let services: ReadonlyMap<string, Service> = new Map();
  let slices: ReadonlyMap<string, EndpointSlice> = new Map();
  const socket = createSocket("udp4");
  socket.on("message", (query, peer) => {
    const names: Names = { services, slices: slices.values(), fixed: config.names };
    const answer = answerQuery(query, names);
    if (answer !== undefined) socket.send(answer, peer.port, peer.address);
  });
  socket.bind(53, config.dns);
  const byName = (found: ReadonlyMap<string, Service>): void => {
    const named = [...found.values()].map(
      (service) => [`${service.metadata.name}.${service.metadata.namespace}`, service] as const,
    );
    services = new Map(named);
  };
  await Promise.all([
    client.watch<Service>("/api/v1/services", byName, signal),
    client.watch<EndpointSlice>(
      "/apis/discovery.k8s.io/v1/endpointslices",
      (found) => (slices = found),
      signal,
    ),
  ]);
}

/** Loads a whole set of rules; rejects with what nft says. */
function loadRules(rules: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("nft", ["-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
    let why = "";
    child.stderr.on("data", (chunk: Buffer) => (why += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(why.trim()))));
    child.stdin.on("error", () => {});
    child.stdin.end(rules);
  });
}

const config = JSON.parse(await readFile(process.argv[2] ?? "", "utf8")) as AgentConfig;
const client = await createApiClient(config.api, config.files);
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const enforcer = createEnforcer({ client, load: loadRules, log }, config.standIns);
await Promise.all([serveNames(client, config, stop.signal), enforcer.run(stop.signal)]);
client.close();
