/** One message of the corpus. `bytes` is latin1: one character is one byte. */
export interface Case {
  readonly name: string;
  readonly bytes: string;
}

/** Responses depend on the request that they answer. */
export interface ResponseCase extends Case {
  readonly method: string;
  readonly upgrade: string | null;
}

export interface InvalidCase extends Case {
  /** The code of the error table that the refusal carries; `incomplete`: more bytes are awaited for ever. */
  readonly error: string;
}

export type InvalidResponseCase = ResponseCase & InvalidCase;

/** A request with the fields given, each a whole `name: value` line. */
export function request(line: string, fields: readonly string[] = ["Host: example.com"], body = ""): string {
  return `${[line, ...fields].join("\r\n")}\r\n\r\n${body}`;
}

export function response(line: string, fields: readonly string[] = [], body = ""): string {
  return request(line, fields, body);
}

export function answer(
  name: string,
  bytes: string,
  method = "GET",
  upgrade: string | null = null,
): ResponseCase {
  return { name, bytes, method, upgrade };
}
