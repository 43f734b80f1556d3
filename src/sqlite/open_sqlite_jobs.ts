import { dirname } from "node:path";
import type { Clock } from "../async/mod.ts";
import { closeToOthers, moveAside } from "../database_file.ts";
import { messageOf, SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import { canStartThread } from "../process/mod.ts";
import { type JobStoreLimits, type MovedAside, storeTime } from "../store/mod.ts";
import { SqliteJobs } from "./sqlite_jobs.ts";
import type { ReadOps, WriteOps } from "./messages/mod.ts";
import { StoreThread, type ThreadOptions, ThreadStartError } from "./threads/mod.ts";
import type { ReadStart, WriteStart } from "./threads/mod.ts";

/** Options of {@link openSqliteJobs}. */
export interface SqliteJobsOptions {
  /** The path of the database; its directory is made if it is missing. */
  readonly path: string;
  readonly limits: JobStoreLimits;
  /** The clock of the store: milliseconds since 1970. The default is that of this program. */
  readonly clock?: Clock | undefined;
}

const STORE_CLOCK: Clock = {
  now: storeTime,
  after: (delayMs, ring) => {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Opens the jobs of a database, and creates it if it is missing. A broken database is moved aside,
 * and named in `movedAside`.
 *
 * @throws {SnakedenError} `startup_failed` if the database cannot be read or written, for example
 * because of a full disk, or is of a later version.
 */
export async function openSqliteJobs(options: SqliteJobsOptions): Promise<SqliteJobs> {
  const { path } = options;
  try {
    return await open(options);
  } catch (error) {
    throw new SnakedenError(
      "startup_failed",
      `Cannot open the jobs in ${path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function open(
  { path, limits, clock = STORE_CLOCK }: SqliteJobsOptions,
): Promise<SqliteJobs> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (!canStartThread()) throw new Error("too few files can be opened to start a thread");
  let offset = 0;
  // The time goes on from the highest stored one, also if the clock was set back meanwhile.
  const now = (): number => Math.floor(clock.now()) + offset;
  // Set once below; a tick before that has no claim that waits for it.
  let onBatch: ThreadOptions["onBatch"] = () => {};
  const start = (): Promise<StoreThread<WriteOps>> =>
    StoreThread.open<WriteOps>({
      url: new URL("./threads/write_worker.ts", import.meta.url),
      name: "jobs writer",
      start: { path, limits } satisfies WriteStart,
      now,
      onBatch: (...news) => onBatch?.(...news),
    });
  let movedAside: MovedAside | undefined;
  await using resources = new AsyncDisposableStack();
  const writer = await start().catch((error) => {
    if (!(error instanceof ThreadStartError) || !error.isDamaged) throw error;
    movedAside = setAside(path, error.message);
    return start();
  });
  resources.defer(() => writer.close());
  offset = Math.max(0, writer.storedTime - Math.floor(clock.now()));
  const reader = await StoreThread.open<ReadOps>({
    url: new URL("./threads/read_worker.ts", import.meta.url),
    name: "jobs reader",
    start: { path } satisfies ReadStart,
    now,
  });
  resources.defer(() => reader.close());
  await closeToOthers(path);
  const { warnings } = writer;
  const skewMs = (): number => now() - hostTime(clock);
  const jobs = new SqliteJobs({ writer, reader, clock, now, skewMs, movedAside, warnings });
  onBatch = (tickAt, ended) => jobs.onBatch(tickAt, ended);
  resources.move();
  return jobs;
}

/** Returns the time of the clock of this host, which somebody may set while it runs. */
function hostTime(clock: Clock): number {
  return Math.floor(clock === STORE_CLOCK ? Date.now() : clock.now());
}

function setAside(path: string, problem: string): MovedAside {
  const movedTo = moveAside(path, new Date());
  getLogger("store").error(
    "the database {path} cannot be used and was moved to {movedTo}; starting with an empty one: {problem}",
    { path, movedTo, problem },
  );
  return { path: movedTo, problem };
}
