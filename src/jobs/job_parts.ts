import type { Clock } from "../async/mod.ts";
import type { JobsConfig } from "../config/mod.ts";
import type { SnakedenError } from "../errors.ts";
import type { Files } from "../files/mod.ts";
import type { Blobs, JobStore } from "../store/mod.ts";
import { JobChanges } from "./job_changes.ts";
import type { JobFeed } from "./job_feed.ts";
import { JobReader, type ReadValue, type RunningJobs } from "./job_reader.ts";
import { JobSubmissions } from "./job_submissions.ts";
import type { Runners } from "./runners/mod.ts";
import type { JobTokens } from "./scripts/mod.ts";
import { StreamedBatches, Submitter } from "./submission/mod.ts";
import type { PoolStates } from "./waiting_for.ts";

/** Dependencies of {@link Jobs}. */
export interface JobsDeps {
  /** The store of jobs, or the reason why there is none. */
  readonly store: JobStore | SnakedenError;
  /** The blobs that the store names. */
  readonly blobs: Blobs;
  /** The files that jobs have made, and those with the items of batches. */
  readonly files: Pick<Files, "list" | "add" | "remove">;
  readonly engine: RunningJobs;
  readonly feed: JobFeed;
  readonly runners: Runners;
  readonly config: JobsConfig;
  readonly pools: PoolStates;
  /** The tokens of the jobs that run. By default, there are none. */
  readonly tokens?: JobTokens;
  readonly clock?: Clock;
  /** The deepest nesting of an item; by default that of any value. */
  readonly maxDepth?: number;
  /** Reads a stored result or chunk for those who get jobs and events. By default it is decoded. */
  readonly read?: ReadValue;
}

/** The parts that exist if there is a store. */
export interface JobParts {
  readonly store: JobStore;
  readonly submissions: JobSubmissions;
  readonly reader: JobReader;
  readonly changes: JobChanges;
}

/** Returns the parts of jobs over a store. */
export function jobParts(
  deps: JobsDeps,
  { store, read }: { readonly store: JobStore; readonly read: ReadValue },
): JobParts {
  const { runners, config, engine, feed, files, maxDepth } = deps;
  const submitter = new Submitter({ store, runners, config });
  const streamed = new StreamedBatches({ submitter, files, config, maxDepth });
  const reader = new JobReader({ ...deps, store, read });
  return {
    store,
    submissions: new JobSubmissions({ submitter, streamed, reader }),
    reader,
    changes: new JobChanges({ store, engine, feed }),
  };
}
