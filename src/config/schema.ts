import { z } from "zod";
import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";
import { HOST_ENV } from "../process/mod.ts";
import { breakerSchema, poolSchema, retrySchema } from "./pool_schema.ts";
import {
  flag,
  group,
  KIB,
  list,
  MAX_DURATION_MS,
  MIB,
  oneOf,
  text,
  whole,
} from "./schema_parts.ts";

export type { KeyMeta } from "./schema_parts.ts";

const pythonSchema = group({
  executable: text({
    description: "Your own interpreter; no private environment is built.",
    env: HOST_ENV.python,
    allowed: "the path or the name of a Python 3.10 or later",
    defaultText: "a private environment in the data directory",
  }).optional(),
  requirements: list({
    description: "Requirements files that are installed into the private environment.",
  }, text({ description: "A file." })).default([]),
}, "Where Python comes from.");

const storeSchema = group({
  commitWindowMs: whole(0, 1_000, {
    description: "Time for which changes are gathered into one durable write.",
  }).default(2),
}, "What is stored in the data directory.");

const limitsSchema = group({
  maxConnections: whole(64, 1_000_000, {
    description:
      "Open connections and files of the host above which connections are closed on which " +
      "no request is being answered.",
  }).default(10_000),
  maxBodyBytes: whole(KIB, 1024 * MIB, {
    description: "Longest body of a request, in bytes.",
  }).default(8 * MIB),
  maxBodiesBytes: whole(KIB, 64 * 1024 * MIB, {
    description: "Total bytes of the bodies that are being received or parsed; a single one may " +
      "always have `maxBodyBytes`.",
  }).default(128 * MIB),
  bodyTimeoutMs: whole(1_000, MAX_DURATION_MS, {
    description: "Time within which the body of a request must arrive.",
  }).default(60_000),
  maxResultBytes: whole(KIB, 1024 * MIB, {
    description: "Largest result or chunk of a tool, in bytes.",
  }).default(64 * MIB),
  maxUnreadBytes: whole(KIB, 64 * 1024 * MIB, {
    description:
      "Total bytes of large responses that are being written or wait for their readers; a single one may " +
      "always have `maxResultBytes`.",
  }).default(256 * MIB),
  answerTimeoutMs: whole(1_000, MAX_DURATION_MS, {
    description:
      "Time within which the reader of a large response or a stream must read something.",
  }).default(60_000),
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

const errorsSchema = group({
  output: flag({
    description: "The last lines of output of a call, or of a worker that cannot be started.",
  }).default(true),
  traceback: flag({
    description:
      "The tracebacks of exceptions, which contain paths and source lines of the server.",
  }).default(true),
}, "Details of Python code that responses over HTTP show. The log always has them.");

/** Every key of the configuration, with every default. */
export const configSchema = group({
  host: text({
    description: "Address to listen on. Anything but loopback needs `apiKey`.",
    env: HOST_ENV.host,
    allowed: "an IP address or a host name",
  }).default("127.0.0.1"),
  port: whole(0, 65_535, {
    description: "Port to listen on; 0 takes any free one.",
    env: HOST_ENV.port,
  }).default(8000),
  dataDir: text({
    description: "Folder for the private Python environment and everything stored.",
    env: HOST_ENV.dataDir,
    allowed: "a path",
    defaultText: "`.snakeden` in the working directory",
  }).default(".snakeden"),
  apiKey: z.string().min(16).regex(/^[\x21-\x7e]+$/).meta({
    description: "Key that every request must bring, except for `/healthz` and `/readyz`.",
    allowed: "at least 16 printable ASCII characters without spaces",
    env: HOST_ENV.apiKey,
    defaultText: "none",
    secret: true,
  }).optional(),
  apiKeyFile: text({
    description: "File that holds the key instead; only its owner may read it.",
    allowed: "the path of a file with the mode 0600 or less, without `apiKey`",
    env: HOST_ENV.apiKeyFile,
    defaultText: "none",
  }).optional(),
  logLevel: oneOf(LOG_LEVELS, {
    description: "Lowest level that is written to standard error.",
    env: HOST_ENV.logLevel,
  }).default("info"),
  logFormat: oneOf(LOG_FORMATS, {
    description: "`text` for people, `json` for one JSON object a line.",
    env: HOST_ENV.logFormat,
  }).default("text"),
  drainMs: whole(0, MAX_DURATION_MS, {
    description: "Time that running calls have when the server stops.",
  }).default(10_000),
  python: pythonSchema.prefault({}),
  store: storeSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  errors: errorsSchema.prefault({}),
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
