import { isLargeFrame, readFrame, TextValue, Value } from "../../bridge/mod.ts";
import { messageOf, SnakedenError } from "../../errors.ts";
import { copyOf, type VariableHead } from "../../store/mod.ts";
import type { VariableRules } from "./checked_value.ts";
import type { Constraints } from "./constraints.ts";
import { isVariableType, type VariableType } from "./variable_types.ts";

/** A variable without its value. */
export interface VariableInfo {
  /** The name: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly name: string;
  readonly type: VariableType;
  /** A number that rises with each change of the session's variables. It is never used twice. */
  readonly version: number;
  /** The limits on its values, if there are any. */
  readonly constraints?: Constraints;
  /** The time of the last change, in ISO 8601. */
  readonly updatedAt: string;
  /** The length of the stored value. */
  readonly bytes: number;
}

/** A variable. */
export interface Variable<T = unknown> extends VariableInfo {
  /** A copy of the value. */
  readonly value: T;
}

/** A variable as the store has it, still encoded. */
export interface StoredVariable extends VariableRules {
  readonly info: VariableInfo;
  readonly encoded: Value;
  /** The decoded value if it cannot be changed. Most values are, and are read more than once. */
  readonly scalar?: Scalar;
}

/** A value in a field of its own, so that null counts as one. */
interface Scalar {
  readonly value: unknown;
}

/** The longest value that is kept decoded. */
const MAX_SCALAR_BYTES = 1_024;
const TREES: readonly VariableType[] = ["json", "tensor", "embedding"];

/**
 * Returns a variable of the store. `written` is the value, if this host has just written it.
 *
 * @throws {SnakedenError} `store_failed` if its value cannot be read.
 */
export function storedVariable(
  head: VariableHead,
  frame: Uint8Array,
  written?: Value,
): StoredVariable {
  const info = infoOf(head);
  const { name, type, constraints } = info;
  try {
    // Not one that shows memory of its sender.
    const isOwn = written?.content instanceof TextValue && written.content.buffers.length === 0;
    const encoded = isOwn ? written : readFrame(frame);
    const isScalar = !TREES.includes(type) && frame.byteLength <= MAX_SCALAR_BYTES;
    return {
      info,
      type,
      constraints,
      encoded,
      ...(isScalar ? { scalar: { value: encoded.decode() } } : {}),
    };
  } catch (cause) {
    const text = `Cannot read the variable ${JSON.stringify(name)}: ${messageOf(cause)}`;
    throw new SnakedenError("store_failed", text, { cause });
  }
}

/** Returns a variable of the store without its value. */
export function infoOf(head: VariableHead): VariableInfo {
  const { name, version, constraints, updatedAt, bytes } = head;
  return {
    name,
    type: isVariableType(head.type) ? head.type : "json",
    version,
    ...(constraints === undefined ? {} : { constraints: constraints as Constraints }),
    updatedAt: new Date(updatedAt).toISOString(),
    bytes,
  };
}

/** Returns a variable as its user sees it. Copies a large value in slices. */
export async function variableOfAny(variable: StoredVariable): Promise<Variable> {
  const { info, encoded } = variable;
  if (!isLargeFrame(info.bytes)) return variableOf(variable);
  const { json, tagged, buffers } = encoded.wire;
  // Decoding copies no buffer that has memory of its own.
  const own = await Promise.all(buffers.map(copyOf));
  return variableOf({ ...variable, encoded: new Value({ json, tagged, buffers: own }) });
}

/** Returns a variable as its user sees it. */
export function variableOf({ info, encoded, scalar }: StoredVariable): Variable {
  return { ...info, value: scalar === undefined ? encoded.decode() : scalar.value };
}
