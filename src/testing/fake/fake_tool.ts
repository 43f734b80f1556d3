/** The context of a call, as a fake tool gets it. */
export interface FakeCallContext {
  /** The id of the call, as its outcome has it. */
  readonly id: string;
  /** The name of the tool. */
  readonly tool: string;
  /** The session of the call. */
  readonly sessionId?: string;
  /** The id of the request. */
  readonly requestId?: string;
  /** Aborts when the caller leaves, its signal aborts, or the deadline has passed. */
  readonly signal: AbortSignal;
  /** Reports progress, such as `{ fraction: 0.5 }`. */
  progress(report: unknown): void;
}

/**
 * A function in the place of a tool. It returns the result, or a promise of it. A generator, or
 * anything else that is an iterator, streams. It throws a `SnakedenError` to fail with its code;
 * any other error becomes a `PythonError`, as if the tool in Python had raised it.
 */
export type FakeTool = FakeToolMethod["run"];

/** The parameters of methods may be narrower, so `({ text }: { text: string }) => ...` fits. */
interface FakeToolMethod {
  run(args: Readonly<Record<string, unknown>>, call: FakeCallContext): unknown;
}

/** Tools by name. */
export type FakeTools = Readonly<Record<string, FakeTool>>;

/** Returns true for a generator function, asynchronous or not. */
export function isGenerator(tool: FakeTool): boolean {
  return /^(?:Async)?GeneratorFunction$/.test(tool.constructor.name);
}

/** The part of an iterator that a stream uses. */
export interface Chunks {
  next(): IteratorResult<unknown> | Promise<IteratorResult<unknown>>;
  return?(): unknown;
}

/** Returns the chunks of a result that streams; undefined for any other one. */
export function chunksOf(result: unknown): Chunks | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  if ("next" in result && typeof result.next === "function") return result as Chunks;
  return Symbol.asyncIterator in result
    ? (result as AsyncIterable<unknown>)[Symbol.asyncIterator]() as Chunks
    : undefined;
}
