import { group, KIB, MAX_DURATION_MS, MIB, whole } from "../schema_parts.ts";

/** Ten years of 365 days. */
export const MAX_TTL_MS: number = 10 * 365 * MAX_DURATION_MS;
/** Default of `maxTtlMs`: 30 days. */
export const DEFAULT_MAX_TTL_MS: number = 30 * MAX_DURATION_MS;

/** The section `sessions`: limits on sessions, their variables and programs. */
export const sessionsSchema = group({
  max: whole(1, 1_000_000, {
    description: "Sessions that may be open at once. The log warns from 80 % on.",
  }).default(10_000),
  ttlMs: whole(1, MAX_TTL_MS, {
    description: "Time without use after which a session that names no `ttlMs` expires.",
  }).default(3_600_000),
  maxTtlMs: whole(1, MAX_TTL_MS, {
    description: "Longest `ttlMs` that a session may have.",
  }).default(DEFAULT_MAX_TTL_MS),
  sweepMs: whole(100, MAX_DURATION_MS, {
    description: "Interval at which expired sessions are removed from the store.",
  }).default(60_000),
  maxMetadataBytes: whole(0, 32 * KIB, {
    description: "Longest metadata of a session, in bytes of JSON.",
  }).default(16 * KIB),
  maxVariables: whole(1, 1_000_000, {
    description: "Variables that one session may have.",
  }).default(10_000),
  maxVariableBytes: whole(KIB, 1024 * MIB, {
    description: "Longest value of a variable, in bytes.",
  }).default(16 * MIB),
  maxPrograms: whole(1, 100_000, {
    description: "Programs that one session may have, and as many for all sessions.",
  }).default(1_000),
  maxProgramBytes: whole(KIB, 128 * KIB, {
    description: "Longest program, in bytes of JSON.",
  }).default(64 * KIB),
  cacheBytes: whole(0, 64 * 1024 * MIB, {
    description: "Memory for sessions, variables and programs that were used last. Others are " +
      "read from the store.",
  }).default(64 * MIB),
}, "Sessions, their variables and programs.");
