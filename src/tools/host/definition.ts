import type { z } from "zod";
import { showCaller } from "../../caller_stack.ts";
import type { AnyHostTool } from "../../config/mod.ts";
import type { HostToolCall } from "./host_tool_call.ts";
import { HostTool } from "./host_tool.ts";

/** The input of a tool that declares none: any arguments. */
export type AnyInput = z.ZodObject<Record<never, never>, z.core.$loose>;

/** The values that a host tool may return: a result, a promise of one, or a generator of chunks. */
export type HostToolResult<T> =
  | T
  | Promise<T>
  | Generator<T, unknown, undefined>
  | AsyncGenerator<T, unknown, undefined>
  | AsyncIterable<T>;

/** A tool in TypeScript, which runs in the host. */
export interface HostToolDefinition<
  Input extends z.ZodObject = AnyInput,
  Output extends z.ZodType = z.ZodUnknown,
> {
  /** Up to 64 letters, digits or `_` `.` `-`, of which the first is a letter or a digit. */
  readonly name: string;
  /** Tells callers, also models, about the purpose of the tool. */
  readonly description?: string;
  /**
   * The schema of the arguments, by which they are checked. Other arguments are refused, unless the
   * schema is one of `z.looseObject()`. If omitted, the tool takes any arguments.
   */
  readonly input?: Input;
  /** The schema of the result, or of a chunk of a tool that streams, by which it is checked. */
  readonly output?: Output;
  /**
   * The longest time that a call may take, in milliseconds. Its caller's deadline counts if it is
   * earlier. Default a minute.
   */
  readonly timeoutMs?: number;
  /**
   * The time that the tool may show nothing, in milliseconds: no chunk, no progress, and no call of
   * another tool. Beyond it the call fails with `stalled`, and its signal aborts. The time in which
   * the tool waits for its reader or for tools that it calls does not count. More than 0, at most a
   * day. Default: no limit. The option of a call wins.
   */
  readonly stallTimeoutMs?: number;
  /**
   * True if `run` returns a generator. Default: true for a generator function, so only other
   * functions that return a generator need to say so.
   */
  readonly streams?: boolean;
  /** The pools whose tools may find and call this one: their names, or `"all"`. Default none. */
  readonly expose?: "all" | readonly string[];
  /** True if clients may call the tool over HTTP. Default false. */
  readonly exposeHttp?: boolean;
  /** Facts for those who choose a tool: at most 32 keys and 4,096 bytes of JSON. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /**
   * Runs the tool. Errors reach the caller: a {@link SnakedenError} with its code, others as
   * `host_tool_failed` with their message.
   */
  run(args: z.output<Input>, call: HostToolCall): HostToolResult<z.input<Output>>;
}

/**
 * Checks the definition of a host tool, and returns it with its types.
 *
 * @example
 * ```ts
 * import { defineTool } from "snakeden";
 * import { z } from "zod";
 *
 * export const lookup = defineTool({
 *   name: "lookup",
 *   description: "Finds a customer.",
 *   input: z.object({ id: z.number().int() }),
 *   output: z.object({ name: z.string() }),
 *   expose: ["default"],
 *   run: ({ id }) => ({ name: `customer ${id}` }),
 * });
 * ```
 *
 * @throws {SnakedenError} `invalid_tool`; `details.field` and `details.reason` say what is wrong.
 */
export function defineTool<
  Input extends z.ZodObject = AnyInput,
  Output extends z.ZodType = z.ZodUnknown,
>(definition: HostToolDefinition<Input, Output>): HostToolDefinition<Input, Output> {
  try {
    HostTool.of(definition as AnyHostTool);
  } catch (error) {
    showCaller(error, { below: defineTool });
    throw error;
  }
  return definition;
}
