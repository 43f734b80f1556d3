import type { HardwareProblem } from "../hardware_info.ts";
import { textLine } from "./readings.ts";

/** The list that a tool printed. */
export interface Table<T> {
  readonly rows: readonly T[];
  /** The parts that could not be read; a blank one if the tool printed nothing. */
  readonly unreadable: readonly string[];
}

/** Returns the problem of a table that could not be read as a whole; null if it could. */
export function tableProblem(tool: string, table: Table<unknown>): HardwareProblem | null {
  const { rows, unreadable } = table;
  const [first] = unreadable;
  if (first === undefined) return null;
  const all = rows.length + unreadable.length;
  const what = rows.length === 0
    ? `${tool} printed no list of devices`
    : `${tool} printed ${all} rows, of which ${unreadable.length} could not be read`;
  const line = textLine(first);
  const text = line === "" ? `${tool} printed nothing` : `${what}; it printed: ${line}`;
  return { probe: tool, what: "unreadable", text };
}
