import { z } from "zod";
import { DEMO_ADAPTER } from "../demo.ts";
import {
  flag,
  group,
  KIB,
  list,
  MAX_DURATION_MS,
  MAX_MEMORY_BYTES,
  MAX_SHARED_BYTES,
  MIB,
  oneOf,
  text,
  whole,
} from "../schema_parts.ts";
import { deviceKeys } from "./devices_schema.ts";
import { breakerSchema, retrySchema } from "./policies_schema.ts";
import { poolPythonSchema } from "./python_schema.ts";
import { launcherKeys, profileKeys } from "./workers/mod.ts";

const PYTHON_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

const POOL_NAME = /^[a-z][a-z0-9_-]{0,62}$/;
const EXPOSED = /^[\p{L}_*?][\p{L}\p{N}_*?]*$/u;
const ENV_NAME = /^[^=\0]+$/;

const heartbeatSchema = group({
  pingIntervalMs: whole(0, 3_600_000, {
    description: "Time between two pings to each worker; 0 for none.",
  }).default(2_000),
  pingTimeoutMs: whole(1, 3_600_000, {
    description: "Time without any message from the worker after which a ping counts as missed.",
  }).default(2_000),
  maxMissed: whole(1, 1_000, {
    description: "Pings missed in a row after which the worker is killed and replaced.",
  }).default(5),
  dependent: flag({
    description: "`false` only logs a frozen worker, and does not kill it.",
  }).default(true),
}, "Pings that detect frozen workers.");

const recycleSchema = group({
  maxAgeMs: whole(1_000, 30 * MAX_DURATION_MS, {
    description: "Age at which a worker is replaced, or up to a tenth earlier.",
    defaultText: "any age",
  }).optional(),
  maxCalls: whole(1, 1_000_000_000, {
    description: "Calls, including streams, after which a worker is replaced.",
    defaultText: "any number",
  }).optional(),
  maxRssBytes: whole(16 * MIB, MAX_MEMORY_BYTES, {
    description: "Resident memory of a worker and its children above which it is replaced. " +
      "Heartbeats measure it.",
    defaultText: "any size",
  }).optional(),
}, "Limits after which a healthy worker is replaced; no call fails because of it.");

const workerLimitsSchema = group({
  memoryBytes: whole(16 * MIB, MAX_MEMORY_BYTES, {
    description: "Resident memory of a worker and its children above which it is killed; its " +
      "call fails with `out_of_memory`.",
    defaultText: "none",
  }).optional(),
  dataBytes: whole(64 * MIB, MAX_MEMORY_BYTES, {
    description: "RLIMIT_DATA: memory that each process may allocate, used or not; more is a " +
      "`MemoryError` in Python.",
    defaultText: "none",
  }).optional(),
  openFiles: whole(64, 1_048_576, {
    description: "RLIMIT_NOFILE: files and sockets that each process may have open.",
    defaultText: "that of the host",
  }).optional(),
  cpuSeconds: whole(1, 86_400, {
    description: "RLIMIT_CPU: CPU time of one call; more ends the worker, and the call fails " +
      "with `cpu_limit_exceeded`.",
    defaultText: "none",
  }).optional(),
  nice: whole(0, 19, {
    description: "Added to the nice value: 19 runs only when nothing else wants to.",
    defaultText: "0",
  }).optional(),
}, "Limits on the resources of a worker.");

/** The keys by which the number of workers of a pool follows its work. */
const elasticKeys = {
  min: whole(0, 256, {
    description: "Fewest workers; 0 lets the pool have none while nothing is to do. With `max`.",
    defaultText: "`size`",
  }).optional(),
  max: whole(1, 256, {
    description: "Most workers. With `min`, and instead of `size`.",
    defaultText: "`size`",
  }).optional(),
  spare: whole(0, 256, {
    description: "Idle workers that are kept ready beyond those that are busy, within `max`.",
  }).default(0),
  idleTtlMs: whole(1, 30 * MAX_DURATION_MS, {
    description: "Time after which an idle worker above `min` is ended.",
  }).default(900_000),
  scaleUpAfterMs: whole(0, MAX_DURATION_MS, {
    description: "Time that calls wait before one more worker is started, up to `max`. The first " +
      "worker of a pool that has none is started at once.",
    defaultText: "0, or the time that a start takes if the calls will probably be done before",
  }).optional(),
  whenBusy: oneOf(["wait", "fail"], {
    description: "What a call does if no worker is free and none may be started: `fail` refuses " +
      "it at once with `pool_saturated`. A call may say otherwise.",
  }).default("wait"),
} as const;

/** A pool, with every default. */
export const poolSchema = group({
  name: z.string().regex(POOL_NAME).meta({
    description: "Name of the pool; calls choose it by `pool`.",
    allowed: "a small letter, then up to 62 small letters, digits, `_` or `-`",
  }),
  size: whole(1, 256, {
    description: "Number of workers. With `devices`, a multiple of the number of devices. For a " +
      "number that follows the work, `min` and `max` instead.",
    defaultText: "usable CPU cores, at least 2, and no more than the memory holds (128 MiB a " +
      "worker, shared by the pools); with `devices` other than `inherit` and `cpu`, devices " +
      "x `workersPerDevice`",
  }).optional(),
  ...elasticKeys,
  ...deviceKeys,
  adapter: z.union([z.string(), z.array(z.string()).min(1).max(64)]).meta({
    description: "Python module with the tools, a class in one, all modules of a package, or a " +
      "list of these.",
    allowed: "`module`, `module:Class`, `package.*`, or a list of up to 64 of them",
  }).default(DEMO_ADAPTER),
  expose: list({
    description: "Functions that are tools, with or without `@tool`. `*` and `?` are wildcards.",
    defaultText: "those with `@tool`",
  }, z.string().regex(EXPOSED).meta({ allowed: "names of functions, with `*` and `?`" })).min(1)
    .max(256).optional(),
  ...profileKeys,
  ...launcherKeys,
  carrier: oneOf(["socket", "grpc"], {
    description: "Transport of the link to a worker: a plain Unix socket, or gRPC over one.",
  }).default("socket"),
  sharedMemoryBytes: whole(0, MAX_SHARED_BYTES, {
    description: "Memory that a worker and the host share for large buffers, in each direction; " +
      "0 for none. Only with the carrier `socket`.",
    defaultText: "256 MiB; in a container with little memory less, at least 16 MiB: half of its " +
      "limit for all workers",
  }).optional(),
  sharedMemoryMinBytes: whole(4 * KIB, 1024 * MIB, {
    description: "Smaller buffers travel over the link.",
  }).default(64 * KIB),
  wrap: list({
    description: "Command before that of each worker, such as `bwrap` with its options. `{run}` " +
      "stands for the folder by which a worker reaches its host.",
  }, text({ description: "An argument." })).max(256).default([]),
  modulePaths: list({
    description: "Folders of the adapter's modules, searched after the standard library and " +
      "before installed packages.",
    defaultText:
      "the folder of the configuration file; in a program its own, then the working directory",
  }, text({ description: "A folder." })).optional(),
  python: poolPythonSchema.optional(),
  env: z.record(z.string().regex(ENV_NAME), z.string()).meta({
    description: "Environment variables of the workers.",
    allowed: "an object of texts",
    keys: "a name without = and NUL",
    secret: true,
  }).default({}),
  inheritEnv: list({
    description: "Names of variables of the host that workers also see.",
  }, z.string().regex(ENV_NAME).meta({ allowed: "the name of a variable" })).default([]),
  libraryThreads: z.union([z.literal("auto"), whole(1, 256, { description: "" })]).meta({
    description: "Threads that each numeric library may use in a worker. `auto` shares the " +
      "cores that pools with a number leave among the workers of all pools with `auto`.",
    allowed: '"auto", or a whole number from 1 to 256',
  }).default(1),
  queueLimit: whole(0, 1_000_000, {
    description: "Calls that may wait; one more is refused with `pool_saturated`.",
  }).default(1_000),
  pipelineBudgetMs: whole(0, 1_000, {
    description: "Calls are sent ahead to a worker that is expected to be done within this time; " +
      "0 sends none ahead.",
  }).default(1),
  affinity: oneOf(["hint", "strict_queue", "strict_fail_fast"], {
    description: "How calls with a `sessionId` keep to the worker of their session, unless they " +
      "say.",
  }).default("hint"),
  affinityLimit: whole(1, 10_000_000, {
    description: "Sessions whose workers are remembered. Beyond it, sessions with `hint` are " +
      "forgotten, and a further strict one is refused with `session_quota_exceeded`.",
  }).default(100_000),
  affinityTtlMs: whole(1, 30 * MAX_DURATION_MS, {
    description: "Time without a call after which the worker of a session is forgotten.",
  }).default(3_600_000),
  timeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Default deadline of a call.",
  }).default(60_000),
  stallTimeoutMs: whole(0, MAX_DURATION_MS, {
    description: "Time that a tool may show nothing: no chunk, no progress, and no request to " +
      "the host; its call then fails with `stalled`. 0 for no limit.",
  }).default(0),
  startTimeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Time a worker has from its spawn until its tools can be called.",
  }).default(60_000),
  startConcurrency: whole(1, 256, {
    description: "Workers that are started at the same time.",
  }).default(4),
  cancelGraceMs: whole(0, MAX_DURATION_MS, {
    description: "Time a cancelled call has to end before its worker is killed.",
  }).default(2_000),
  maxReruns: whole(0, 100, {
    description: "Times that an idempotent call runs again after its worker died.",
    formerly: "maxRestarts",
  }).default(2),
  crashWindowMs: whole(1, MAX_DURATION_MS, {
    description: "Window in which crashes are counted.",
  }).default(60_000),
  poisonAfter: whole(1, 100, {
    description: "Workers that a call may kill within the window before it is a `poison_call`.",
  }).default(3),
  poisonMs: whole(0, MAX_DURATION_MS, {
    description: "Time for which a `poison_call` is refused if it comes again with the same " +
      "arguments; 0 for never.",
  }).default(60_000),
  taintAfter: whole(0, 1_000, {
    description: "Crashes within the window, in a slot or on a device, after which its slots " +
      "stay empty for a while; 0 for never.",
  }).default(5),
  taintMs: whole(1, MAX_DURATION_MS, {
    description: "Time for which a slot, or the slots of a device, stay empty after too many " +
      "crashes.",
  }).default(10_000),
  breaker: breakerSchema.optional(),
  retry: retrySchema.optional(),
  tools: z.record(
    z.string().min(1).max(64),
    group({
      breaker: breakerSchema.optional(),
      retry: retrySchema.optional(),
    }, "The policies of one tool."),
  ).meta({
    description:
      "`breaker` and `retry` of single tools: a circuit in addition to the pool's, and " +
      "retries that replace the pool's.",
    allowed: "an object by name of tool",
    keys: "1 to 64 characters",
  }).default({}),
  drainMs: whole(0, MAX_DURATION_MS, {
    description: "Time that running calls have to finish when the pool stops.",
    defaultText: "the `drainMs` at the top",
  }).optional(),
  killGraceMs: whole(0, MAX_DURATION_MS, {
    description: "Time between SIGTERM and SIGKILL.",
  }).default(3_000),
  logLevel: oneOf(PYTHON_LEVELS, {
    description: "Lowest level of Python's `logging` that reaches the log.",
  }).default("INFO"),
  heartbeat: heartbeatSchema.prefault({}),
  recycle: recycleSchema.prefault({}),
  replace: oneOf(["auto", "start_first", "stop_first"], {
    description: "Order in which a worker is replaced; `auto` decides by the memory of its device.",
  }).default("auto"),
  limits: workerLimitsSchema.prefault({}),
}, "One pool of identical workers.");
