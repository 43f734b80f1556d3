import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** What offsets of 32 bits reach, in whole pages. */
const MAX_SHARED_BYTES = 4096 * MIB - 4 * KIB;
/** A day. */
const MAX_DURATION_MS = 86_400_000;
/** 64 TiB, which a double holds exactly. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024 * MIB;
const PYTHON_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

/** What docs and error texts say about a key. */
export interface KeyMeta {
  readonly description: string;
  /** The values that are taken, as the end of "allowed: ...". */
  readonly allowed: string;
  /** The environment variable that overrides the key. */
  readonly env?: string;
  /** The default in words, where it is not a plain value. */
  readonly defaultText?: string;
  /** The value must not be shown. */
  readonly secret?: boolean;
}

function whole(min: number, max: number, meta: Omit<KeyMeta, "allowed">): z.ZodNumber {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.number().int().min(min).max(max).meta({ ...meta, allowed });
}

function text(meta: Omit<KeyMeta, "allowed"> & { allowed?: string }): z.ZodString {
  return z.string().min(1).refine((it) => !it.includes("\0"), "it holds a NUL character")
    .meta({ allowed: "a text that is not empty", ...meta });
}

function flag(meta: Omit<KeyMeta, "allowed">): z.ZodBoolean {
  return z.boolean().meta({ ...meta, allowed: "true, false" });
}

function oneOf<const T extends readonly [string, ...string[]]>(
  values: T,
  meta: Omit<KeyMeta, "allowed">,
): z.ZodEnum<z.core.util.ToEnum<T[number]>> {
  return z.enum(values).meta({ ...meta, allowed: values.join(", ") });
}

function list(meta: Omit<KeyMeta, "allowed">, item: z.ZodString): z.ZodArray<z.ZodString> {
  return z.array(item).meta({ ...meta, allowed: "a list of texts" });
}

function group<T extends z.ZodRawShape>(
  shape: T,
  description: string,
  more: Partial<KeyMeta> = {},
): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape).meta({ description, allowed: "an object", ...more });
}

/** Codes with which a call may end, as far as a policy may be told to heed them. */
const CALL_CODES = [
  "pool_saturated",
  "pool_unhealthy",
  "shutting_down",
  "circuit_open",
  "worker_crashed",
  "poison_call",
  "deadline_exceeded",
  "python_exception",
  "result_too_large",
  "invalid_value",
  "internal",
] as const satisfies readonly ErrorCode[];

function codes(description: string): z.ZodArray<z.ZodType<ErrorCode, ErrorCode>> {
  return z.array(
    z.enum(CALL_CODES).meta({
      description: "A code of an error.",
      allowed: CALL_CODES.join(", "),
    }) as z.ZodType<ErrorCode, ErrorCode>,
  ).min(1)
    .meta({ description, allowed: `a list of some of ${CALL_CODES.join(", ")}` });
}

const POOL_NAME = /^[a-z][a-z0-9_-]{0,62}$/;
const ADAPTER = /^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)*(:[\p{L}_][\p{L}\p{N}_]*)?$/u;
const ENV_NAME = /^[^=\0]+$/;

function coreCount(): number {
  return Math.min(256, Math.max(2, navigator.hardwareConcurrency));
}

const breakerSchema = group(
  {
    threshold: whole(1, 100_000, {
      description: "Failures in a row that open the circuit.",
    }).default(5),
    resetMs: whole(1, MAX_DURATION_MS, {
      description: "Time after which calls are let through to try it out.",
    }).default(30_000),
    halfOpenCalls: whole(1, 1_000, {
      description: "How many, all of which have to end well to close it.",
    }).default(1),
    codes: codes("What counts as a failure.")
      .default(["worker_crashed", "deadline_exceeded", "python_exception", "internal"]),
  },
  "A circuit breaker: refuses calls with `circuit_open` while most would fail.",
  {
    defaultText: "none",
  },
);

const retrySchema = group(
  {
    attempts: whole(1, 100, {
      description: "Attempts in all.",
    }).default(3),
    baseMs: whole(1, MAX_DURATION_MS, {
      description: "Pause before the second attempt; doubled before each further one.",
    }).default(100),
    capMs: whole(1, MAX_DURATION_MS, {
      description: "Longest pause.",
    }).default(30_000),
    jitter: oneOf(["none", "half", "full"], {
      description: "How much of a pause is left to chance.",
    }).default("full"),
    codes: codes(
      "What is worth another attempt. Of an error after which the call may have run, only when it " +
        "is idempotent.",
    ).default(["pool_saturated", "pool_unhealthy", "worker_crashed"]),
  },
  "Makes a call again that failed, within its one deadline.",
  { defaultText: "none" },
);

const heartbeatSchema = group({
  pingIntervalMs: whole(0, 3_600_000, {
    description: "Time between two pings to each worker; 0 for none.",
  }).default(2_000),
  pingTimeoutMs: whole(1, 3_600_000, {
    description: "A ping is missed when nothing at all has come from the worker within this time.",
  }).default(2_000),
  maxMissed: whole(1, 1_000, {
    description: "Pings missed in a row after which the worker is killed and replaced.",
  }).default(5),
  dependent: flag({
    description: "`false` writes a frozen worker to the log and lets it live.",
  }).default(true),
}, "How a frozen worker is noticed.");

const recycleSchema = group({
  maxAgeMs: whole(1_000, 30 * MAX_DURATION_MS, {
    description: "Age at which a worker is replaced, or up to a tenth earlier.",
    defaultText: "any age",
  }).optional(),
  maxCalls: whole(1, 1_000_000_000, {
    description: "Calls, streams among them, that a worker takes at most before it is replaced.",
    defaultText: "any number",
  }).optional(),
  maxRssBytes: whole(16 * MIB, MAX_MEMORY_BYTES, {
    description: "Resident memory of a worker and its children above which it is replaced. " +
      "Heartbeats measure it.",
    defaultText: "any size",
  }).optional(),
}, "When a worker is replaced though nothing is wrong with it; no call fails of that.");

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
}, "What a worker may use.");

const poolSchema = group({
  name: z.string().regex(POOL_NAME).meta({
    description: "Name of the pool; calls choose it by `pool`.",
    allowed: "a small letter, then up to 62 small letters, digits, `_` or `-`",
  }),
  size: whole(1, 256, {
    description: "Number of workers.",
    defaultText: "CPU cores, at least 2",
  }).default(coreCount),
  adapter: z.string().regex(ADAPTER).meta({
    description: "Python module with the tools, or a class in one.",
    allowed: "`module` or `module:Class`",
  }).default("snakeden.demo"),
  profile: oneOf(["process"], {
    description: "What a worker is: `process` is one process that runs one call at a time.",
  }).default("process"),
  carrier: oneOf(["socket", "grpc"], {
    description: "What the link to a worker runs on: a plain Unix socket, or gRPC over one.",
  }).default("socket"),
  sharedMemoryBytes: whole(0, MAX_SHARED_BYTES, {
    description: "Memory that a worker and the host share for large buffers, in each direction; " +
      "0 for none. Only with the carrier `socket`.",
  }).default(256 * MIB),
  sharedMemoryMinBytes: whole(4 * KIB, 1024 * MIB, {
    description: "Smaller buffers travel over the link.",
  }).default(64 * KIB),
  modulePaths: list({
    description: "Folders put in front of Python's search path.",
    defaultText: "the folder of the configuration file, else the working directory",
  }, text({ description: "A folder." })).optional(),
  env: z.record(z.string().regex(ENV_NAME), z.string()).meta({
    description: "Environment variables of the workers.",
    allowed: "an object of texts",
    secret: true,
  }).default({}),
  inheritEnv: list({
    description: "Names of variables of the host that workers also see.",
  }, z.string().regex(ENV_NAME).meta({ allowed: "the name of a variable" })).default([]),
  queueLimit: whole(0, 1_000_000, {
    description: "Calls that may wait; one more is refused with `pool_saturated`.",
  }).default(1_000),
  pipelineBudgetMs: whole(0, 1_000, {
    description: "Calls are sent ahead to a worker that is expected to be done within this time; " +
      "0 sends none ahead.",
  }).default(1),
  timeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Deadline of a call that names none.",
  }).default(60_000),
  startTimeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Time a worker has from its spawn until its tools can be called.",
  }).default(60_000),
  startConcurrency: whole(1, 256, {
    description: "Workers that are started at the same time.",
  }).default(4),
  cancelGraceMs: whole(0, MAX_DURATION_MS, {
    description: "Time a cancelled call has to end before its worker is killed.",
  }).default(2_000),
  maxRestarts: whole(0, 100, {
    description: "Times that an idempotent call runs again after its worker died.",
  }).default(2),
  crashWindowMs: whole(1, MAX_DURATION_MS, {
    description: "Window in which crashes are counted.",
  }).default(60_000),
  poisonAfter: whole(1, 100, {
    description: "Workers that a call may kill within the window before it is a `poison_call`.",
  }).default(3),
  poisonMs: whole(0, MAX_DURATION_MS, {
    description: "Time that such a call is refused when it comes again with the same arguments; " +
      "0 refuses none.",
  }).default(60_000),
  taintAfter: whole(0, 1_000, {
    description: "Crashes in one place within the window after which it stays empty for a while; " +
      "0 for never.",
  }).default(5),
  taintMs: whole(1, MAX_DURATION_MS, {
    description: "That while.",
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
    description: "`breaker` and `retry` of single tools: a circuit besides that of the pool, and " +
      "retries in place of those of the pool.",
    allowed: "an object by name of tool",
  }).default({}),
  drainMs: whole(0, MAX_DURATION_MS, {
    description: "Time that running calls have when the pool stops.",
    defaultText: "the `drainMs` at the top",
  }).optional(),
  killGraceMs: whole(0, MAX_DURATION_MS, {
    description: "Time between SIGTERM and SIGKILL.",
  }).default(3_000),
  logLevel: oneOf(PYTHON_LEVELS, {
    description: "Lowest level of Python's logging that is taken into the log.",
  }).default("INFO"),
  heartbeat: heartbeatSchema.prefault({}),
  recycle: recycleSchema.prefault({}),
  limits: workerLimitsSchema.prefault({}),
}, "One pool of like workers.");

const pythonSchema = group({
  executable: text({
    description: "Your own interpreter; no private environment is built.",
    env: "SNAKEDEN_PYTHON",
    allowed: "the path or the name of a Python 3.10 or later",
    defaultText: "a private environment in the data directory",
  }).optional(),
  requirements: list({
    description: "Requirements files that are installed into the private environment.",
  }, text({ description: "A file." })).default([]),
}, "Where Python comes from.");

const limitsSchema = group({
  maxBodyBytes: whole(KIB, 1024 * MIB, {
    description: "Longest body of a request, in bytes.",
  }).default(8 * MIB),
  maxResultBytes: whole(KIB, 1024 * MIB, {
    description: "Largest result or chunk of a tool, in bytes.",
  }).default(64 * MIB),
  maxDepth: whole(1, 1_000, {
    description: "Levels of nesting in arguments and results.",
  }).default(200),
  streamWindowBytes: whole(KIB, 256 * MIB, {
    description: "Bytes of a stream that may wait for its reader.",
  }).default(MIB),
  heartbeatMs: whole(100, 3_600_000, {
    description: "Time after which a silent stream sends a heartbeat.",
  }).default(15_000),
}, "Bounds on what comes in and goes out.");

/** Every key of the configuration, with every default. */
export const configSchema = group({
  host: text({
    description: "Address to listen on. Anything but loopback needs `apiKey`.",
    env: "SNAKEDEN_HOST",
    allowed: "an IP address or a host name",
  }).default("127.0.0.1"),
  port: whole(0, 65_535, {
    description: "Port to listen on; 0 takes any free one.",
    env: "SNAKEDEN_PORT",
  }).default(8000),
  dataDir: text({
    description: "Folder for the private Python environment and everything stored.",
    env: "SNAKEDEN_DATA_DIR",
    allowed: "a path",
    defaultText: "`.snakeden` in the working directory",
  }).default(".snakeden"),
  apiKey: z.string().min(16).regex(/^[\x21-\x7e]+$/).meta({
    description: "Key that every request must bring, except for `/healthz` and `/readyz`.",
    allowed: "at least 16 printable ASCII characters without spaces",
    env: "SNAKEDEN_API_KEY",
    defaultText: "none",
    secret: true,
  }).optional(),
  logLevel: oneOf(LOG_LEVELS, {
    description: "Lowest level that is written to standard error.",
    env: "SNAKEDEN_LOG_LEVEL",
  }).default("info"),
  logFormat: oneOf(LOG_FORMATS, {
    description: "`text` for people, `json` for one JSON object a line.",
    env: "SNAKEDEN_LOG_FORMAT",
  }).default("text"),
  drainMs: whole(0, MAX_DURATION_MS, {
    description: "Time that running calls have when the server stops.",
  }).default(10_000),
  python: pythonSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  pools: z.array(poolSchema).min(1).max(64).meta({
    description: "The pools. Names must differ.",
    allowed: "a list of 1 to 64 pools",
    defaultText: "one pool `default` with the demo adapter",
  }).prefault([{ name: "default" }]),
}, "The configuration of Snakeden.");

/** What a program or a file may write: everything with a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
type ParsedConfig = z.output<typeof configSchema>;
type ParsedPool = ParsedConfig["pools"][number];
/** When a circuit opens and closes. */
export type BreakerConfig = z.output<typeof breakerSchema>;
/** When a call is made again. */
export type RetryConfig = z.output<typeof retrySchema>;

/** A pool with its defaults filled in; all paths are absolute. */
export interface PoolConfig extends Omit<ParsedPool, "modulePaths" | "drainMs"> {
  readonly modulePaths: string[];
  readonly drainMs: number;
}

/** The configuration with its defaults filled in; all paths are absolute. */
export interface Config extends Omit<ParsedConfig, "pools"> {
  readonly pools: PoolConfig[];
}

/** Gives a configuration file its types: `export default defineConfig({ ... })`. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
