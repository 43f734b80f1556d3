import { mayNameFiles, Value } from "../../bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import type { AskingCall, HostMethod } from "../../pool/mod.ts";
import type { FoundHostTool, HostTools } from "./host_tools.ts";
import { OpenRuns } from "./open_runs.ts";
import { type Batch, type HostRun, type HostRuns, PythonCaller } from "./runs/mod.ts";

/** Dependencies of {@link toolMethods}. */
export interface ToolMethodsDeps {
  readonly tools: HostTools;
  readonly runs: HostRuns;
  /** Describes the files that arguments name; without it, `$file` is a key like any other. */
  readonly files?: FileDescriber | undefined;
}

/** Describes files to host tools. */
export interface FileDescriber {
  /**
   * Returns the value with a description in place of each file. The files stay until the result is
   * disposed of.
   *
   * @param name The name of the value in error texts.
   */
  describe(args: Value, name: string): Promise<Disposable & { readonly args: Value }>;
}

/**
 * Returns the methods by which tools in Python find and call host tools. A host tool that is not
 * exposed to the pool of the call is as one that does not exist. `id` is a number that Python
 * chooses, unique among the calls that are open in the call that asks.
 *
 * - `tools.list` `{}`: the `tools` that the call may use.
 * - `tools.call` `{id, name, args}`: the result; of a tool that streams, the list of its chunks.
 * - `tools.open` `{id, name, args}` and `tools.next` `{id}`: the next `items` of a tool that
 *   streams, at least one, and whether it is `done`, with its `result` then.
 * - `tools.cancel` `{id}`: stops the call, or closes its generator. Does nothing for an unknown id.
 *
 * An open call or stream ends with the Python call that asked for it.
 */
export function toolMethods(
  { tools, runs, files }: ToolMethodsDeps,
): Readonly<Record<string, HostMethod>> {
  /** The runs of each call that are under way, by the signal of the call. */
  const open = new WeakMap<AbortSignal, OpenRuns>();

  const runsOf = ({ signal }: AskingCall): OpenRuns => {
    let map = open.get(signal);
    if (map === undefined) open.set(signal, map = new OpenRuns());
    return map;
  };

  const find = (call: AskingCall, name: string): FoundHostTool => {
    const found = tools.find(name, call.sessionId || undefined, (it) => it.isExposedTo(call.pool));
    if (found === undefined) throw unknownTool(tools, call, name);
    return found;
  };

  const answerCall: Start = (call, { id, name, args }) => {
    const run = runs.begin(find(call, name).tool, new PythonCaller(call, runs.alarms.now));
    const value = run.value(args);
    if (value instanceof Value) return value;
    const own = runsOf(call);
    own.set(id, run);
    return value.finally(() => own.delete(id));
  };

  const batchOf = async (
    call: AskingCall,
    { id, run, read }: {
      readonly id: number;
      readonly run: HostRun;
      readonly read: () => Promise<Batch>;
    },
  ): Promise<Value> => {
    const own = runsOf(call);
    own.set(id, run);
    try {
      const { items, done, result } = await read();
      const answer = done ? { items, done, result: result ?? null } : { items, done };
      return run.encode(answer, "the chunks");
    } finally {
      if (run.isEnded) own.delete(id);
      else run.pause();
    }
  };

  const answerOpen: Start = (call, { id, name, args }) => {
    const { tool } = find(call, name);
    if (!tool.streams) throw notStreaming(name);
    const run = runs.begin(tool, new PythonCaller(call, runs.alarms.now));
    return batchOf(call, { id, run, read: () => run.open(args) });
  };

  /**
   * Has a run start once the store knows whether the session of the call is still open, unless it
   * was cancelled until then.
   */
  const starts = (start: Start): HostMethod => (call, args) =>
    files !== undefined && mayNameFiles(args)
      ? describedFiles(files, call, args).then((it) => begin(start, call, it))
      : begin(start, call, args);

  const begin = (start: Start, call: AskingCall, args: Value): Value | Promise<Value> => {
    const given = callArgs(args);
    const { id, name } = given;
    const own = runsOf(call);
    if (own.has(id)) throw idInUse(id);
    // The ask may have been on its way when the call was told to stop.
    call.signal.throwIfAborted();
    const refreshing = tools.refresh(call.sessionId || undefined);
    if (refreshing === undefined) return start(call, given);
    own.set(id, undefined);
    return refreshing.finally(() => {
      if (!own.delete(id)) throw cancelled(name);
      call.signal.throwIfAborted();
    }).then(() => start(call, given));
  };

  const list = (call: AskingCall): Value => {
    const found = tools.list(call.sessionId || undefined, (it) => it.isExposedTo(call.pool));
    return Value.from({ tools: found.map(described) });
  };

  return {
    "tools.list": (call) =>
      tools.refresh(call.sessionId || undefined)?.then(() => list(call)) ??
        list(call),
    "tools.call": starts(answerCall),
    "tools.open": starts(answerOpen),
    "tools.next": (call, args) => {
      const id = idOf(args.decode());
      const run = runsOf(call).get(id);
      if (run === undefined) throw notOpen(id);
      if (run.isAwaited) throw wrong("id", `given ${id}, for whose items another ask waits`);
      return batchOf(call, { id, run, read: () => run.next() });
    },
    "tools.cancel": (call, args) => {
      const id = idOf(args.decode());
      const own = runsOf(call);
      const run = own.get(id);
      own.delete(id);
      run?.stop(cancelled(run.tool));
      return NULL;
    },
  };
}

/** Starts a run, and returns its result or its first batch. */
type Start = (call: AskingCall, args: CallArgs) => Value | Promise<Value>;

const NULL = Value.from(null);

function cancelled(tool: string): SnakedenError {
  return new SnakedenError("cancelled", `The call of the host tool ${tool} was cancelled`);
}

/** Describes files, which stay until the call that asks has ended. */
async function describedFiles(files: FileDescriber, call: AskingCall, args: Value): Promise<Value> {
  const { signal } = call;
  const pinned = await files.describe(args, "");
  if (signal.aborted) pinned[Symbol.dispose]();
  signal.throwIfAborted();
  signal.addEventListener("abort", () => pinned[Symbol.dispose](), { once: true });
  return pinned.args;
}

function described({ tool }: FoundHostTool): Record<string, unknown> {
  const { name, description, inputSchema, outputSchema, streams, metadata } = tool;
  const { timeoutMs, stallTimeoutMs } = tool;
  return {
    name,
    description,
    inputSchema,
    outputSchema,
    streams,
    timeoutMs,
    stallTimeoutMs,
    metadata,
  };
}

interface CallArgs {
  readonly id: number;
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Checks arguments, which come from Python and may be anything. */
function callArgs(value: Value): CallArgs {
  const given = value.decode();
  const { name, args = {} } = (given ?? {}) as Record<string, unknown>;
  if (typeof name !== "string") throw wrong("name", "allowed: the name of a host tool, a text");
  if (!isRecord(args)) throw wrong("args", "allowed: an object of arguments by name");
  return { id: idOf(given), name, args };
}

function idOf(args: unknown): number {
  const { id } = (args ?? {}) as Record<string, unknown>;
  if (typeof id !== "number" || !Number.isSafeInteger(id)) {
    throw wrong("id", "allowed: a whole number that no other open call of a host tool has");
  }
  return id;
}

function wrong(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot call a host tool: ${path}: ${message}`, [{ path, message }]);
}

function idInUse(id: number): InvalidInputError {
  return wrong("id", `given ${id}, which another open call of a host tool has`);
}

function unknownTool(tools: HostTools, call: AskingCall, name: string): SnakedenError {
  const { sessionId, pool } = call;
  const exposed = tools.list(sessionId || undefined, (it) => it.isExposedTo(pool));
  const names = exposed.map(({ tool }) => tool.name);
  return new SnakedenError(
    "unknown_tool",
    `There is no host tool ${JSON.stringify(name.slice(0, 256))} for the pool ${pool}; ` +
      suggestion(name.slice(0, 256), names),
    { details: { tool: name.slice(0, 256) } },
  );
}

function notStreaming(name: string): SnakedenError {
  return new SnakedenError(
    "not_implemented",
    `Cannot stream the host tool ${JSON.stringify(name)}: it sends no chunks; call it by .call()`,
    { details: { tool: name } },
  );
}

function notOpen(id: number): SnakedenError {
  return new SnakedenError(
    "stream_gone",
    `Cannot read the stream ${id} of a host tool: it is not open; it has ended, or was cancelled`,
    { details: { id } },
  );
}
