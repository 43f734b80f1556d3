/**
 * The sections of the configuration, one file each, named after the key of the section. A section
 * is a schema with every default; ../schema.ts combines them. A new section is a file here, a line
 * below, and a key in ../schema.ts.
 *
 * @module
 */
export { API_KEY_LINES, apiKeySchema, apiKeysSchema } from "./api_key_schema.ts";
export { corsSchema } from "./cors_schema.ts";
export { DEVICE_ID } from "./devices_schema.ts";
export { errorsSchema } from "./errors_schema.ts";
export { filesSchema } from "./files_schema.ts";
export { type AnyHostTool, hostToolsSchema } from "./host_tools_schema.ts";
export { limitsSchema } from "./limits_schema.ts";
export { breakerSchema, retrySchema } from "./policies_schema.ts";
export { poolSchema } from "./pool_schema.ts";
export { pythonSchema } from "./python_schema.ts";
export { jobsSchema, queueSchema } from "./jobs_schema.ts";
export { permissionsSchema } from "./scripts_schema.ts";
export { DEFAULT_MAX_TTL_MS, MAX_TTL_MS, sessionsSchema } from "./sessions_schema.ts";
export { storeSchema } from "./store_schema.ts";
