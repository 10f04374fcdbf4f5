import { readFile } from "node:fs/promises";
import { Secret } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Credentials } from "./access.ts";
import { unusable } from "./refused.ts";

/** As client-go does: kubelet renews a projected token long before it ends, and the file is cheap to read. */
const REREAD_MS = 60_000;

/** A bearer token that somebody else keeps fresh in a file, as kubelet does for pods. */
export function tokenFileCredentials(clock: Clock, file: string): Credentials {
  let held: { readonly token: Secret; readonly readAt: number } | undefined;
  return {
    async current() {
      if (held && clock.monotonic() - held.readAt < REREAD_MS) return { authorization: held.token };
      const read = await readFile(file, "utf8").catch((error: unknown) => {
        throw unusable(
          `the token in ${file} cannot be read`,
          "Check that the file is mounted and readable.",
          error,
        );
      });
      const value = read.trim();
      if (value === "") throw unusable(`${file} holds no token`, "Check what writes it.");
      held = { token: new Secret(`Bearer ${value}`), readAt: clock.monotonic() };
      return { authorization: held.token };
    },
    renew() {
      held = undefined;
      return true;
    },
  };
}
