import { PlatformError } from "@hanzo-fn/contract";
import type { Message } from "./publisher.ts";

const ID = /^[\x20-\x7e]{1,128}$/;
/** A token of RFC 9110, which both brokers take. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[^\r\n\0]*$/;
// oxlint-disable-next-line no-control-regex -- they are what it is to find
const SUBJECT = /^[^\s.*>\u0000-\u001f\u007f]+(\.[^\s.*>\u0000-\u001f\u007f]+)*$/;
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;

export function refused(what: string, next?: string): PlatformError {
  return new PlatformError("bad_request", what, { component: "brokers", next });
}

function checkCommon(message: Message): void {
  if (!ID.test(message.id)) throw refused("a message's id is 1 to 128 printable characters");
  for (const [name, value] of Object.entries(message.headers)) {
    if (!HEADER_NAME.test(name)) throw refused(`${JSON.stringify(name)} is no name of a header`);
    if (!HEADER_VALUE.test(value)) throw refused(`the header ${name} has more than one line`);
  }
}

/** Throws `bad_request` where NATS would not take it, or would take it for something else. */
export function checkNatsMessage(message: Message): void {
  checkCommon(message);
  const good =
    SUBJECT.test(message.target) && message.target.length <= 255 && !message.target.startsWith("$");
  if (!good) throw refused(`${JSON.stringify(message.target)} is no subject to publish to`);
  const reserved = Object.keys(message.headers).find((name) => name.toLowerCase().startsWith("nats-"));
  if (reserved !== undefined) throw refused(`the header ${reserved} belongs to NATS`);
}

export function checkKafkaMessage(message: Message): void {
  checkCommon(message);
  const dots = message.target === "." || message.target === "..";
  if (!TOPIC.test(message.target) || dots) throw refused(`${JSON.stringify(message.target)} is no topic`);
}
