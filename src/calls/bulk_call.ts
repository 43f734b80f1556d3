import type { StopSignal } from "../async/mod.ts";
import { ItemList, Value } from "../bridge/mod.ts";
import {
  type Call,
  type CallOutcome,
  type CallWork,
  type ChunkSink,
  type OnOutcomes,
  OutcomeReader,
  type OutputSink,
  type Pool,
} from "../pool/mod.ts";
import { invalidCall } from "./call_fields.ts";
import type { CallOptions } from "./call_options.ts";
import { timeoutOf } from "./nested_calls.ts";
import type { WorkWatch } from "./work_watch.ts";

/** A bulk call: one tool, and the arguments of each item. */
export interface BulkCall {
  readonly tool: string;
  /**
   * The arguments of the items: the JSON text of an object, or an encoded object, which may have
   * tags and buffers. They are sent as they are: an item that is no object fails alone.
   */
  readonly items: readonly (string | Value)[];
  /**
   * Options for all items. `timeoutMs` is the time of each from its start; the wait for a worker
   * has no limit but the signal.
   */
  readonly options: CallOptions;
}

/** Hears of a bulk call. Only `onOutcomes` may throw. */
export interface BulkWatch {
  /** Receives what came of the items, in their order, while others run. */
  readonly onOutcomes: OnOutcomes;
  /** Called each time that the call is sent to a worker. */
  readonly onSent?: ((work: CallWork) => void) | undefined;
  /** Receives progress of items, as `{ item, report }`. */
  readonly onProgress?: ((report: Value) => void) | undefined;
  /** Receives the output of all items. */
  readonly output?: OutputSink | undefined;
  /** The job whose items they are. */
  readonly job?: string;
  /** Stops the call, instead of the signal of its options. Sessions that are strict need both. */
  readonly signal?: StopSignal | undefined;
}

/** The end of a bulk call whose items have all ended. `runMs` is the time of all together. */
export type BulkOutcome = Omit<CallOutcome, "value">;

/** The parts of `Calls` that a bulk call uses. */
export interface BulkPath {
  readonly windowBytes: number;
  poolOf(options: CallOptions): Pool;
  /** Resolves when the session of the call is ready; undefined if it need not wait for that. */
  sessionReady(pool: Pool): Promise<unknown> | undefined;
  submit(
    args: Value,
    options: CallOptions,
    how: { readonly sink: ChunkSink; readonly pool: Pool; readonly watch: WorkWatch },
  ): Call;
}

/**
 * Runs a bulk call. It does not run again when its worker dies: its caller knows what came of which
 * item, and sends others again.
 */
export async function runBulk(
  { tool, items, options }: BulkCall,
  watch: BulkWatch,
  path: BulkPath,
): Promise<BulkOutcome> {
  const list = listOf(items);
  const args = list.value;
  await path.sessionReady(path.poolOf(options));
  // The pool may have been replaced meanwhile.
  const pool = path.poolOf(options);
  const own = { ...options, timeoutMs: timeoutOf(pool, tool, options), idempotent: false };
  const reader = new OutcomeReader({
    tool,
    items: list.length,
    timeoutMs: own.timeoutMs,
    windowBytes: path.windowBytes,
    alarms: pool.deadlines,
    onOutcomes: watch.onOutcomes,
    signal: watch.signal ?? options.signal,
    moduleCure: pool.moduleCure,
  });
  let call: Call;
  try {
    call = path.submit(args, own, {
      sink: reader,
      pool,
      watch: {
        bulk: list,
        signal: reader.signal,
        onSent: (work) => {
          reader.sent(work);
          watch.onSent?.(work);
        },
        onProgress: watch.onProgress ?? (() => {}),
        output: watch.output,
        ...(watch.job === undefined ? {} : { job: watch.job }),
      },
    });
  } catch (error) {
    reader.close();
    throw error;
  }
  const { value: _, ...end } = await reader.attach(call);
  return end;
}

function listOf(items: BulkCall["items"]): ItemList {
  const list = new ItemList();
  items.forEach((item, index) => {
    if (item instanceof Value && item.inputs !== undefined) {
      const message = "given an input stream; allowed: values that need no reader";
      throw invalidCall([{ path: `items[${index}]`, message }]);
    }
    list.add(item);
  });
  return list;
}
