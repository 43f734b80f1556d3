import type {
  Args,
  CallOptions,
  CallOutcome,
  StreamEvent,
  ToolInfo,
  ToolsOptions,
} from "./call.ts";
import type { DenJobs, DenQueues } from "./den_jobs.ts";
import type { DenFiles } from "./file.ts";
import type { DetectOptions, HardwareInfo } from "./machine.ts";
import type { DenMap, MapOptions, MapOutcome } from "./map.ts";
import type {
  PoolInfo,
  PoolToAdd,
  Readiness,
  RecycleRequest,
  ResizeRequest,
  WaitOptions,
  WorkerInfo,
} from "./pool.ts";
import type {
  ChangeOptions,
  JsonObject,
  ListedVariable,
  ListOptions,
  ListPage,
  OpenOptions,
  Program,
  ProgramInfo,
  ProgramToPut,
  ProgramWriteOptions,
  PutProgram,
  SessionInfo,
  SetOptions,
  SetResult,
  UpdateOptions,
  Variable,
  VariableChange,
  VariableInfo,
  VariableToSet,
} from "./session.ts";

/** A value that the library has at once, and a client after a request. `await` takes both. */
export type Awaitable<T> = T | Promise<T>;

/**
 * The part that {@link SnakedenClient} and the library's `Snakeden` have in common. A function that
 * takes a `Den` works with both. tests/client/den_test.ts holds that both satisfy it.
 */
export interface Den {
  /** Runs a tool and returns its result, decoded. */
  execute<T = unknown>(tool: string, args?: Args, options?: CallOptions): Promise<T>;
  /** Runs a tool and returns the outcome of the call. */
  call(tool: string, args?: Args, options?: CallOptions): Promise<CallOutcome>;
  /** Runs a tool and returns a stream of its chunks. The call begins with the first read. */
  stream<T = unknown>(tool: string, args?: Args, options?: CallOptions): DenStream<T>;
  /** Runs a tool for each item. The map begins when it is awaited or iterated. */
  map<T = unknown>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options?: MapOptions & { readonly onError?: "throw" },
  ): DenMap<T>;
  map<T = unknown>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options: MapOptions & { readonly onError: "yield" },
  ): DenMap<MapOutcome<T>>;
  /** Runs a tool for each item of a list; resolves with what came of each. */
  executeMany<T = unknown>(
    tool: string,
    items: readonly Args[],
    options?: Omit<MapOptions, "onError" | "ordered">,
  ): Promise<MapOutcome<T>[]>;
  readonly tools: DenTools;
  readonly pools: DenPools;
  readonly workers: DenWorkers;
  readonly sessions: DenSessions;
  readonly programs: DenPrograms;
  readonly jobs: DenJobs;
  readonly queues: DenQueues;
  readonly files: DenFiles;
  readonly hardware: { detect(options?: DetectOptions): Promise<HardwareInfo> };
  readonly health: DenHealth;
}

/** A streaming call, read once. */
export interface DenStream<T = unknown> extends AsyncIterable<T> {
  /** The value that the tool returned. Awaiting it without a reader begins the call. */
  readonly result: Promise<unknown>;
  /** Yields chunks and progress as they come, and then `done`. */
  events(): AsyncGenerator<StreamEvent, void, undefined>;
}

/** The tools of a host. */
export interface DenTools {
  /** Lists every tool of every pool, and the host tools. */
  list(options?: ToolsOptions): Awaitable<ToolInfo[]>;
  /** Returns the tool that a call of this name would run; undefined if there is none. */
  find(name: string, pool?: string, options?: ToolsOptions): Awaitable<ToolInfo | undefined>;
}

/** The pools of a host. */
export interface DenPools {
  /** Describes the pools as they are now. */
  list(): Awaitable<PoolInfo[]>;
  /** Describes one pool as it is now. */
  get(name: string): Awaitable<PoolInfo>;
  /** Replaces workers; resolves when the old ones are gone. */
  recycle(request?: RecycleRequest): Promise<void>;
  /** Adds a pool; resolves when it takes calls. */
  add(pool: PoolToAdd, options?: { readonly signal?: AbortSignal }): Promise<PoolInfo>;
  /** Removes a pool; resolves when its workers are gone. */
  remove(name: string, options?: { readonly drainMs?: number }): Promise<void>;
  /** Changes how many workers a pool keeps. */
  resize(name: string, change: ResizeRequest): Awaitable<PoolInfo>;
  /** Lets a pool send no more calls to its workers. */
  pause(name: string): Awaitable<PoolInfo>;
  /** Ends a pause. */
  resume(name: string): Awaitable<PoolInfo>;
  /** Ends the idle workers of a pool now; returns their ids. */
  cleanIdle(name: string): Awaitable<readonly string[]>;
  /** Starts workers of a pool before calls need them; returns the ids of those that are ready. */
  startAhead(name: string, count?: number): Promise<readonly string[]>;
}

/** The workers of a host. */
export interface DenWorkers {
  /** Describes the workers as they are now. */
  list(): Awaitable<WorkerInfo[]>;
  /** Describes one worker. */
  get(id: string): Awaitable<WorkerInfo>;
  /** Ends a worker, which finishes its calls, or kills it; resolves when it is gone. */
  stop(id: string, options?: { readonly mode?: "soft" | "hard" }): Promise<void>;
}

/** The health of a host. */
export interface DenHealth {
  /** Sends a ping through every pool. */
  ready(options?: WaitOptions): Promise<Readiness>;
  /** Resolves when every pool has a ready worker. */
  awaitReady(options?: WaitOptions): Promise<void>;
}

/** The sessions of a host. */
export interface DenSessions {
  /** Returns the session with this id, and opens it if it does not exist. */
  open(id?: string, options?: OpenOptions): Promise<DenSession>;
  /** Does the same, and says whether the session existed. */
  ensure(
    id: string,
    options?: OpenOptions,
  ): Promise<{ readonly session: DenSession; readonly created: boolean }>;
  /** Returns the session with this id. */
  get(id: string): Promise<DenSession>;
  /** Lists sessions. */
  list(options?: ListOptions): Promise<ListPage<SessionInfo>>;
  /** Ends the session with this id. */
  delete(id: string): Promise<void>;
}

/** A session. Its fields are as of the last call. */
export interface DenSession extends SessionInfo {
  readonly metadata: JsonObject;
  readonly info: SessionInfo;
  readonly variables: DenVariables;
  readonly programs: DenPrograms;
  /** Renews the time to live. */
  touch(): Promise<void>;
  /** Changes the metadata, which is replaced as a whole, or the time to live. */
  update(options: UpdateOptions): Promise<void>;
  /** Ends the session. */
  delete(options?: { readonly ifVersion?: number }): Promise<void>;
}

/** The variables of a session. */
export interface DenVariables {
  get<T = unknown>(name: string): Promise<Variable<T>>;
  getMany(names: readonly string[]): Promise<Map<string, Variable>>;
  set(name: string, value: unknown, options?: SetOptions): Promise<VariableInfo>;
  setMany(items: readonly VariableToSet[]): Promise<SetResult[]>;
  delete(name: string, options?: { readonly ifVersion?: number }): Promise<void>;
  list(options?: ListOptions): Promise<ListPage<ListedVariable>>;
  /** Returns the position of the last change, for {@link DenVariables.changes}. */
  position(): Promise<string>;
  /** Follows the changes: those after `after`, or those from now on. */
  changes(options?: ChangeOptions): AsyncIterableIterator<VariableChange>;
}

/** Programs: stored calls of tools, by name. */
export interface DenPrograms {
  put(name: string, program: ProgramToPut, options?: ProgramWriteOptions): Promise<PutProgram>;
  get(name: string): Promise<Program>;
  delete(name: string, options?: ProgramWriteOptions): Promise<void>;
  list(options?: ListOptions): Promise<ListPage<ProgramInfo>>;
  /** Runs a program and returns the result of its tool, decoded. */
  run<T = unknown>(name: string, args?: Args, options?: CallOptions): Promise<T>;
  /** Runs a program and returns the outcome of its call. */
  call(name: string, args?: Args, options?: CallOptions): Promise<CallOutcome>;
}
