import { createOpenApi, OPERATIONS, type Operation } from "@hanzo-fn/contract/api";
import { type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";

type Own = "getGpuPool" | "getHealth" | "getOpenApi" | "getReference";

const NO_POOL = { enabled: false, size: 0, available: 0, in_use: 0, gpu_type: "", pods: [], cache: [] };

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A page of the operations that needs no script and nothing from elsewhere. */
function referencePage(version: string): string {
  const rows = (OPERATIONS as readonly Operation[]).map(
    (operation) =>
      `<tr id="${operation.id}"><td><code>${operation.method}</code></td><td><code>${escapeHtml(operation.path)}</code></td>` +
      `<td>${escapeHtml(operation.summary)}</td><td><code>${operation.permission}</code></td>` +
      `<td>${operation.errors.map((code) => `<code>${code}</code>`).join(" ")}</td></tr>`,
  );
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>hanzo-fn API ${version}</title>` +
    "<style>body{font:15px/1.5 system-ui;margin:2rem;max-width:75rem}td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top;border-bottom:1px solid #ddd}</style>" +
    `<h1>hanzo-fn control plane ${version}</h1><p>The whole description is <a href="/openapi.json">OpenAPI 3.1</a>.</p>` +
    `<table><tr><th>Method</th><th>Path</th><th>What it does</th><th>Permission</th><th>Errors of its own</th></tr>${rows.join("")}</table></html>`
  );
}

export function platformHandlers(control: Control): Pick<Handlers, Own> {
  return {
    getGpuPool: () => jsonResponse(NO_POOL),
    async getHealth() {
      const health = await control.health();
      return jsonResponse(health, health.status === "ok" ? 200 : 503);
    },
    getOpenApi: () => jsonResponse(createOpenApi(control.version)),
    getReference: () =>
      new Response(referencePage(control.version), {
        headers: { "content-type": "text/html; charset=utf-8" },
      }),
  };
}
