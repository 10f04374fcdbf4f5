import { PlatformError } from "@hanzo-fn/contract";
import type { pageQuerySchema } from "@hanzo-fn/contract/api";
import type { z } from "zod";
import { type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { paginationOf, triggerJson } from "../present.ts";

export function triggerHandlers({ store, view }: Control): Pick<Handlers, "listTriggers" | "getTrigger"> {
  return {
    async listTriggers(call) {
      const { page, pageSize } = call.query as z.infer<typeof pageQuerySchema>;
      const found = await store.triggers.list({ org: call.org, page, pageSize });
      return jsonResponse({
        triggers: found.items.map((row) => triggerJson(row, view)),
        pagination: paginationOf(page, pageSize, found.total),
      });
    },
    async getTrigger(call) {
      const id = call.params["id"] as string;
      const row = await store.triggers.get(call.org, id);
      if (row === undefined) {
        throw new PlatformError("not_found", `trigger ${id} does not exist`, {
          component: "control-plane",
          next: "GET /v1/triggers lists them",
        });
      }
      return jsonResponse(triggerJson(row, view));
    },
  };
}
