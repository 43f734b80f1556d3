import { isIterable } from "../async/mod.ts";
import { TextValue, Value } from "../bridge/mod.ts";
import {
  type Args,
  type BulkOutcome,
  type BulkWatch,
  type CallOptions,
  type Calls,
  checkCallOptions,
  encodeArgs,
  invalidCall,
} from "../calls/mod.ts";
import type { Config } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { ItemOutcome } from "../pool/mod.ts";
import type { ToolRegistry } from "../tools/mod.ts";
import type { Items } from "./item_source.ts";
import {
  type ExecuteManyOptions,
  type MapOptions,
  type OwnOptions,
  splitMapOptions,
} from "./map_options.ts";
import { type MapOutcome, MapResults } from "./map_results.ts";
import type { MapItem } from "./map_item.ts";
import { MapRun, type MapRunDeps } from "./map_run.ts";

/** Dependencies of {@link Maps}. */
export interface MapsDeps {
  readonly calls: Pick<Calls, "bulk" | "call" | "openFiles">;
  readonly tools: Pick<ToolRegistry, "find" | "poolFor">;
  readonly limits: Pick<Config["limits"], "maxDepth">;
  /** Returns facts about a pool: the calls that it runs at a time, and its `maxReruns`. */
  readonly factsOf: (pool: string) => { readonly capacity: number; readonly maxReruns: number };
}

/** A map before it begins. */
export interface NewMap<T> {
  readonly items: Items<T>;
  readonly encode: (item: T) => MapItem;
  readonly own: OwnOptions;
  readonly call: CallOptions;
}

/** The calls of a host tool that run at a time, by default. */
const HOST_WINDOW = 16;

/**
 * Runs one tool for many items. The items travel together, in bulk calls of a pool (ADR 15), which
 * costs each of them a tenth of a call. A host tool is called for each item.
 */
export class Maps {
  readonly #deps: MapsDeps;

  constructor(deps: MapsDeps) {
    this.#deps = deps;
  }

  /**
   * Runs a tool for each item, which is an object of arguments.
   *
   * @throws {InvalidInputError} `invalid_input`, for the options.
   */
  map<T>(tool: string, items: Items<Args>, options: MapOptions = {}): MapResults<T> {
    const { own, call } = splitMapOptions(options);
    checkCallOptions(call);
    checkItems(items);
    const writing = { maxDepth: this.#deps.limits.maxDepth, name: "args" };
    const encode = (item: Args): MapItem => {
      try {
        return encodeArgs(item, writing);
      } catch (error) {
        if (error instanceof SnakedenError) return error;
        throw error;
      }
    };
    return new MapResults<T>({
      open: () => this.open(tool, { items, encode, own, call }),
      yieldsErrors: own.yieldsErrors,
      signal: call.signal,
    });
  }

  /**
   * Runs a tool for each item of a list, and returns what came of each, in their order.
   *
   * @throws {SnakedenError} The error for which not all can run; never that of an item.
   */
  async executeMany<T>(
    tool: string,
    items: readonly Args[],
    options: ExecuteManyOptions = {},
  ): Promise<MapOutcome<T>[]> {
    return await this.map<MapOutcome<T>>(tool, items, { ...options, onError: "yield" });
  }

  /**
   * Begins a map over items that are encoded already.
   *
   * @throws {SnakedenError} `invalid_input` for the options, and those of {@link Maps.open}.
   */
  openEncoded(
    tool: string,
    items: Items<MapItem>,
    options: MapOptions = {},
  ): MapRun<MapItem> {
    const { own, call } = splitMapOptions(options);
    checkCallOptions(call);
    return this.open(tool, { items, encode: (item) => item, own, call });
  }

  /**
   * Begins a map.
   *
   * @throws {SnakedenError} `unknown_tool` or `unknown_pool`.
   */
  open<T>(tool: string, { items, encode, own, call }: NewMap<T>): MapRun<T> {
    const { calls, tools, factsOf } = this.#deps;
    const info = tools.find(tool, call.pool, call);
    const shared = {
      items,
      encode,
      options: own,
      openFiles: (args: Value) => calls.openFiles(args),
      failsWhenBusy: call.whenBusy === "fail",
      signal: call.signal,
    };
    if (info?.runsIn === "host") {
      return new MapRun({
        ...shared,
        openFiles: () => undefined,
        bulk: (args, watch) => callEach({ tool, call, args, watch }, calls),
        window: () => own.window ?? HOST_WINDOW,
        reruns: () => 0,
      });
    }
    const { name: pool } = tools.poolFor(tool, call.pool, call);
    const { signal: _, idempotent, ...options } = call;
    const facts = factsOf(pool);
    return new MapRun({
      ...shared,
      bulk: (args, watch) =>
        calls.bulk({ tool, items: args, options: { ...options, pool } }, watch),
      window: () => own.window ?? facts.capacity,
      reruns: () => idempotent ?? tools.find(tool, pool, call)?.idempotent ? facts.maxReruns : 0,
    });
  }
}

/** Calls a host tool for each item, one after the other. */
async function callEach(
  { tool, call, args, watch }: {
    readonly tool: string;
    readonly call: CallOptions;
    readonly args: Parameters<MapRunDeps<never>["bulk"]>[0];
    readonly watch: BulkWatch;
  },
  calls: Pick<Calls, "call">,
): Promise<BulkOutcome> {
  const started = performance.now();
  const signal = watch.signal as AbortSignal;
  for (const [i, item] of args.entries()) {
    signal.throwIfAborted();
    const outcome = await outcomeOf(() =>
      calls.call(tool, item instanceof Value ? item : valueOf(item), { ...call, signal })
    );
    signal.throwIfAborted();
    await watch.onOutcomes([outcome], i);
  }
  const runMs = performance.now() - started;
  return { callId: "", workerId: "", durationMs: runMs, queueMs: 0, runMs };
}

async function outcomeOf(call: () => Promise<{ readonly value: Value }>): Promise<ItemOutcome> {
  try {
    return (await call()).value;
  } catch (error) {
    if (error instanceof SnakedenError) return error;
    throw error;
  }
}

/** @throws {InvalidInputError} For a text that is no JSON. */
function valueOf(text: string): Value {
  try {
    JSON.parse(text);
  } catch (error) {
    throw invalidCall([{ path: "args", message: `no JSON: ${(error as Error).message}` }]);
  }
  return new Value(new TextValue(text, false, []));
}

function checkItems(items: unknown): void {
  if (isIterable(items)) return;
  const message = `given ${items === null ? "null" : `a ${typeof items}`}; allowed: an iterable ` +
    "or async iterable of objects of arguments";
  throw invalidCall([{ path: "items", message }]);
}
