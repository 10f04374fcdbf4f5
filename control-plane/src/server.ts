import { type ApiServer, createApiServer } from "@hanzo-fn/api-server";
import { toErrorBody } from "@hanzo-fn/contract";
import type { Hono } from "hono";
import { COMPONENT } from "./app.ts";

export interface ControlPlaneOptions {
  readonly host: string;
  readonly port: number;
  readonly maxHeadBytes: number;
}

/** :8060 as a service. */
// oxlint-disable-next-line typescript/no-explicit-any -- the server does not care about the app's environment
export function controlPlaneServer(app: Hono<any>, options: ControlPlaneOptions): ApiServer {
  return createApiServer(app, {
    ...options,
    name: "api",
    portSetting: "server.api_port or --api-port",
    refusalBody: (refusal, requestId) => JSON.stringify(toErrorBody(refusal, requestId, COMPONENT)),
  });
}
