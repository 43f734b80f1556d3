import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import type { z } from "@hono/zod-openapi";

/** What the schema of a route made of a part of a request, such as its query. */
type Checked =
  | { readonly success: true }
  | { readonly success: false; readonly target: string; readonly error: z.ZodError };

/**
 * The hook of `app.openapi` for requests that the schema of their route refuses: they are answered
 * like every other error, where the default would send zod's own form.
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
    `Cannot take the request: its ${result.target} is wrong: ${list.join("; ")}`,
    issues,
  );
}
