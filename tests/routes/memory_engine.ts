/**
 * An engine without Python, to test the routes alone. By default, calls return their arguments.
 */
import { Value } from "../../src/bridge/mod.ts";
import type { Args, CallOptions } from "../../src/calls/call_options.ts";
import { type ConfigInput, parseConfig } from "../../src/config/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { Files } from "../../src/files/mod.ts";
import type { MapItem } from "../../src/map/mod.ts";
import type { ToolInfo } from "../../src/tools/mod.ts";
import type { PoolInfo } from "../../src/pool/pool_info.ts";
import {
  type CallOutcome,
  findPool,
  type RecycleRequest,
  type StreamEvent,
} from "../../src/pool/mod.ts";
import type { HardwareInfo } from "../../src/hardware/mod.ts";
import { JobFeed, Jobs, Queues } from "../../src/jobs/mod.ts";
import { Sessions } from "../../src/sessions/mod.ts";
import { memoryBlobs, memoryJobs, memoryStore } from "../../src/store/mod.ts";
import { type AppOptions, createApp, type Engine } from "../../src/routes/mod.ts";
import { fakeDevice } from "../fixtures/fakes/fake_device.ts";
import { assertDescribed } from "./described_answer.ts";

/** The arguments and options of a call. */
export interface SeenCall {
  readonly tool: string;
  readonly args: unknown;
  readonly options: CallOptions;
}

export interface MemoryEngine extends Engine {
  readonly calls: SeenCall[];
  readonly stopped: string[];
  readonly recycled: RecycleRequest[];
}

type Namespaces = Pick<Engine, "tools" | "pools" | "workers" | "hardware" | "health">;

/** Sessions in memory, without a timer. */
function memorySessions(config: ConfigInput | undefined): Sessions {
  const store = memoryStore();
  store.report = () => Promise.resolve({ state: "open", setAside: [] });
  const clock = { after: () => () => {} };
  return new Sessions({ store, config: parseConfig(config).sessions, maxDepth: 200, clock });
}

/** Jobs that nobody runs, in a store in memory, or without a store. */
export function idleJobs(
  input: ConfigInput = {},
  given?: SnakedenError,
): Pick<Engine, "jobs" | "queues"> {
  const config = parseConfig(input).jobs;
  const store = given ?? memoryJobs({ limits: config });
  const jobs = new Jobs({
    store,
    blobs: memoryBlobs(),
    files: memoryFiles(input, given),
    engine: { stop: () => {}, running: () => undefined },
    feed: new JobFeed(),
    runners: {},
    config,
    pools: () => undefined,
  });
  return { jobs, queues: new Queues({ store }) };
}

/** Files in memory, or without a store. */
export function memoryFiles(input: ConfigInput = {}, given?: SnakedenError): Files {
  const { files: config, jobs, limits: { maxFileBytes } } = parseConfig(input);
  const store = given ?? { files: memoryJobs({ limits: jobs }), blobs: memoryBlobs() };
  return new Files({ store, config, maxFileBytes });
}

export interface MemoryEngineOptions
  extends Partial<Pick<Engine, "call" | "files" | "sessions" | "jobs" | "queues">> {
  /** Methods of the namespaces that replace those below. */
  readonly namespaces?: { readonly [K in keyof Namespaces]?: Partial<Namespaces[K]> };
  readonly config?: ConfigInput;
  readonly events?: (options: CallOptions) => AsyncIterable<StreamEvent>;
}

const POOL: PoolInfo = {
  name: "default",
  adapter: "snakeden.demo",
  profile: "process",
  launcher: "spawn",
  capacity: 2,
  begun: 0,
  size: 2,
  min: 2,
  max: 2,
  spare: 0,
  paused: false,
  state: "ready",
  workers: { ready: 2, busy: 0, starting: 0 },
  queued: 0,
  queueLimit: 1_000,
  stats: {
    requests: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    timedOut: 0,
    crashed: 0,
    refused: 0,
    saturated: 0,
    restarts: 0,
    recycled: 0,
  },
  crashes: { total: 0, windowMs: 60_000, recent: {}, reruns: 0, poisoned: 0 },
  tainted: [],
  unhealthyDevices: [],
};

/** A machine with a GPU. */
export const MACHINE: HardwareInfo = {
  hostname: "machine-7",
  platform: "linux-x86_64",
  cpu: {
    model: "AMD EPYC",
    vendor: "AMD",
    physicalCores: 4,
    logicalCores: 8,
    usableCores: 2,
    features: ["avx2"],
  },
  memory: { totalBytes: 64e9, availableBytes: 60e9, limitBytes: null },
  devices: [
    fakeDevice({ id: "cuda:0", kind: "cuda", uuid: "GPU-1", name: "NVIDIA L4", arch: "8.9" }),
    fakeDevice({ id: "cpu", kind: "cpu", name: "AMD EPYC", unified: true }),
  ],
  problems: [{ probe: "amd-smi", what: "missing", text: "amd-smi is not installed" }],
};

export function outcomeOf(value: unknown): CallOutcome {
  return {
    value: Value.from(value),
    callId: "c-1",
    workerId: "default-1",
    durationMs: 1.23456,
    queueMs: 0,
    runMs: 1,
  };
}

export function chunk(value: unknown): StreamEvent {
  return { type: "chunk", value: Value.from(value) };
}

export function done(value: unknown): StreamEvent {
  return { type: "done", ...outcomeOf(value) };
}

/** A map whose results are the items, one by one. */
function echoMap(tool: string, items: AsyncIterable<MapItem>): ReturnType<Engine["openMap"]> {
  if (tool !== "add") throw new SnakedenError("unknown_tool", `There is no tool "${tool}"`);
  const iterator = items[Symbol.asyncIterator]();
  let from = 0;
  return {
    next: async () => {
      const { done, value } = await iterator.next();
      return done ? undefined : { from: from++, outcomes: [value] };
    },
    leave: () => void iterator.return?.(),
  };
}

export function memoryEngine(options: MemoryEngineOptions = {}): MemoryEngine {
  const { config, events, namespaces = {}, ...overrides } = options;
  const tools: Omit<Namespaces["tools"], "learn"> = {
    list: memoryTools,
    find: (name) => memoryTools().find((it) => it.name === name),
    ...namespaces.tools,
  };
  const pools = namespaces.pools?.list ?? (() => [POOL, { ...POOL, name: "heavy" }]);
  const calls: SeenCall[] = [];
  const stopped: string[] = [];
  const sessions = memorySessions(config);
  const recycled: RecycleRequest[] = [];
  const unchanged = { added: [], changed: [], adjusted: [], removed: [] };
  return {
    config: parseConfig(config),
    reload: () => Promise.resolve({ pools: unchanged, applied: [], needsRestart: [] }),
    calls,
    stopped,
    recycled,
    call: (tool, args, callOptions) => {
      calls.push({ tool, args: decoded(args), options: callOptions });
      return Promise.resolve({ ...outcomeOf(null), value: valueOf(args) });
    },
    stream: (tool, args, callOptions) => {
      calls.push({ tool, args: decoded(args), options: callOptions });
      return { events: () => events?.(callOptions) ?? counted() };
    },
    openMap: (tool, items) => echoMap(tool, items),
    tools: { learn: (...of) => Promise.resolve(tools.find(...of)), ...tools },
    pools: {
      list: pools,
      get: (name) => findPool(name, new Map(pools().map((it) => [it.name, it]))),
      add: (pool) => Promise.resolve({ ...POOL, name: pool.name }),
      remove: () => Promise.resolve(),
      resize: () => POOL,
      pause: () => ({ ...POOL, paused: true }),
      resume: () => POOL,
      cleanIdle: () => ["default-2"],
      startAhead: () => Promise.resolve(["default-2"]),
      startRecycle: (request) => {
        recycled.push(request);
        return { workers: request.workers ?? ["default-1", "default-2"], done: Promise.resolve() };
      },
      ...namespaces.pools,
    },
    workers: {
      list: () => [],
      stop: (id) => {
        if (id !== "default-1") {
          throw new SnakedenError("unknown_worker", `There is no worker "${id}"`);
        }
        stopped.push(id);
        return Promise.resolve();
      },
      ...namespaces.workers,
    },
    ...idleJobs(config),
    files: memoryFiles(config),
    sessions,
    programs: sessions.programs,
    hardware: {
      detect: () => Promise.resolve(MACHINE),
      ...namespaces.hardware,
    },
    health: {
      ready: () => Promise.resolve({ ready: true, pools: { default: { ready: true, pingMs: 1 } } }),
      ...namespaces.health,
    },
    ...overrides,
  };
}

/** Returns arguments as a tool sees them. */
export function decoded(args: Args): unknown {
  return args instanceof Value ? args.decode() : args;
}

/** Returns arguments as a result. */
export function valueOf(args: Args): Value {
  return args instanceof Value ? args : Value.from(args);
}

function memoryTools(): ToolInfo[] {
  return [{
    name: "add",
    runsIn: "worker",
    pool: "default",
    description: "Add two numbers.",
    inputSchema: { type: "object", properties: { a: { $ref: "#/$defs/N" } }, $defs: { N: {} } },
    streams: false,
    idempotent: false,
  }];
}

async function* counted(): AsyncGenerator<StreamEvent> {
  await Promise.resolve();
  yield chunk(0);
  yield { type: "progress", value: Value.from({ done: 0.5 }) };
  yield chunk(1);
  yield done("end");
}

/**
 * Returns a client of an app over the engine, without a socket. Each response is checked against
 * the schema of its route.
 */
export function clientOf(engine: Engine, options: Partial<AppOptions> = {}): Client {
  const app = createApp(engine, { version: "1.2.3", ...options });
  const request: Client["request"] = async (path, init = {}, address) => {
    const remoteAddr = address === undefined ? undefined : addressOf(address);
    const answer = await app.request(path, init, remoteAddr && { remoteAddr });
    await assertDescribed(app, answer, { method: init.method ?? "GET", path });
    return answer;
  };
  return {
    request,
    post: (path, body, headers = {}) =>
      request(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body:
          typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream
            ? body as BodyInit
            : JSON.stringify(body),
      }),
  };
}

function addressOf(hostname: string): Deno.NetAddr {
  return { transport: "tcp", hostname, port: 40_000 };
}

export interface Client {
  /** @param address The IP address that the request comes from. */
  request(path: string, init?: RequestInit, address?: string): Promise<Response>;
  /** Sends text, bytes and streams as they are, and anything else as JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}
