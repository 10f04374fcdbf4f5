import { connect } from "node:net";
import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import type { KnativeSettings } from "../settings.ts";
import type { GatewayFact } from "./facts.ts";

function connection(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

/** Whether somebody takes connections where pods will look for the gateway. */
export async function probeGateway(
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
  { platformAddresses, gatewayPort }: Pick<KnativeSettings, "platformAddresses" | "gatewayPort">,
  signal: AbortSignal,
): Promise<GatewayFact[]> {
  return await Promise.all(
    platformAddresses.map(async (address): Promise<GatewayFact> => {
      try {
        await withDeadline(clock, limitMs, signal, (until) => connection(address, gatewayPort, until));
        return { address, state: "open" };
      } catch (error) {
        signal.throwIfAborted();
        const { code, message } = error as NodeJS.ErrnoException;
        return { address, state: code === "ECONNREFUSED" ? "refused" : "silent", message };
      }
    }),
  );
}
