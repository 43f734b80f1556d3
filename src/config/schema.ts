import { z } from "zod";
import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";
import { HOST_ENV } from "../process/mod.ts";
import {
  flag,
  group,
  MAX_DURATION_MS,
  MAX_MEMORY_BYTES,
  MIB,
  oneOf,
  text,
  whole,
} from "./schema_parts.ts";
import {
  apiKeySchema,
  type breakerSchema,
  corsSchema,
  errorsSchema,
  filesSchema,
  hostToolsSchema,
  jobsSchema,
  limitsSchema,
  poolSchema,
  pythonSchema,
  type retrySchema,
  sessionsSchema,
  storeSchema,
} from "./sections/mod.ts";

export type { AnyHostTool } from "./sections/mod.ts";
export type { KeyMeta } from "./schema_parts.ts";

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
  apiKey: apiKeySchema.optional(),
  apiKeyFile: text({
    description:
      "File with the keys, one a line, instead of `apiKey`; only its owner may read it. " +
      "Changes take effect while the server runs.",
    allowed: "the path of a file with the mode 0600 or less, without `apiKey`",
    env: HOST_ENV.apiKeyFile,
    defaultText: "none",
  }).optional(),
  logLevel: oneOf(LOG_LEVELS, {
    description: "Lowest level that is written to standard error.",
    env: HOST_ENV.logLevel,
  }).default("info"),
  logFormat: oneOf(LOG_FORMATS, {
    description: "`text` for people, `json` for one JSON object a line, `plain` for a terminal. " +
      "If it is omitted, and standard error is a terminal, the server uses `plain`.",
    env: HOST_ENV.logFormat,
  }).default("text"),
  drainMs: whole(0, MAX_DURATION_MS, {
    description: "Time that running calls have to finish when the server stops.",
  }).default(10_000),
  maxWorkers: whole(1, 16_384, {
    description: "Most workers of all pools together; at least the sum of their `min` or `size`. " +
      "A start above `min` waits for room, and a pool that has less than its share comes first.",
    defaultText: "none",
  }).optional(),
  maxWorkerMemoryBytes: whole(16 * MIB, MAX_MEMORY_BYTES, {
    description:
      "Resident memory of all workers together above which no worker is started beyond " +
      "the `min` of its pool.",
    defaultText: "none",
  }).optional(),
  dev: flag({
    description: "Watches the adapters' files, and replaces workers when one changes.",
  }).default(false),
  hostTools: hostToolsSchema.default([]),
  python: pythonSchema.prefault({}),
  store: storeSchema.prefault({}),
  sessions: sessionsSchema.prefault({}),
  jobs: jobsSchema.prefault({}),
  files: filesSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  errors: errorsSchema.prefault({}),
  cors: corsSchema.prefault({}),
  pools: z.array(poolSchema).min(1).max(64).meta({
    description: "The pools. Names must differ.",
    allowed: "a list of 1 to 64 pools",
    defaultText: "one pool `default` with the demo adapter",
  }).prefault([{ name: "default" }]),
}, "The configuration of Snakeden.");

/** The configuration as a program or a file writes it: keys with a default may be omitted. */
export type ConfigInput = z.input<typeof configSchema>;
type ParsedConfig = z.output<typeof configSchema>;
/** A pool before the defaults that depend on other keys, or on the machine. */
export type ParsedPool = ParsedConfig["pools"][number];
/** Settings by which a circuit opens and closes. */
export type BreakerConfig = z.output<typeof breakerSchema>;
/** Settings by which a call is made again. */
export type RetryConfig = z.output<typeof retrySchema>;

/** Limits on sessions and their variables. */
export type SessionsConfig = ParsedConfig["sessions"];

/** Limits on jobs, and their defaults. */
export type JobsConfig = ParsedConfig["jobs"];

/** A folder of scripts, with what its scripts can be granted. */
export type ScriptFolderConfig = Exclude<JobsConfig["scriptFolders"][number], string>;

/** Limits on files, and their defaults. */
export type FilesConfig = ParsedConfig["files"];

/** A pool with its defaults filled in; all paths are absolute. */
export interface PoolConfig
  extends Omit<ParsedPool, "size" | "sharedMemoryBytes" | "modulePaths" | "drainMs"> {
  /**
   * The number of workers; absent if it depends on the devices of the machine, or on the work.
   */
  readonly size?: number | undefined;
  /** The memory that a worker and the host share, in each direction. */
  readonly sharedMemoryBytes: number;
  /** The folders that are searched for Python modules, as absolute paths. */
  readonly modulePaths: string[];
  /** The time that running calls have when the pool stops, in milliseconds. */
  readonly drainMs: number;
}

/** The configuration with its defaults filled in; all paths are absolute. */
export interface Config extends Omit<ParsedConfig, "pools"> {
  /** The pools. Their names differ. */
  readonly pools: PoolConfig[];
}

/** A pool of a host. */
export interface SizedPoolConfig extends PoolConfig {
  /** The most workers. */
  readonly size: number;
}

/** The configuration of a host: with the sizes of all pools. */
export interface SizedConfig extends Config {
  /** The pools. Their names differ. */
  readonly pools: SizedPoolConfig[];
}

/** Gives a configuration file its types: `export default defineConfig({ ... })`. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
