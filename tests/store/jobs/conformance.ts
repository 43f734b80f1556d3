/**
 * The tests of the contract in src/store/jobs, which every driver must pass. Cases are numbered as
 * in the design of stores; the files of the folder cases have them, by group.
 */
import type { Clock } from "../../../src/async/mod.ts";
import type { JobStore, JobStoreLimits } from "../../../src/store/mod.ts";
import { testBlobNames } from "./cases/blob_cases.ts";
import { testCancellation } from "./cases/cancel_cases.ts";
import { testClaims } from "./cases/claim_cases.ts";
import { testDraining } from "./cases/drain_cases.ts";
import { testEnds } from "./cases/end_cases.ts";
import { testEvents } from "./cases/event_cases.ts";
import { testFairness } from "./cases/fairness_cases.ts";
import { testFaults } from "./cases/fault_cases.ts";
import { testFiles } from "./cases/file_cases.ts";
import { testLeases } from "./cases/lease_cases.ts";
import { testLimits } from "./cases/limit_cases.ts";
import { testLogs } from "./cases/log_cases.ts";
import { testLists } from "./cases/list_cases.ts";
import { testOutputs } from "./cases/output_cases.ts";
import { testSearches } from "./cases/search_cases.ts";
import { testOwnIds } from "./cases/own_id_cases.ts";
import { testSubmissions } from "./cases/submit_cases.ts";

/** A store that a test closes. */
export type OpenJobs = JobStore & AsyncDisposable;

/** A thing that successive stores share, such as a folder. */
export interface JobPlace extends AsyncDisposable {
  readonly path: string;
}

/** Options of {@link JobDriver.open}. */
export interface JobOpening {
  readonly limits: JobStoreLimits;
  /** The time of the store. Absent for that of the system. */
  readonly clock?: Clock;
}

/** Ways to break an open store. */
export interface JobFaults {
  /** Lets writes of a store at a place fail as on a full disk, until that is disposed. */
  fillDisk(store: OpenJobs, place: JobPlace): Promise<AsyncDisposable>;
  /** Opens a store that cannot keep its promises; resolves to its warnings, or rejects. */
  openUnsafe(place: JobPlace): Promise<readonly string[]>;
}

/** A driver to test. */
export interface JobDriver {
  readonly name: string;
  /**
   * False if nothing outlives an open store. Else the module that exports the driver as `DRIVER`,
   * so that a process of its own can open a place and be killed.
   */
  readonly durable: false | { readonly module: string };
  place(): Promise<JobPlace>;
  open(place: JobPlace, options: JobOpening): Promise<OpenJobs>;
  readonly faults?: JobFaults;
}

/** Cases that no driver has to pass yet, with the reason. */
const IGNORED: readonly (readonly [number: number, words: string, reason: string])[] = [
  [9, "commit inside the caller's transaction, rollback leaves nothing", "no driver shares one"],
  [18, "labels that no holder has: stays, and says so", "jobs have no labels yet"],
  [35, "children released in the same commit as the parent's end", "jobs have no parents yet"],
  [36, "a webhook row exists exactly when the end is committed", "there are no webhooks yet"],
  [46, "three front-ends, 100 ticks, 100 jobs", "there are no schedules yet"],
  [47, "down over 5 ticks: catch-up limit obeyed", "there are no schedules yet"],
  [48, "overlap skip, queue, replace", "there are no schedules yet"],
  [49, "DST gap and fold in Europe/Berlin", "there are no schedules yet"],
  [50, "store clock stepped back 10 s: no second tick", "there are no schedules yet"],
  [56, "read your own write through any front-end", "a place has one front-end"],
  [64, "failover to the standby: as 62", "no driver has a standby"],
  [67, "two programs of versions n and n-1 on one store", "a place has one program"],
];

/** Registers the tests of a driver. */
export function testJobs(driver: JobDriver): void {
  testSubmissions(driver);
  testOwnIds(driver);
  testClaims(driver);
  testLeases(driver);
  testEnds(driver);
  testBlobNames(driver);
  testCancellation(driver);
  testLimits(driver);
  testEvents(driver);
  testLogs(driver);
  testOutputs(driver);
  testLists(driver);
  testFiles(driver);
  testFaults(driver);
  testDraining(driver);
  testFairness(driver);
  testSearches(driver);
  for (const [number, words, reason] of IGNORED) {
    Deno.test({
      name: `${driver.name}: ${number} ${words} (${reason})`,
      ignore: true,
      fn(): void {},
    });
  }
}
