import type { Socket } from "node:net";
import type { InstanceIdentity } from "./identity.ts";
import { refuse } from "./refuse.ts";

/** What one instance may take of the gateway, so that its neighbours find it open. */
export interface Shares {
  /** Runs a call. Throws `rate_limited` where too many of the instance run already. */
  inTurn(identity: InstanceIdentity, work: () => Promise<void>): Promise<void>;
  /** Whether the instance may keep this connection after the answer, or has enough of them. */
  mayKeep(identity: InstanceIdentity, socket: Socket): boolean;
}

export interface ShareLimits {
  /** Calls of one instance at a time. */
  readonly calls: number;
  /** Connections of one instance. */
  readonly connections: number;
}

export const SHARES: ShareLimits = { calls: 256, connections: 256 };

export function createShares(limits: ShareLimits): Shares {
  const running = new Map<InstanceIdentity, number>();
  const connections = new Map<InstanceIdentity, Set<Socket>>();
  const forget = (identity: InstanceIdentity, socket: Socket): void => {
    const own = connections.get(identity);
    own?.delete(socket);
    if (own?.size === 0) connections.delete(identity);
  };
  return {
    async inTurn(identity, work) {
      const before = running.get(identity) ?? 0;
      if (before >= limits.calls) {
        const message = `${before} calls of this instance are running already`;
        throw refuse("rate_limited", message, { retryAfterSeconds: 1 });
      }
      running.set(identity, before + 1);
      try {
        await work();
      } finally {
        const left = (running.get(identity) ?? 1) - 1;
        if (left > 0) running.set(identity, left);
        else running.delete(identity);
      }
    },
    mayKeep(identity, socket) {
      const own = connections.get(identity) ?? new Set();
      if (own.has(socket)) return true;
      if (own.size >= limits.connections || socket.destroyed) return false;
      connections.set(identity, own.add(socket));
      socket.once("close", () => forget(identity, socket));
      return true;
    },
  };
}
