import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Bench, Subject } from "../bench.ts";
import type { JobLinesCommand, JobsCommand } from "../commands.ts";
import type { HttpServer } from "../contender.ts";
import { MeasuringProcess, startHttpLoad } from "../host_process.ts";
import { HOME } from "../installation.ts";
import type { Figures } from "../measure.ts";
import { startSnakedenServer } from "../peers/http_servers.ts";
import { startPostgres } from "../peers/postgres.ts";
import { type PeerServer, startRedis } from "../peers/redis.ts";
import type { JobSystemOptions } from "./job_system.ts";

/** The callers, or connections, that submit single jobs. */
export const CALLERS = 64;
/** The time that a slow disk has for many jobs. */
export const LONG_MS = 1_800_000;

const POLL_MS = 10;
const BODY = JSON.stringify({ tool: "noop" });
const MODULES = fileURLToPath(new URL(".", import.meta.url));

/** The systems beside Snakeden, and their servers. */
const PEERS: Readonly<
  Record<string, readonly [JobSystemOptions["system"], () => Promise<PeerServer>]>
> = {
  "bullmq": ["bullmq", () => startRedis("everysec")],
  "bullmq-always": ["bullmq", () => startRedis("always")],
  "graphile-worker": ["graphile-worker", startPostgres],
};

/** The process of a system. */
export type JobsProcess = MeasuringProcess<JobsCommand>;

/** All systems. */
export const JOB_SYSTEMS: readonly string[] = [
  "snakeden",
  "snakeden-http",
  ...Object.keys(PEERS),
];

/** A system that was started: what measures it, and by which name. */
export interface StartedJobs {
  readonly name: string;
  readonly submit: Subject["measure"];
  /** Has the rates and costs of submissions and of runs. */
  readonly run: (jobs: number) => Promise<Figures>;
  readonly start?: Subject["measure"];
}

/** Starts a system by its name. */
export async function startJobs(bench: Bench, deps: StartDeps): Promise<StartedJobs> {
  return await (deps.name === "snakeden-http" ? startHttp : startSystem)(bench, deps);
}

interface StartDeps {
  readonly name: string;
  readonly resources: AsyncDisposableStack;
}

async function startSystem(bench: Bench, { name, resources }: StartDeps): Promise<StartedJobs> {
  const peer = PEERS[name];
  const process = peer === undefined
    ? await startSnakeden(bench, { resources, workers: bench.workers })
    : await startPeer(bench, { peer, resources });
  return {
    name,
    submit: ({ durationMs }) =>
      process.run({ do: "submit", callers: CALLERS, durationMs }, LONG_MS),
    run: (jobs) => process.run({ do: "run", jobs }, LONG_MS),
    start: ({ durationMs }) => process.run({ do: "start", durationMs }),
  };
}

async function startPeer(
  bench: Bench,
  { peer: [system, startServer], resources }: {
    readonly peer: NonNullable<typeof PEERS[string]>;
    readonly resources: AsyncDisposableStack;
  },
): Promise<JobsProcess> {
  const npmFolder = await bench.installation.npmFolder();
  const server = resources.use(await startServer());
  return resources.use(
    await startProcess({
      ...{ system, npmFolder, socketFolder: server.folder, serverPid: server.pid },
      ...{ python: "", workers: 0, dataDir: "" },
    }),
  );
}

/** Starts a host on a data directory that only it uses. */
export async function startSnakeden(
  { installation: { python } }: Bench,
  { resources, workers, dataDir }: {
    readonly resources: AsyncDisposableStack;
    readonly workers: number;
    readonly dataDir?: string;
  },
): Promise<JobsProcess> {
  return resources.use(
    await startProcess({
      ...{ system: "snakeden", npmFolder: "", socketFolder: "" },
      ...{ python, workers, dataDir: dataDir ?? await temporaryFolder(resources) },
    }),
  );
}

function startProcess(options: JobSystemOptions): Promise<JobsProcess> {
  const { npmFolder } = options;
  return MeasuringProcess.start(
    "bench/jobs/host.ts",
    [JSON.stringify(options)],
    npmFolder === "" ? {} : { config: join(npmFolder, "deno.json") },
  );
}

/** Makes a folder on the disk of the bench, which is removed last. */
export async function temporaryFolder(resources: AsyncDisposableStack): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: HOME, prefix: "jobs-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  return folder;
}

async function startHttp(bench: Bench, { name, resources }: StartDeps): Promise<StartedJobs> {
  const load = resources.use(await startHttpLoad());
  const client = resources.use(
    await MeasuringProcess.start<JobLinesCommand>("bench/jobs/client.ts", []),
  );
  const { python } = bench.installation;
  const server = resources.use(
    await startSnakedenServer({
      pools: [{
        name: "default",
        size: bench.workers,
        adapter: "job_tools",
        modulePaths: [MODULES],
      }],
      python: { executable: python },
    }, { dataDir: await temporaryFolder(resources), path: "/v1/jobs", body: BODY }),
  );
  const queue = new HttpQueue(server);
  const { port, path, body } = server;
  return {
    name,
    async submit({ durationMs }): Promise<Figures> {
      await queue.setPaused(true);
      const load_ = { do: "http", port, path, body, expected: "available" } as const;
      const figures = await load.run({ ...load_, connections: CALLERS, durationMs });
      await queue.setPaused(false);
      await queue.idle();
      return { ...figures, perSecond: figures.callsPerSecond ?? NaN };
    },
    async run(jobs): Promise<Figures> {
      await queue.setPaused(true);
      const { perSecond = NaN } = await client.run({ port, path: `${path}/batch`, body, jobs });
      const startedAt = performance.now();
      await queue.setPaused(false);
      await queue.idle();
      const runsPerSecond = jobs / ((performance.now() - startedAt) / 1000);
      return { submitsPerSecond: perSecond, runsPerSecond };
    },
  };
}

/** The queue of a server. */
class HttpQueue {
  readonly #url: string;

  constructor({ port }: HttpServer) {
    this.#url = `http://127.0.0.1:${port}/v1/queues/default`;
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.#ask({
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ paused }),
    });
  }

  async idle(): Promise<void> {
    for (;;) {
      const { counts } = await this.#ask();
      if (counts.available + counts.running === 0) return;
      await delay(POLL_MS);
    }
  }

  async #ask(init: RequestInit = {}): Promise<{ readonly counts: QueueCounts }> {
    const response = await fetch(this.#url, init);
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    return await response.json();
  }
}

interface QueueCounts {
  readonly available: number;
  readonly running: number;
}
