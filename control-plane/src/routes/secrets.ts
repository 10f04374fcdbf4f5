import { PlatformError } from "@hanzo-fn/contract";
import type { secretValueSchema } from "@hanzo-fn/contract/api";
import type { z } from "zod";
import { type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import type { SecretAdmin } from "../secrets-admin.ts";

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

function requireAdmin({ secrets }: Control): SecretAdmin {
  if (secrets !== undefined) return secrets;
  throw new PlatformError("unsupported", "secrets are kept in the KMS, not by this platform", {
    component: "control-plane",
    next: "set them in the KMS (HIP-27)",
  });
}

function requireName(name: string): string {
  if (NAME.test(name)) return name;
  throw new PlatformError("bad_request", `${JSON.stringify(name)} is no name of a secret`, {
    component: "control-plane",
    next: "letters, digits, dots, hyphens and underscores, at most 128",
  });
}

/** Engines that keep values where instances run take the new one over. */
async function tellUsers({ store }: Control, org: string, secret: string): Promise<void> {
  const names = await store.revisions.functionsNaming(org, secret);
  if (names.length === 0) return;
  await store.withTransaction(async (tx) => {
    for (const name of names) await tx.notifyChange(org, name);
  });
}

export function secretHandlers(
  control: Control,
): Pick<Handlers, "listSecrets" | "setSecret" | "unsetSecret"> {
  return {
    async listSecrets(call) {
      const found = await requireAdmin(control).list(call.org);
      return jsonResponse({
        secrets: found.map(({ name, updatedAt }) => ({ name, updated_at: updatedAt.toISOString() })),
      });
    },
    async setSecret(call) {
      const admin = requireAdmin(control);
      const name = requireName(call.params["name"] as string);
      await admin.set(call.org, name, (call.body as z.infer<typeof secretValueSchema>).value);
      await tellUsers(control, call.org, name);
      return new Response(null, { status: 204 });
    },
    async unsetSecret(call) {
      const admin = requireAdmin(control);
      const name = requireName(call.params["name"] as string);
      if (!(await admin.unset(call.org, name))) {
        throw new PlatformError("not_found", `there is no secret ${name}`, {
          component: "control-plane",
          next: "hanzo-fn secrets list",
        });
      }
      await tellUsers(control, call.org, name);
      return new Response(null, { status: 204 });
    },
  };
}
