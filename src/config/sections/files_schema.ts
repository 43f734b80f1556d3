import { group, KIB, MAX_DURATION_MS, MIB, whole } from "../schema_parts.ts";
import { MAX_TTL_MS } from "./sessions_schema.ts";

/** The section `files`: files that are kept for calls and jobs. */
export const filesSchema = group({
  ttlMs: whole(1, MAX_TTL_MS, {
    description:
      "Time for which a file without a `ttlMs` of its own is kept. A job keeps the files " +
      "that it names for longer.",
  }).default(MAX_DURATION_MS),
  maxTotalBytes: whole(KIB, 1024 * 1024 * 1024 * MIB, {
    description: "Most bytes of all files together.",
  }).default(64 * 1024 * MIB),
  maxFiles: whole(1, 100_000_000, {
    description: "Most files that are kept.",
  }).default(1_000_000),
  maxFilesPerCall: whole(1, 10_000, {
    description: "Most files that the arguments of a call can name, and that its tool can make.",
  }).default(100),
  maxUploads: whole(1, 10_000, {
    description: "Most uploads at once. Further ones are refused with `server_busy`.",
  }).default(64),
}, "Files that are kept for calls and jobs.");
