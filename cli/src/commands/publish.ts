import { createClient } from "../client.ts";
import { type Command, EXIT, UsageError } from "../command.ts";
import { DATA_FLAGS, payloadOf } from "../payload.ts";

function parseData(body: string | Uint8Array | undefined): unknown {
  if (body === undefined)
    throw new UsageError("there is nothing to publish; give --data, --file or standard input");
  try {
    return JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString("utf8")) as unknown;
  } catch (cause) {
    throw new UsageError(`the data is no JSON (${(cause as Error).message}); text is written "in quotes"`, {
      cause,
    });
  }
}

export const publish: Command = {
  name: "publish",
  summary: "Publish a message to a queue or a topic",
  description:
    "A subject that begins with mq. is a queue, a name in snake_case a topic. The data is JSON; functions that have a trigger there get it.",
  args: [{ name: "subject", required: true, summary: "mq.<domain>.<entity>, or a topic" }],
  flags: [
    ...DATA_FLAGS,
    {
      name: "id",
      type: "string",
      value: "ID",
      summary: "of the message; where it was published before, it is not kept again",
    },
  ],
  examples: [
    `hanzo-fn publish mq.notify.support --data '{"text": "hello"}'`,
    "hanzo-fn publish billing_events --file event.json --id order-7",
  ],
  async run(invocation) {
    const client = await createClient(invocation);
    const { body } = await payloadOf(invocation);
    const subject = invocation.args[0] as string;
    const id = invocation.flags.text("id");
    const publication = { subject, data: parseData(body), ...(id === undefined ? {} : { id }) };
    const answer = await client.call<{ id: string }>("POST", "/v1/publish", publication);
    await invocation.output.result(
      answer,
      () => invocation.output.line(`Published ${answer.id} to ${subject}.`),
      () => [answer.id],
    );
    return EXIT.ok;
  },
};
