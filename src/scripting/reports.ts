import { SnakedenError } from "../errors.ts";
import { SCRIPT_ENV } from "../environment_names.ts";
import { readVariable } from "../granted.ts";
import { valueToJson } from "../client/mod.ts";

/** The beginning of a line of progress, which the host reads from standard output. */
const PROGRESS_LINE = "::snakeden progress ";

const encoder = new TextEncoder();

/**
 * Reports progress: any value that JSON has, such as `{ done: 3, of: 10 }`. In a job, those who
 * follow it see the last one; by hand, it is a line on standard error.
 *
 * @throws {SnakedenError} `invalid_value` for what JSON has no form for.
 */
export function progress(report: unknown): void {
  const text = textOf(report, "progress");
  if (isJob()) writeAll(Deno.stdout, `${PROGRESS_LINE}${text}\n`);
  else writeAll(Deno.stderr, `progress: ${text}\n`);
}

/**
 * Hands over the result of the program; the last one counts. Bytes and arrays may be in it, as in
 * the result of a tool. In a job, it becomes the result of the job; by hand, it is printed as JSON.
 *
 * @throws {SnakedenError} `invalid_value` for a value that cannot be sent.
 */
export function result(value: unknown): void {
  const path = readVariable(SCRIPT_ENV.result);
  if (path !== undefined && path !== "") Deno.writeTextFileSync(path, textOf(value, "result"));
  else writeAll(Deno.stdout, `${textOf(value, "result", 2)}\n`);
}

function isJob(): boolean {
  const id = readVariable(SCRIPT_ENV.jobId);
  return id !== undefined && id !== "";
}

function textOf(value: unknown, what: string, indent?: number): string {
  const text = JSON.stringify(valueToJson(value ?? null), undefined, indent);
  if (text !== undefined) return text;
  throw new SnakedenError(
    "invalid_value",
    `Cannot report the ${what}: given a ${typeof value}; allowed: a value that JSON has`,
  );
}

/** Writes all of a text. A pipe may take it in parts. */
function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.byteLength > 0) bytes = bytes.subarray(to.writeSync(bytes));
}
