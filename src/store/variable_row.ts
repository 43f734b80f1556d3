import { z } from "zod";
import { SnakedenError } from "../errors.ts";
import type { RecordType } from "./record.ts";
import { checkLength, type JsonObject } from "./session_row.ts";

/** The length of the longest name of a variable or a program, in UTF-16 units. */
export const MAX_NAME_LENGTH = 256;
/** The length of the longest constraints, as JSON in UTF-8. */
export const MAX_CONSTRAINTS_BYTES: number = 16_384;
/** The length of the longest value of a variable. */
export const MAX_VARIABLE_BYTES: number = 2 ** 30;

const name = z.string().min(1).max(MAX_NAME_LENGTH);
const bytes = z.int().nonnegative().max(MAX_VARIABLE_BYTES);

const variableSchema = z.object({
  name,
  type: z.string(),
  version: z.int().positive(),
  constraints: z.record(z.string(), z.unknown()).optional(),
  updatedAt: z.int().nonnegative(),
  bytes,
});

/** All of a variable except its value. The store gives `type` and `constraints` no meaning. */
export interface VariableHead {
  readonly name: string;
  readonly type: string;
  /**
   * The number of the change that wrote it; see {@link Change}. So it rises with each write, and a
   * variable that was dropped and set again has a version that it never had before.
   */
  readonly version: number;
  readonly constraints?: JsonObject | undefined;
  /** Milliseconds since 1970, by the clock of the store. */
  readonly updatedAt: number;
  /** The length of the value. */
  readonly bytes: number;
}

/** A variable. */
export interface VariableRow extends VariableHead {
  /** The value, to which the store gives no meaning: 0 to {@link MAX_VARIABLE_BYTES} bytes. */
  readonly value: Uint8Array<ArrayBuffer>;
}

/** The record type of the head of a variable. */
export const VARIABLE_HEAD: RecordType<VariableHead> = {
  name: "variable",
  version: 1,
  schema: variableSchema,
};

const programSchema = z.object({
  name,
  version: z.int().positive(),
  updatedAt: z.int().nonnegative(),
  bytes,
});

/** All of a program except its body. */
export interface ProgramHead {
  readonly name: string;
  /** Begins at 1 and rises by one with each write. It begins at 1 again after a removal. */
  readonly version: number;
  /** Milliseconds since 1970, by the clock of the store. */
  readonly updatedAt: number;
  /** The length of the body, as JSON in UTF-8. */
  readonly bytes: number;
}

/** A program. */
export interface ProgramRow extends ProgramHead {
  /** A value of JSON, to which the store gives no meaning. */
  readonly body: unknown;
}

/** The record type of the head of a program. */
export const PROGRAM_HEAD: RecordType<ProgramHead> = {
  name: "program",
  version: 1,
  schema: programSchema,
};

/**
 * Refuses a name that no variable and no program can have. Every driver calls it first.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkName(kind: "variable" | "program", name: string): void {
  // deno-lint-ignore no-control-regex
  const isAllowed = !/[\0-\x1f\x7f-\x9f]/.test(name) && name.isWellFormed();
  if (name.length >= 1 && name.length <= MAX_NAME_LENGTH && isAllowed) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot use ${JSON.stringify(name.slice(0, 300))} as the name of a ${kind}: ` +
      `a name has 1 to ${MAX_NAME_LENGTH} characters, without control characters`,
  );
}

/**
 * Refuses a variable that cannot be written.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkVariable(
  { name, type, value, constraints }: Omit<VariableRow, "version" | "updatedAt" | "bytes">,
): void {
  checkName("variable", name);
  checkLength("the name of a type", type.length, MAX_NAME_LENGTH);
  checkLength("a variable", value.byteLength, MAX_VARIABLE_BYTES);
  if (constraints === undefined) return;
  const { byteLength } = new TextEncoder().encode(JSON.stringify(constraints));
  checkLength("the constraints of a variable", byteLength, MAX_CONSTRAINTS_BYTES);
}

/**
 * Returns the body of a program as JSON.
 *
 * @throws {SnakedenError} `invalid_input` if it has none, or if the program cannot be written.
 */
export function checkProgram(name: string, body: unknown): string {
  checkName("program", name);
  const text: string | undefined = JSON.stringify(body);
  if (text === undefined) {
    throw new SnakedenError(
      "invalid_input",
      `Cannot write a program whose body is ${typeof body}: a body is a value of JSON`,
    );
  }
  return text;
}
