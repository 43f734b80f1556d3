import { z } from "@hono/zod-openapi";
import type { FileInfo } from "../../files/mod.ts";
import { schemaOf } from "../schema/mod.ts";

const time = z.string().openapi({ format: "date-time" });

/** The schema of a file. */
export const fileSchema = schemaOf<FileInfo>()(
  z.object({
    id: z.string().openapi({ example: "0b6d1c9e-3f0f-4d53-9a55-4d1d3f1a2b3c" }),
    name: z.string().openapi({ example: "table.csv" }),
    bytes: z.number().int().openapi({ description: "The length.", example: 209_715_200 }),
    sha256: z.string().openapi({
      description: "The SHA-256 of the bytes, in hexadecimal digits.",
      example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }),
    mediaType: z.string().optional().openapi({ example: "text/csv" }),
    createdAt: time,
    expiresAt: time.optional().openapi({
      description:
        "The end of its time to live; from then on it is kept only while a job names it.",
    }),
    job: z.string().optional().openapi({ description: "The job that made it." }),
  }).openapi("File"),
);

/** The path of a file. */
export const FILE_PARAM = z.object({
  id: z.string().openapi({ example: "0b6d1c9e-3f0f-4d53-9a55-4d1d3f1a2b3c" }),
});
