import type { Calls } from "../calls/mod.ts";
import type { SizedConfig } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { Files } from "../files/mod.ts";
import {
  allRunners,
  JobEngine,
  JobFeed,
  jobOutputs,
  Jobs,
  type JobTokens,
  Queues,
} from "../jobs/mod.ts";
import type { PoolsByName } from "../pool/mod.ts";
import type { Blobs, JobStore } from "../store/mod.ts";
import type { ToolRegistry } from "../tools/mod.ts";
import type { Programs } from "./open_programs.ts";

/** Dependencies of {@link openJobs}. */
export interface JobsParts {
  readonly store: JobStore | SnakedenError;
  readonly blobs: Blobs;
  readonly files: Files;
  /** True to keep blobs that nothing names. */
  readonly keepsBlobs: boolean;
  readonly runId: string;
  readonly config: SizedConfig;
  readonly pools: PoolsByName;
  readonly tools: ToolRegistry;
  readonly calls: Calls;
  /** The tokens of the attempts that run. */
  readonly tokens: JobTokens;
  readonly programs: Pick<Programs, "slots" | "scripts" | "commands">;
  /** Resolves when nothing runs any more of earlier hosts. */
  readonly othersEnded: Promise<unknown>;
}

/** The jobs of a host. */
export interface OpenedJobs {
  readonly jobs: Jobs;
  readonly queues: Queues;
  /** Undefined if there is no store of jobs. */
  readonly engine: JobEngine | undefined;
  readonly feed: JobFeed;
}

/** Yields the bytes of the outputs of a job that are kept so far. */
async function* readOutputs(
  store: JobStore | SnakedenError,
  { id, blobs, signal }: {
    readonly id: string;
    readonly blobs: Blobs;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  if (store instanceof SnakedenError) throw store;
  for await (const output of jobOutputs(id, { store, blobs, after: 0, follow: false, signal })) {
    yield* output.read();
  }
}

/** Opens the jobs of a host, and begins to run them. */
export function openJobs(parts: JobsParts): OpenedJobs {
  const { store, blobs, runId, pools, tools, calls, programs, tokens } = parts;
  const { slots } = programs;
  const { jobs: config, limits, files } = parts.config;
  const feed = new JobFeed();
  const kept = {
    fileStore: parts.files,
    blobs,
    readOutputs: (id: string, signal: AbortSignal): AsyncIterable<Uint8Array> =>
      readOutputs(store, { id, blobs, signal }),
  };
  const { scripts, commands } = programs;
  const runners = allRunners({
    calls,
    tools,
    pools,
    limits,
    config,
    files,
    scripts,
    commands,
    ...kept,
  });
  const engine = store instanceof SnakedenError ? undefined : JobEngine.open({
    store,
    blobs,
    scansBlobs: !parts.keepsBlobs,
    holder: runId,
    pools: [...pools.values(), ...(slots === undefined ? [] : [slots])],
    runners,
    feed,
    config,
    othersEnded: parts.othersEnded,
  });
  const jobs = new Jobs({
    store,
    blobs,
    files: parts.files,
    engine: engine ?? { stop: () => {}, running: () => undefined },
    feed,
    tokens,
    runners,
    config,
    maxDepth: limits.maxDepth,
    pools: (name) => name === slots?.name ? slots.state : pools.get(name)?.state,
  });
  return { jobs, queues: new Queues({ store }), engine, feed };
}
