import { z } from "@hono/zod-openapi";
import type { ErrorCode } from "../../errors.ts";
import { type Problem, PROBLEMS } from "../http/mod.ts";
import { schemaOf } from "./schema_of.ts";

/** The codes of problems. */
export const errorCodeSchema = z.enum(Object.keys(PROBLEMS) as ErrorCode[]);

/** The schema of a problem. */
export const problemSchema = schemaOf<Problem>()(
  z.object({
    type: z.string().openapi({ example: "urn:snakeden:error:invalid_input" }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().openapi({ description: "What was attempted, and what stood in the way." }),
    code: errorCodeSchema,
    retryable: z.boolean().openapi({ description: "True if the same request may succeed later." }),
    requestId: z.string(),
    details: z.record(z.string(), z.unknown()).optional()
      .openapi({ description: "The values that `detail` mentions." }),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional()
      .openapi({ description: "The fields that were refused." }),
    python: z.object({ type: z.string(), message: z.string(), traceback: z.string().optional() })
      .optional().openapi({ description: "The exception that the tool raised." }),
  }).openapi("Problem"),
);

interface ProblemAnswer {
  readonly description: string;
  readonly content: { "application/problem+json": { schema: typeof problemSchema } };
}

/**
 * Returns the error responses of a route for OpenAPI, by status, with the possible codes of each.
 * openapi_answers.ts adds those that every path has.
 */
export function problemAnswers<Status extends number>(
  ...statuses: readonly Status[]
): Readonly<Record<Status, ProblemAnswer>> {
  const entries = statuses.map((status) => {
    const codes = Object.entries(PROBLEMS)
      .filter(([, kind]) => kind.status === status)
      .map(([code]) => `\`${code}\``);
    return [status, {
      description: `A problem with the code ${codes.join(", ")}.`,
      content: { "application/problem+json": { schema: problemSchema } },
    }];
  });
  return Object.fromEntries(entries);
}
