import { join } from "node:path";
import { openDirectoryBlobs } from "../../blobs/mod.ts";
import type { Config } from "../../config/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { type Blobs, memoryBlobs } from "../../store/mod.ts";
import type { JobStoreOptions } from "./open_job_store.ts";

/** The directory of the blobs in a data directory. */
const PATH = "blobs";

/**
 * Opens the blobs of the data directory, whose lock this host must have. If another host has it, or
 * they cannot be opened and are not `required`, this host keeps its blobs in memory.
 *
 * @throws {SnakedenError} `startup_failed` when they are `required` and cannot be opened.
 */
export async function openBlobs(
  { dataDir }: Pick<Config, "dataDir">,
  { problem, required }: JobStoreOptions,
): Promise<Blobs> {
  if (problem !== undefined) return memoryBlobs();
  try {
    return await openDirectoryBlobs(join(dataDir, PATH));
  } catch (error) {
    if (required) throw error;
    getLogger("store").warn("blobs are kept in memory: {problem}", { problem: messageOf(error) });
    return memoryBlobs();
  }
}
