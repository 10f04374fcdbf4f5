import type { Cors } from "@hanzo-fn/contract";
import { expect, it } from "vitest";
import { corsHeaders, preflightHeaders } from "./cors.ts";

const cors: Cors = {
  origins: ["https://a.example"],
  methods: ["GET", "POST"],
  headers: ["Authorization"],
  exposeHeaders: ["X-Request-ID"],
  credentials: true,
  maxAgeSeconds: 600,
};

it("answers an allowed origin by name and tells caches so", () => {
  expect(corsHeaders(cors, "https://a.example")).toEqual([
    "Access-Control-Allow-Origin",
    "https://a.example",
    "Vary",
    "Origin",
    "Access-Control-Allow-Credentials",
    "true",
    "Access-Control-Expose-Headers",
    "X-Request-ID",
  ]);
});

it("allows a foreign origin nothing", () => {
  expect(corsHeaders(cors, "https://evil.example")).toEqual(["Vary", "Origin"]);
  expect(preflightHeaders(cors, "https://evil.example")).toEqual(["Vary", "Origin"]);
});

it("never joins the wildcard with credentials", () => {
  const headers = corsHeaders({ ...cors, origins: ["*"] }, "https://x.example");
  expect(headers).toContain("*");
  expect(headers).not.toContain("Access-Control-Allow-Credentials");
});

it("tells a preflight methods, headers and age", () => {
  expect(preflightHeaders(cors, "https://a.example").slice(6)).toEqual([
    "Access-Control-Allow-Methods",
    "GET, POST",
    "Access-Control-Allow-Headers",
    "Authorization",
    "Access-Control-Max-Age",
    "600",
  ]);
});
