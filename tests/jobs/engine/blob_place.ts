import { join } from "node:path";
import type { Clock } from "../../../src/async/mod.ts";
import { type DirectoryBlobs, openDirectoryBlobs } from "../../../src/blobs/mod.ts";
import { openSqliteJobs, type SqliteJobs } from "../../../src/sqlite/mod.ts";
import { LIMITS } from "../../store/jobs/job_kit.ts";

/** Opens the jobs and the blobs of a directory, as a host does. */
export async function openIn(
  directory: string,
  clock?: Clock,
): Promise<{ readonly store: SqliteJobs; readonly blobs: DirectoryBlobs }> {
  const blobs = await openDirectoryBlobs(join(directory, "blobs"));
  const path = join(directory, "store", "jobs.sqlite");
  return { blobs, store: await openSqliteJobs({ path, limits: LIMITS, clock }) };
}

/** Makes a blob of a directory older than it is. */
export async function makeOld(directory: string, sha256: string): Promise<void> {
  const path = join(directory, "blobs", sha256.slice(0, 2), sha256);
  const at = new Date(Date.now() - 2 * 3_600_000);
  await Deno.utime(path, at, at);
}
