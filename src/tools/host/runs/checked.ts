import type { z } from "zod";
import { type FieldIssue, InvalidInputError } from "../../../errors.ts";
import type { HostTool } from "../host_tool.ts";
import { failed } from "./run_errors.ts";
import { chain } from "./thenable.ts";

/** The most issues that an error lists. */
const MAX_ISSUES = 50;

/**
 * Returns the arguments of a host tool as its schema makes them.
 *
 * @throws {InvalidInputError} `invalid_arguments`, naming every field that is wrong.
 */
export function checkedArgs({ name, input }: HostTool, args: unknown): unknown {
  if (input === undefined) return args;
  return chain(parse(input, args), (result) => {
    if (result.success) return result.data;
    const issues = issuesOf(result.error, "args");
    const list = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new InvalidInputError(`Cannot call ${name}: ${list}`, issues, "invalid_arguments");
  });
}

/**
 * Returns the result of a host tool, or a chunk, as its schema makes it.
 *
 * @param what The name of the value in error texts: `result` or `chunk`.
 * @throws {SnakedenError} `host_tool_failed`, naming every field that is wrong.
 */
export function checkedOutput({ name, output }: HostTool, value: unknown, what: string): unknown {
  if (output === undefined) return value;
  return chain(parse(output, value), (result) => {
    if (result.success) return result.data;
    const issues = issuesOf(result.error, what);
    const list = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw failed(name, `it returned what its output schema refuses: ${list}`, {
      details: { issues },
    });
  });
}

type Parsed = z.ZodSafeParseResult<unknown>;

function parse(schema: z.ZodType, value: unknown): Parsed | Promise<Parsed> {
  try {
    return schema.safeParse(value);
  } catch (error) {
    // A schema with an asynchronous check says so only when it meets one.
    if ((error as Error | undefined)?.constructor.name !== "$ZodAsyncError") throw error;
    return schema.safeParseAsync(value);
  }
}

function issuesOf(error: z.ZodError, root: string): FieldIssue[] {
  const issues = error.issues.flatMap((issue): FieldIssue[] => {
    const path = pathText(root, issue.path);
    if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({
      path: pathText(path, [key]),
      message: "there is no such argument",
    }));
  });
  return issues.slice(0, MAX_ISSUES);
}

function pathText(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => typeof part === "number" ? `${text}[${part}]` : `${text}.${String(part)}`,
    root,
  );
}
