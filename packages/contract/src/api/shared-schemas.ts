/** What the JSON shapes of :8060 are made of. */
import { z } from "zod";
import { errorTable, type ErrorCode } from "../errors.ts";

export const time = z.iso.datetime();
export const count = z.int().nonnegative();
export const errorCode = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);

export const paginationSchema = z
  .object({
    page: z.int().positive(),
    pageSize: z.int().positive(),
    total: count,
    totalPages: count,
    hasNext: z.boolean(),
    hasPrev: z.boolean(),
  })
  .meta({ id: "Pagination" });

/** The query of a list by pages. */
export const page = {
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  pageSize: z.coerce.number().int().min(1).max(100).default(20),
};
export const flag = z.enum(["true", "false"]).transform((text) => text === "true");
