import { MAX_MESSAGE_BYTES, type Publication, publish, type Publishers } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import { json, readJson, type Route } from "../call.ts";
import { fieldsOf, onlyFields, optionalText, textField } from "../fields.ts";
import { badRequest } from "../refuse.ts";

/** JSON may write one byte in six. */
const MAX_BODY_BYTES = 6 * MAX_MESSAGE_BYTES + 16_384;

export function parsePublication(body: unknown): Publication {
  const fields = fieldsOf(body, "the body");
  onlyFields(fields, ["subject", "data", "id"]);
  if (!Object.hasOwn(fields, "data")) throw badRequest("data is missing");
  return { subject: textField(fields, "subject"), data: fields["data"], id: optionalText(fields, "id") };
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(",") : value;

export function publishRoutes(publishers: Publishers, clock: Clock): readonly Route[] {
  return [
    {
      kind: "publish",
      method: "POST",
      path: "/v1/publish",
      async handle({ identity, request, requestId, signal }) {
        const publication = parsePublication(await readJson(request, MAX_BODY_BYTES));
        const { traceparent, tracestate } = request.headers;
        const origin = { requestId, traceparent: single(traceparent), tracestate: single(tracestate) };
        const author = { org: identity.org, source: `fn/${identity.function}`, origin };
        return json({ id: await publish(publishers, publication, { author, nowMs: clock.now(), signal }) });
      },
    },
  ];
}
