import { PlatformError, type Identity } from "@hanzo-fn/contract";
import { expect, it } from "vitest";
import { createInvoke, type InvokeDependencies } from "./invoke.ts";

const identity: Identity = {
  kind: "platform",
  org: "acme",
  subject: "events",
  limitKey: "events",
  permissions: new Set(),
  expiresAtMs: Infinity,
};
const event = {
  id: "mq:S:7",
  body: Buffer.from("{}"),
  json: true,
  headers: {},
  attempt: 1,
  ageMs: 0,
  partition: "",
  source: "mq.a.b",
  timestamp: "2026-01-01T00:00:00Z",
};
const never = new AbortController().signal;

async function* pieces(...parts: readonly (string | Error)[]) {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

function over(invoke: InvokeDependencies["invoke"], batch = false) {
  const target = { function: "f", trigger: { id: "trg_1", type: "mq" }, batch, answerBytes: 8 };
  return createInvoke({ invoke, identity }, target);
}

it("calls the function in the name of its trigger, and reads the whole answer", async () => {
  const seen: unknown[] = [];
  const invoke = over(async (request, who) => {
    seen.push(request, who);
    return { status: 201, headers: [["x-a", "b"]], body: pieces("12345", "67890", "1") };
  });
  expect(await invoke([{ event, attempt: 3 }], never)).toEqual({
    kind: "answered",
    answer: {
      status: 201,
      headers: [["x-a", "b"]],
      notDelivered: undefined,
      body: Buffer.from("12345678"),
      truncated: true,
    },
  });
  expect(seen).toMatchObject([
    {
      org: "acme",
      function: "f",
      body: event.body,
      trigger: { type: "mq", id: "trg_1", source: "mq.a.b", timestamp: "2026-01-01T00:00:00Z", attempt: 3 },
    },
    identity,
  ]);
});

it("sends a list where the trigger has lists, also of one event", async () => {
  let sent = "";
  const invoke = over(async (request) => {
    sent = request.body.toString();
    return { status: 200, headers: [], body: pieces() };
  }, true);
  await invoke([{ event, attempt: 1 }], never);
  expect(JSON.parse(sent)).toMatchObject({ items: [{ id: "mq:S:7", data: {} }] });
});

it("says what the proxy marks as not delivered", async () => {
  const headers = [["x-function-not-delivered", "no_capacity"]] as const;
  const invoke = over(async () => ({ status: 503, headers, body: pieces() }));
  expect(await invoke([{ event, attempt: 1 }], never)).toMatchObject({
    answer: { status: 503, notDelivered: "no_capacity" },
  });
});

it("an answer that breaks off is none, also after a good status", async () => {
  const invoke = over(async () => ({ status: 200, headers: [], body: pieces("1", new Error("reset")) }));
  expect(await invoke([{ event, attempt: 1 }], never)).toEqual({ kind: "broken", error: "reset" });
});

it("a call that cannot be written down was not delivered", async () => {
  const invoke = over(async () => {
    throw new PlatformError("bad_request", "the headers of the call cannot be sent over HTTP");
  });
  expect(await invoke([{ event, attempt: 1 }], never)).toMatchObject({
    kind: "answered",
    answer: { status: 400, notDelivered: "bad_request" },
  });
});
