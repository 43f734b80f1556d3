import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteJobs, SqliteJobs } from "../../src/sqlite/mod.ts";
import { LIMITS } from "../store/jobs/job_kit.ts";
import type { JobDriver, JobPlace } from "../store/jobs/conformance.ts";

/** Returns the path of the database of a place. */
export function databaseOf({ path }: JobPlace): string {
  return join(path, "store", "jobs.sqlite");
}

/** The driver of src/sqlite. */
export const DRIVER: JobDriver = {
  name: "sqlite",
  durable: { module: import.meta.url },
  async place(): Promise<JobPlace> {
    const path = await Deno.makeTempDir();
    const remove = (): Promise<void> => Deno.remove(path, { recursive: true });
    return { path, [Symbol.asyncDispose]: remove };
  },
  open: (place, { limits, clock }) => openSqliteJobs({ path: databaseOf(place), limits, clock }),
  faults: {
    async fillDisk(store): Promise<AsyncDisposable> {
      assert.ok(store instanceof SqliteJobs);
      // SQLite takes the present size instead, so that the next page is one too many.
      await store.setMaxPages(1);
      return { [Symbol.asyncDispose]: () => store.setMaxPages(undefined) };
    },
    async openUnsafe(place): Promise<readonly string[]> {
      const path = databaseOf(place);
      await Deno.mkdir(join(place.path, "store"), { recursive: true });
      const database = new DatabaseSync(path);
      database.exec("pragma user_version = 1000");
      database.close();
      await using store = await openSqliteJobs({ path, limits: LIMITS });
      return store.warnings;
    },
  },
};
