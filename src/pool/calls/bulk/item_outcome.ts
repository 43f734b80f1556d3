import { TextValue, Value, type WireError } from "../../../bridge/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import type { BulkArea } from "../bulk_note.ts";
import { callFailure, type FailureContext } from "../call_failure.ts";

/**
 * The outcome of one item of a bulk call: the JSON text of its result, the result itself if JSON
 * alone has no form for it, or the error that a call with these arguments fails with.
 */
export type ItemOutcome = string | Value | SnakedenError;

/** Stands between the outcomes in a chunk; never within one. */
const SEPARATOR = ",\n";
const RESULT = '{"result":';
const ERROR = '{"error":';

/** An error as the worker writes it: the fields of a Failure, those that are empty left out. */
interface WrittenError extends Partial<Omit<WireError, "python">> {
  readonly code: string;
  readonly message: string;
  readonly runMs: number;
  readonly python?: Omit<NonNullable<WireError["python"]>, "host"> & {
    readonly host?: { readonly code: string; readonly tool: string };
  };
}

/** Returns the outcomes in a chunk of a bulk call. Only errors are parsed. */
export function readOutcomes(
  chunk: Value,
  contextOf: (runMs: number) => FailureContext,
): ItemOutcome[] {
  const { tagged, buffers } = chunk.content;
  const { text } = chunk;
  if (tagged) return [new Value(new TextValue(resultOf(text), true, buffers))];
  return text.slice(1, -1).split(SEPARATOR).map((outcome) =>
    outcome.startsWith(ERROR) ? errorOf(outcome, contextOf) : resultOf(outcome)
  );
}

/**
 * Returns a chunk of the outcomes in `areas` from that of the item `next` on, without a gap;
 * undefined if there are none.
 */
export function unreadChunk(areas: readonly BulkArea[], next: number): Value | undefined {
  const unread: string[] = [];
  for (const { first, text } of areas.toSorted((a, b) => a.first - b.first)) {
    const outcomes = text.split(SEPARATOR).slice(0, -1);
    const from = next + unread.length - first;
    if (from >= 0) unread.push(...outcomes.slice(from));
  }
  if (unread.length === 0) return undefined;
  return new Value(new TextValue(`[${unread.join(SEPARATOR)}]`, false, []));
}

function resultOf(outcome: string): string {
  if (outcome.startsWith(RESULT)) return outcome.slice(RESULT.length, -1);
  throw new SnakedenError("internal", "Cannot read the outcome of an item: it has no result");
}

function errorOf(outcome: string, contextOf: (runMs: number) => FailureContext): SnakedenError {
  const { error } = JSON.parse(outcome) as { readonly error: WrittenError };
  const { code, message, runMs, python = null, issues = [] } = error;
  return callFailure({ code, message, python, issues }, contextOf(runMs));
}
