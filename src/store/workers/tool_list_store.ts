import { z } from "zod";
import type { RecordType } from "../record.ts";
import { checkLength } from "../session_row.ts";

/** The length of the longest list. */
export const MAX_TOOL_LIST_BYTES: number = 16 * 2 ** 20;

const headSchema = z.object({
  pool: z.string().min(1),
  /** The hash of all that the list depends on: 64 hexadecimal digits. */
  code: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The pool whose tools a list has, and the hash of the code that they are from. */
export type ToolListHead = Readonly<z.output<typeof headSchema>>;

/** The record type of a {@link ToolListHead}. */
export const TOOL_LIST_HEAD: RecordType<ToolListHead> = {
  name: "tool_list",
  version: 1,
  schema: headSchema,
};

/** The tools of a pool. */
export interface ToolListRow extends ToolListHead {
  /** The tools, to which the store gives no meaning: 0 to {@link MAX_TOOL_LIST_BYTES} bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * The tools that the workers of each pool had, by which a later host lists them before it has a
 * worker. A driver that keeps nothing for later hosts keeps no list.
 */
export interface ToolListStore {
  /** Lists the pools that have a list, in any order. */
  list(): Promise<readonly ToolListHead[]>;
  /** Returns the list of a pool; undefined if there is none. */
  get(pool: string): Promise<ToolListRow | undefined>;
  /**
   * Writes the list of a pool in the place of its old one. Resolves when it is durable.
   *
   * @throws {SnakedenError} `invalid_input` if the body is too long.
   */
  put(row: ToolListRow): Promise<void>;
  /** Removes the lists of pools; a missing one is not an error. */
  remove(pools: readonly string[]): Promise<void>;
}

/**
 * Checks a row before it is written.
 *
 * @throws {SnakedenError} `invalid_input` if its body is too long.
 */
export function checkToolList({ body }: ToolListRow): void {
  checkLength("the tools of a pool", body.byteLength, MAX_TOOL_LIST_BYTES);
}
