import { PlatformError } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import { isTransient, mapDatabaseError } from "./errors.ts";

const withCode = (code: string, message = "x"): Error => Object.assign(new Error(message), { code });

describe("a database error", () => {
  test.each(["08006", "57P01", "57P03", "53300", "ECONNREFUSED", "ENOENT", "EPIPE"])(
    "with code %s means that the database is unavailable",
    (code) => {
      expect(mapDatabaseError(withCode(code))).toMatchObject({ code: "database_unavailable", status: 503 });
    },
  );

  test.each([
    "Connection terminated unexpectedly",
    "Client has encountered a connection error and is not queryable",
    "timeout exceeded when trying to connect",
    "Query read timeout",
  ])("without a code that says %j means that the database is unavailable", (message) => {
    expect(mapDatabaseError(new Error(message))).toMatchObject({ code: "database_unavailable" });
  });

  test("of a full disk is storage_full", () => {
    expect(mapDatabaseError(withCode("53100"))).toMatchObject({ code: "storage_full", status: 507 });
  });

  test("that tells of a wrong statement stays what it is", () => {
    const error = withCode("42601");
    expect(mapDatabaseError(error)).toBe(error);
  });

  test("that is a platform error already stays what it is", () => {
    const error = new PlatformError("conflict", "timeout exceeded");
    expect(mapDatabaseError(error)).toBe(error);
  });

  test("of a deadlock or a failed serialisation is transient, any other is not", () => {
    expect([withCode("40P01"), withCode("40001"), withCode("23505"), "40001"].map(isTransient)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
