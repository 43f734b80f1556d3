/**
 * The configuration: one schema with every default ({@link Config}). {@link loadConfig} puts it
 * together from a file, the environment and the program, and {@link loadProgramConfig} does so for
 * a host inside a program. {@link parseConfig} reports all problems at once.
 *
 * @module
 */
export { ApiKeyWatch } from "./api_key_watch.ts";
export { configPaths, type ConfigPlace } from "./config_file.ts";
export { describeIssues, metaOf, shownValue, withoutDefault } from "./config_issues.ts";
export { isDemo } from "./demo.ts";
export { ENV_KEYS, type ReadEnv } from "./environment.ts";
export {
  defaultedKeysOf,
  loadConfig,
  type LoadConfigOptions,
  loadProgramConfig,
  markLike,
  type NamedLogging,
  namedLoggingOf,
  poolFoldersOf,
  type ProgramConfig,
  rereadConfig,
} from "./load_config.ts";
export { isLoopback } from "./loopback.ts";
export { defaultPoolSize, limitOf, type MachineLimits, machineLimits } from "./machine_defaults.ts";
export { invalidConfig, parseConfig, type ParseOptions } from "./parse_config.ts";
export {
  type AnyHostTool,
  type BreakerConfig,
  type Config,
  type ConfigInput,
  configSchema,
  defineConfig,
  type FilesConfig,
  type JobsConfig,
  type PoolConfig,
  type RetryConfig,
  type ScriptFolderConfig,
  type SessionsConfig,
  type SizedConfig,
  type SizedPoolConfig,
} from "./schema.ts";
export { flag, group, type KeyMeta, MAX_DURATION_MS, oneOf, text, whole } from "./schema_parts.ts";
export { DEVICE_ID, MAX_TTL_MS, permissionsSchema } from "./sections/mod.ts";
