import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import type { z } from "@hono/zod-openapi";

/** The result of checking a part of a request, such as its query, by the schema of its route. */
type Checked =
  | { readonly success: true }
  | { readonly success: false; readonly target: string; readonly error: z.ZodError };

/**
 * Refuses a request that does not fit the schema of its route, as the hook of `app.openapi`. The
 * response is a problem like that of every other error; by default it would have zod's own form.
 *
 * @throws {InvalidInputError} `invalid_input` naming every field that is wrong.
 */
export function refuseInvalid(result: Checked): void {
  if (result.success) return;
  const issues = result.error.issues.map(({ path, message }): FieldIssue => ({
    path: path.join("."),
    message,
  }));
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  throw new InvalidInputError(
    `Cannot take the request: its ${result.target} is not valid: ${list.join("; ")}`,
    issues,
  );
}
