import { z } from "zod";
import { group } from "../schema_parts.ts";

const MAX_ORIGINS = 64;

/** The section `cors`: web pages of other origins that may use the server. */
export const corsSchema = group({
  origins: z.array(z.string()).max(MAX_ORIGINS).meta({
    description: "Origins whose pages may send requests and read the responses.",
    allowed: `a list of up to ${MAX_ORIGINS} origins such as \`https://app.example.com\`, or ` +
      "`*` alone for all origins, together with an `apiKey`",
  }).default([]),
}, "Web pages of other origins that may use the server.");
