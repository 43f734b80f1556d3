import {
  type Args,
  type CallOptions,
  type CallOutcome,
  type Den,
  type MapOptions,
  type MapOutcome,
  MapResults,
  type ToolInfo,
  ToolStream,
} from "../../client/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import { isSessionId, SESSION_ID_RULE } from "../../session_id.ts";
import type { FakeCall, OpenFakeCall } from "./fake_calls.ts";
import { FakeJobs } from "./fake_jobs.ts";
import { mapIssues, outcomesOf } from "./fake_map.ts";
import { FakeQueues } from "./fake_queues.ts";
import { CALL_OPTIONS, FakeRun, outcomeOf } from "./fake_run.ts";
import { type FakeTool, type FakeTools, isGenerator } from "./fake_tool.ts";
import { travelledArgs } from "./travel.ts";

/** The parts of a den that have no fake; a test may give its own. */
const OTHER_PARTS = [
  "pools",
  "workers",
  "sessions",
  "programs",
  "files",
  "hardware",
  "health",
] as const;

type OtherParts = Pick<Den, typeof OTHER_PARTS[number]>;

/** Options of {@link fakeDen}. */
export interface FakeOptions extends Partial<OtherParts> {
  /** The name of the pool that the tools are said to be in. Default: `default`. */
  readonly pool?: string;
  /** The names of the queues of jobs, besides `default`. */
  readonly queues?: readonly string[];
}

/**
 * Creates a den whose tools are functions. Values are copied and checked as on their way to Python;
 * arguments are not checked against type hints, which only Python has.
 *
 * @example
 * ```ts ignore
 * import { fakeDen } from "snakeden/testing/fake";
 *
 * const fake = fakeDen({
 *   classify: ({ text }: { text: string }) => text.includes("good") ? "happy" : "neutral",
 *   train: function* ({ epochs }: { epochs: number }) {
 *     for (let epoch = 1; epoch <= epochs; epoch++) yield { epoch };
 *     return "trained";
 *   },
 * });
 * await summary(fake);
 * console.log(fake.calls.map(({ tool, args }) => [tool, args]));
 * ```
 *
 * @throws {TypeError} If a tool is no function.
 */
export function fakeDen(tools: FakeTools, options: FakeOptions = {}): FakeDen {
  return new FakeDen(tools, options);
}

/** A den in memory, which records its calls. Made by {@link fakeDen}. */
export class FakeDen implements Den, AsyncDisposable {
  /** The tools. */
  readonly tools: { list(): ToolInfo[]; find(name: string, pool?: string): ToolInfo | undefined };
  readonly pools: Den["pools"];
  readonly workers: Den["workers"];
  readonly sessions: Den["sessions"];
  readonly programs: Den["programs"];
  readonly files: Den["files"];
  readonly hardware: Den["hardware"];
  readonly health: Den["health"];
  /** Jobs, which run at once in memory. */
  readonly jobs: FakeJobs;
  /** The queues of jobs. A paused one keeps its jobs waiting. */
  readonly queues: FakeQueues;
  readonly #tools: ReadonlyMap<string, FakeTool>;
  readonly #pool: string;
  readonly #calls: OpenFakeCall[] = [];

  /** Used by {@link fakeDen}. */
  constructor(tools: FakeTools, options: FakeOptions) {
    for (const [name, tool] of Object.entries(tools)) {
      if (typeof tool === "function") continue;
      throw new TypeError(`fakeDen: ${name}: given ${typeof tool}; allowed: a function`);
    }
    this.#tools = new Map(Object.entries(tools));
    this.#pool = options.pool ?? "default";
    const list = (): ToolInfo[] => [...this.#tools].map((it) => this.#infoOf(...it));
    this.tools = {
      list,
      find: (name, pool = this.#pool) => list().find((it) => it.name === name && it.pool === pool),
    };
    this.pools = options.pools ?? notFaked("pools");
    this.workers = options.workers ?? notFaked("workers");
    this.sessions = options.sessions ?? notFaked("sessions");
    this.programs = options.programs ?? notFaked("programs");
    this.files = options.files ?? notFaked("files");
    this.hardware = options.hardware ?? notFaked("hardware");
    this.health = options.health ?? notFaked("health");
    this.queues = new FakeQueues({
      names: options.queues ?? [],
      jobs: () => this.jobs.all,
      onResume: (name) => this.jobs.startWaiting(name),
    });
    this.jobs = new FakeJobs({
      queues: this.queues,
      pool: this.#pool,
      assertTool: (name, pool) => this.#find(name, pool),
      begin: (tool, args, own) => this.#begin(tool, args, { options: own, via: "job" }),
    });
  }

  /** The calls so far, in order; those that were refused are among them. */
  get calls(): readonly FakeCall[] {
    return this.#calls;
  }

  /** Forgets the calls so far. */
  clearCalls(): void {
    this.#calls.length = 0;
  }

  /** Runs a tool and returns its result. The chunks of a generator are returned as one list. */
  async execute<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): Promise<T> {
    const run = this.#begin(tool, args, { options, via: "execute" });
    return (await outcomeOf(run)).value.decode() as T;
  }

  /** Runs a tool and returns the outcome of the call. */
  async call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    const run = this.#begin(tool, args, { options, via: "call" });
    const { type: _type, ...outcome } = await outcomeOf(run);
    return outcome;
  }

  /** Runs a tool and returns a stream of its chunks. The call begins with the first read. */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    let run: FakeRun | undefined;
    return new ToolStream<T>({
      open: (leaving) => {
        run = this.#begin(tool, args, { options, via: "stream", leaving });
        return Promise.resolve(run);
      },
      isOneResult: () => Promise.resolve(run?.streams === false),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
  }

  /** Runs a tool for each item, one after the other. The map begins when it is read. */
  map<T = unknown>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options?: MapOptions & { readonly onError?: "throw" },
  ): MapResults<T>;
  map<T = unknown>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options: MapOptions & { readonly onError: "yield" },
  ): MapResults<MapOutcome<T>>;
  map<T>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    mapOptions: MapOptions = {},
  ): MapResults<T> | MapResults<MapOutcome<T>> {
    const { batchSize: _size, window: _window, ordered: _, onError, ...options } = mapOptions;
    refuse([...mapIssues(items, mapOptions), ...callIssues({}, options)]);
    const open = (): AsyncGenerator<MapOutcome, void, undefined> => {
      options.signal?.throwIfAborted();
      this.#find(tool, options.pool);
      return outcomesOf(items, async (item) => {
        return (await outcomeOf(this.#begin(tool, item, { options, via: "map" }))).value.decode();
      });
    };
    return new MapResults<T>({ open, yieldsErrors: onError === "yield" });
  }

  /** Runs a tool for each item of a list; resolves with what came of each. */
  async executeMany<T = unknown>(
    tool: string,
    items: readonly Args[],
    options: Omit<MapOptions, "onError" | "ordered"> = {},
  ): Promise<MapOutcome<T>[]> {
    return await this.map<T>(tool, items, { ...options, onError: "yield" });
  }

  /** Does nothing, since there is nothing to end. Here so that `await using` works. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #begin(
    tool: string,
    args: Args,
    { options, via, leaving }: {
      readonly options: CallOptions;
      readonly via: FakeCall["via"];
      readonly leaving?: AbortSignal;
    },
  ): FakeRun {
    const record: OpenFakeCall = { tool, args, options, via, state: "running", chunks: [] };
    this.#calls.push(record);
    const id = `fake-${this.#calls.length}`;
    try {
      options.signal?.throwIfAborted();
      refuse(callIssues(args, options));
      record.args = travelledArgs(args);
      return new FakeRun({
        id,
        tool: this.#find(tool, options.pool),
        record,
        ...(leaving === undefined ? {} : { leaving }),
      });
    } catch (error) {
      record.state = options.signal?.aborted === true ? "cancelled" : "failed";
      record.error = error;
      throw error;
    }
  }

  #find(name: string, pool = this.#pool): FakeTool {
    if (pool !== this.#pool) {
      const near = suggestion(pool, [this.#pool]);
      throw new SnakedenError("unknown_pool", `There is no pool "${pool}"; ${near}`, {
        details: { pool },
      });
    }
    const tool = this.#tools.get(name);
    if (tool !== undefined) return tool;
    const near = suggestion(name, this.#tools.keys());
    throw new SnakedenError("unknown_tool", `There is no tool "${name}" of any pool; ${near}`, {
      details: { tool: name },
    });
  }

  #infoOf(name: string, tool: FakeTool): ToolInfo {
    return {
      name,
      pool: this.#pool,
      description: "",
      inputSchema: { type: "object" },
      streams: isGenerator(tool),
      idempotent: false,
      runsIn: "worker",
    };
  }
}

function callIssues(args: unknown, options: CallOptions): FieldIssue[] {
  const issues: FieldIssue[] = [];
  if (!isRecord(args)) issues.push({ path: "args", message: "allowed: an object" });
  for (const name of Object.keys(options)) {
    if ((CALL_OPTIONS as readonly string[]).includes(name)) continue;
    const near = suggestion(name, CALL_OPTIONS);
    issues.push({ path: name, message: `there is no such option; ${near}` });
  }
  const { timeoutMs, sessionId } = options;
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 86_400_000)) {
    const message = `given ${timeoutMs}; allowed: a number of milliseconds greater than 0 and ` +
      "at most 86400000 (24 hours)";
    issues.push({ path: "timeoutMs", message });
  }
  if (sessionId !== undefined && !isSessionId(sessionId)) {
    const message = `given ${JSON.stringify(sessionId)}; allowed: ${SESSION_ID_RULE}`;
    issues.push({ path: "sessionId", message });
  }
  return issues;
}

/** @throws {InvalidInputError} `invalid_input`, as a host does. */
function refuse(issues: readonly FieldIssue[]): void {
  if (issues.length === 0) return;
  const list = issues.map(({ path, message }) => `${path}: ${message}`);
  throw new InvalidInputError(`Cannot make the call: ${list.join("; ")}`, issues);
}

/** Returns a part whose every use says that a test must give it. */
function notFaked<K extends keyof OtherParts>(part: K): OtherParts[K] {
  return new Proxy({}, {
    get: (_, name): undefined => {
      // Asked for by `await` and by those who print the den.
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      throw new SnakedenError(
        "not_implemented",
        `den.${part}.${name}: a fake den has no ${part}; give them: fakeDen(tools, { ${part} })`,
      );
    },
  }) as OtherParts[K];
}
