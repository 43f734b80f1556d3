import { join } from "node:path";
import { messageOf, SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import { HOST_ENV } from "../process/mod.ts";
import {
  AcceptedWork,
  ChangeLogs,
  type MovedAside,
  PROCESS_ROW,
  type ProcessRow,
  type SessionStore,
  type Store,
  type StoreReport,
  storeTime,
  type ToolListStore,
} from "../store/mod.ts";
import { BackgroundFailures } from "./background_failures.ts";
import { closeToOthers, moveAside, problemOfDatabase } from "../database_file.ts";
import { GroupCommit, type GroupCommitOptions } from "./group_commit.ts";
import { keys } from "./keys.ts";
import { KvChunks } from "./kv_chunks.ts";
import { checkRowKey, KvProcesses } from "./kv_processes.ts";
import { KvToolLists } from "./kv_tool_lists.ts";
import { bytesOf, KvRows } from "./rows/mod.ts";
import { Records } from "./records.ts";
import { KvNamedRows, KvSessions } from "./sessions/mod.ts";
import { describeOwner, StoreLock, type StoreOwner } from "./store_lock.ts";

const DIRECTORY_NAME = "store";
const DATABASE_NAME = "kv.sqlite3";

/** Options of {@link KvStore.open}. */
export interface OpenOptions extends GroupCommitOptions {
  readonly dataDir: string;
  readonly runId: string;
  /** The time to keep trying while another host has the store; 0 tries once. */
  readonly patienceMs: number;
  /** The clock of the store: milliseconds since 1970. The default is that of this host. */
  readonly now?: (() => number) | undefined;
}

/** The cure for a program without Deno KV. */
export const KV_CURE = 'add "unstable": ["kv"] to deno.json, or run it with --unstable-kv';

/** The store of a data directory, in Deno KV. Only one host can have it at a time. */
export class KvStore implements Store {
  readonly processes: KvProcesses;
  readonly sessions: SessionStore;
  readonly toolLists: ToolListStore;
  readonly deadProcesses: readonly ProcessRow[];
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.processes = new KvProcesses(parts.commits, parts.accepted);
    this.sessions = parts.sessions;
    this.toolLists = parts.toolLists;
    this.deadProcesses = parts.deadProcesses;
    this.#parts = parts;
  }

  /** Returns the path of the database in a data directory. */
  static pathIn(dataDir: string): string {
    return join(dataDir, DIRECTORY_NAME, DATABASE_NAME);
  }

  /** Returns true if the program was started with Deno KV. */
  static isAvailable(): boolean {
    return typeof Deno.openKv === "function";
  }

  /**
   * Opens the store, and creates it if it is missing. Moves a broken database aside, sets broken
   * records aside, and removes what a crash left half written; logs each.
   *
   * @throws {StoreInUseError} If another host has the store.
   * @throws {SnakedenError} `startup_failed` if the store cannot be read or written, for example
   * because of a full disk.
   */
  static async open(options: OpenOptions): Promise<KvStore> {
    const directory = join(options.dataDir, DIRECTORY_NAME);
    try {
      return new KvStore(await openParts(directory, options));
    } catch (error) {
      if (error instanceof StoreInUseError) throw error;
      throw new SnakedenError(
        "startup_failed",
        `Cannot open the store in ${directory}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async report(): Promise<StoreReport> {
    const { movedAside, records, accepted } = this.#parts;
    const setAside = await accepted.run("describe the store", () => records.listSetAside());
    return { state: "open", setAside, ...(movedAside === undefined ? {} : { movedAside }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { accepted, commits, logs, resources } = this.#parts;
    logs.close();
    const closed = accepted.close(() => resources.disposeAsync());
    commits.hurry();
    await closed;
  }
}

/** The error for a data directory whose store another host has. */
export class StoreInUseError extends SnakedenError {
  override readonly name = "StoreInUseError";
  constructor(directory: string, owner: StoreOwner | null) {
    super(
      "startup_failed",
      `Cannot open the store in ${directory}: ${
        describeOwner(owner)
      } is using it; stop that host, or choose another data ` +
        `directory with dataDir or ${HOST_ENV.dataDir}`,
      { retryable: true, details: { directory, ...(owner === null ? {} : { owner }) } },
    );
  }
}

interface Parts {
  readonly movedAside: MovedAside | undefined;
  readonly deadProcesses: readonly ProcessRow[];
  readonly sessions: SessionStore;
  readonly toolLists: ToolListStore;
  readonly logs: ChangeLogs;
  readonly records: Records;
  readonly commits: GroupCommit;
  readonly accepted: AcceptedWork;
  readonly resources: AsyncDisposableStack;
}

async function openParts(directory: string, options: OpenOptions): Promise<Parts> {
  const { runId, patienceMs, timer, now = storeTime } = options;
  if (!KvStore.isAvailable()) throw new Error(`this program has no Deno KV; ${KV_CURE}`);
  await using resources = new AsyncDisposableStack();
  const lock = await StoreLock.take(directory, { runId, patienceMs });
  if (!(lock instanceof StoreLock)) throw new StoreInUseError(directory, lock.owner);
  resources.use(lock);
  const path = join(directory, DATABASE_NAME);
  const movedAside = setBrokenAside(path);
  const kv = resources.adopt(await Deno.openKv(path), (it) => it.close());
  await closeToOthers(path);
  const commits = resources.use(new GroupCommit(kv, options));
  const records = new Records(kv, commits);
  const accepted = new AcceptedWork();
  const chunks = new KvChunks(kv, commits);
  // This write finds a full disk now, rather than with the first worker.
  const opened = { runId, pid: Deno.pid, at: new Date().toISOString() };
  const value = new TextEncoder().encode(JSON.stringify(opened));
  await commits.commit([{ type: "set", key: keys.opened, value }]);
  const failures = new BackgroundFailures();
  const deadProcesses = await records.list(keys.processes, PROCESS_ROW, checkRowKey);
  const rows = resources.adopt(
    new KvRows({ kv, commits, records, timer, failures }),
    (it) => it.close(),
  );
  const recovered = await rows.recover();
  // After that, since the journal may say which chunks belong to a row.
  const swept = await chunks.sweep();
  const named = resources.adopt(
    new KvNamedRows({ rows, chunks, failures, accepted }),
    (it) => it.close(),
  );
  const logs = new ChangeLogs({ now, timer });
  const { clean } = named;
  const count = await countOf(rows);
  const deps = { rows, chunks, failures, accepted, logs, now, clean };
  const sessions = new KvSessions(deps, named, count);
  await named.resume();
  const log = getLogger("store");
  if (swept > 0) log.warn("removed {swept} half-written values of an earlier run", { swept });
  log.debug("opened {path}", { path, deadProcesses: deadProcesses.length, recovered });
  return {
    movedAside,
    deadProcesses,
    sessions,
    toolLists: new KvToolLists({ kv, commits, records, chunks, accepted }),
    logs,
    records,
    commits,
    accepted,
    resources: resources.move(),
  };
}

/** Returns the number of sessions; counts them if that is not stored. */
async function countOf(rows: KvRows): Promise<number> {
  const value = await rows.peek(keys.sessionCount);
  const text = value === undefined ? "" : new TextDecoder().decode(bytesOf(value));
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return (await rows.list({ prefix: keys.sessions }, 1e9)).length;
}

function setBrokenAside(path: string): MovedAside | undefined {
  const problem = problemOfDatabase(path);
  if (problem === undefined) return undefined;
  const movedTo = moveAside(path, new Date());
  getLogger("store").error(
    "the database {path} cannot be used and was moved to {movedTo}; starting with an empty one: {problem}",
    { path, movedTo, problem },
  );
  return { path: movedTo, problem };
}
