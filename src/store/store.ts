import type { SessionStore } from "./session_store.ts";
import type { SetAside } from "./set_aside.ts";
import type { ProcessRow, ProcessStore, ToolListStore } from "./workers/mod.ts";

/** A database that could not be used, and was moved aside. */
export interface MovedAside {
  /** The path that it was moved to. */
  readonly path: string;
  /** The reason why it could not be used. */
  readonly problem: string;
}

/** The state of a store, for its operator. */
export interface StoreReport {
  /** `in memory` if another host has the store of the data directory, or if it cannot be opened. */
  readonly state: "open" | "in memory";
  /** The database that could not be used at the start of this run; an empty one is used instead. */
  readonly movedAside?: MovedAside;
  /** Records that could not be read, of this run and earlier ones. */
  readonly setAside: readonly SetAside[];
}

/**
 * The port for all state that outlives a host, except for jobs and blobs, which have ports of their
 * own ({@link JobStore}, {@link Blobs}). The comments here, in {@link ProcessStore}, in
 * {@link SessionStore} and in {@link ToolListStore} state everything that a host relies on and that
 * a driver must do; tests/store/conformance.ts and the files beside it test every driver against
 * them.
 *
 * **Opening.** A driver exports a function that opens the store of a *place* for one run. A place
 * is what successive hosts share, such as a data directory or a database. The id of a run is new
 * and has 32 hexadecimal digits. Opening creates what is missing, removes what a crash left half
 * done, reads {@link Store.deadProcesses}, and sets damaged rows aside. If opening fails, the error
 * is `startup_failed`; it is `retryable` if another host has the place. A database that is broken
 * as a whole is moved aside, never deleted, and named in the report, and the store starts empty. A
 * full disk or a missing permission is not damage: opening fails.
 *
 * **Runs.** A run is over when its store was closed or its host has died. A driver must be able to
 * prove that: by a lock that the system releases, or by a lease that has expired on the store's own
 * clock. It either refuses a second host while one has the place, or serves many hosts and keeps
 * their runs apart. Once a lease has expired, the run's writes must fail before another host sees
 * its rows as dead. A driver must not assume that hosts share a process, a clock, a machine or a
 * file system.
 *
 * **Times.** The times of sessions are those of the *clock of the store*, which goes on evenly
 * while somebody sets the system's clock, and which tests replace. All other times in records are
 * for people; no code compares them.
 *
 * **Durability.** A write resolves when it is durable, so the host and the engine may be killed
 * right after. A driver that cannot promise this reports `in memory`. Only sessions expire.
 *
 * **Order.** Writes of one record through one store take effect in the order of the calls, whether
 * or not the caller waits between them. Writes of different records take effect in any order. A
 * read that begins after a write has resolved sees that write or a later one, in whatever host it
 * begins. A read sees either the whole old record or the whole new one.
 *
 * **Concurrency.** Any number of callers may call at once. A call waits for other records at most
 * until the current commit and the next one are done. A driver may gather writes of many callers
 * into one commit; if it fails, exactly the callers in it get the error. Work whose size depends on
 * the data must not block the event loop.
 *
 * **Failures.** An operation that fails rejects with a {@link SnakedenError}: `store_failed`
 * (`retryable`) if the engine failed; `invalid_input` if the input is not allowed, and then nothing
 * is changed; `shutting_down` after closing. A write that failed with `store_failed` may still have
 * taken effect, since a response can get lost. Every write may be repeated safely.
 *
 * **Damage.** A record that cannot be read counts as missing, whether it is half written, garbage,
 * stored under the key of another record, or of a version that this program does not know. It is
 * set aside once, however many callers read it: it is moved away with at least its first 64 KiB,
 * logged as an error in the category `store` that begins with "set aside", and listed by
 * {@link Store.report} in this run and all later ones. It affects no other record. If a new value
 * is written under its key meanwhile, setting it aside does not remove that value.
 *
 * **Closing.** Disposing refuses new work at once, waits for all accepted work, and releases the
 * place, so that the next host can open it immediately. A second disposal, even during the first
 * one, resolves when the first one is done.
 *
 * **Helpers.** {@link AcceptedWork} refuses and awaits work, and gives errors their codes;
 * {@link KeyedQueue} runs the work of one key in order; {@link encodeRecord} and
 * {@link decodeRecord} write and check records.
 */
export interface Store extends AsyncDisposable {
  readonly processes: ProcessStore;
  readonly sessions: SessionStore;
  readonly toolLists: ToolListStore;
  /**
   * The rows of runs that were over when this store was opened. Later calls do not change this
   * list. If a place spans machines, it has only the rows of this machine, since pids mean nothing
   * elsewhere.
   */
  readonly deadProcesses: readonly ProcessRow[];
  /** Describes the state of the store. */
  report(): Promise<StoreReport>;
}
