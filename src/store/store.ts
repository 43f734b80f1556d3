import type { Blobs } from "./blobs.ts";
import type { ProcessRow } from "./process_row.ts";
import type { ProcessStore } from "./process_store.ts";
import type { SetAside } from "./set_aside.ts";

/** A database that could not be used. */
export interface MovedAside {
  /** Where it is now. */
  readonly path: string;
  /** Why. */
  readonly problem: string;
}

/** The state of a store, for whoever runs it. */
export interface StoreReport {
  /** `in memory` when another host has the store of the data directory, or it cannot be opened. */
  readonly state: "open" | "in memory";
  /** The database that could not be used at the start of this run; an empty one is used instead. */
  readonly movedAside?: MovedAside;
  /** Records that could not be read, of this run and earlier ones. */
  readonly setAside: readonly SetAside[];
}

/**
 * Everything that outlives a host goes through this port. What is written here, in {@link
 * ProcessStore} and in {@link Blobs} is all that a host relies on and all that a driver has to do;
 * tests/store/conformance.ts holds every driver to it.
 *
 * **Opening.** A driver exports a function that opens the store of a *place* for one run, whose id
 * is new: 32 hexadecimal digits. A place is what hosts that follow one another share: a data
 * directory, a database. Opening creates what is missing, removes what a crash has left half done,
 * reads {@link Store.deadProcesses} and sets aside those that are damaged. It fails with
 * `startup_failed`, which is `retryable` when another host has the place. A database that is broken
 * as a whole is moved aside, never deleted, and named in the report, and the store starts empty; a
 * full disk or a missing right is no damage, and opening fails.
 *
 * **Runs.** A run is over when its store was closed or its host has died. A driver must be able to
 * prove that: by a lock that the system drops, or by a lease that ran out on the store's own clock.
 * It either refuses a second host while one has the place, or serves many and tells their runs
 * apart. With a lease, every later write of the run must fail before another host sees its rows as
 * dead. Nothing may assume that hosts share a process, a clock, a machine or a file system. All
 * times in records are for people, and nothing compares them.
 *
 * **Durability.** A write resolves when it is durable: the host, and the engine, may be killed
 * right after. A driver that cannot promise that reports `in memory`. Nothing expires.
 *
 * **Order.** Writes of one record through one store take effect in the order of the calls, whether
 * or not the caller waits between them; writes of different records take effect in any order. A
 * read that begins after a write has resolved sees that write or a later one, whatever host it
 * begins in. Every record is seen whole: the old one or the new one.
 *
 * **Concurrency.** Any number of callers may call at once, and no call waits for those of other
 * records longer than for the commits that run or are next. A driver may gather writes of many
 * callers into one commit; when that fails, all callers in it are told, and no others. Work whose
 * size depends on the data never blocks the event loop.
 *
 * **Failures.** Every operation rejects with a {@link SnakedenError}: `store_failed` (`retryable`)
 * when the engine could not do it; `invalid_input` when it never could, and then nothing is
 * changed; `shutting_down` after closing. A write that failed with `store_failed` may have taken
 * effect all the same, since an answer can get lost; every write can be repeated.
 *
 * **Damage.** A record that cannot be read counts as absent: half written, garbage, at the place of
 * another, or of a version that this program does not know. It is set aside once, however many read
 * it: moved away with its first 64 KiB at least, logged as an error of the category `store` that
 * begins with "set aside", and listed by {@link Store.report} of this run and all later ones. It
 * disturbs no other record, and setting it aside never removes what is written in its place
 * meanwhile.
 *
 * **Closing.** Disposing refuses new work from the moment of the call, lets everything that was
 * accepted before finish, and lets go of the place, so that the next host can open it at once.
 * Disposing again, also meanwhile, resolves when that is done.
 *
 * **Parts.** {@link AcceptedWork} is what refuses and waits, and gives errors their codes; {@link
 * KeyedQueue} keeps the order of one key; {@link encodeRecord} and {@link decodeRecord} write and
 * check records; {@link checkBlob} refuses what is no blob. Sessions and jobs become members of
 * their own.
 */
export interface Store extends AsyncDisposable {
  readonly processes: ProcessStore;
  readonly blobs: Blobs;
  /**
   * The rows of runs that were over when this store was opened. Later calls do not change it. Pids
   * mean nothing elsewhere: where a place spans machines, rows of another machine are not among
   * these.
   */
  readonly deadProcesses: readonly ProcessRow[];
  /** Describes the state of the store. */
  report(): Promise<StoreReport>;
}
