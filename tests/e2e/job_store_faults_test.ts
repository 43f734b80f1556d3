/** Tests a server whose database of jobs others lock, damage or replace, and one that is frozen. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Job } from "../../mod.ts";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until, untilText } from "../fixtures/until.ts";

const LEASE_MS = 1_000;

/** A server with the tools of jobs, in a data directory of its own. */
class Server implements AsyncDisposable {
  readonly #folder: AsyncDisposable & { readonly path: string };
  process: ServerProcess;

  private constructor(folder: Server["folder"], process: ServerProcess) {
    this.#folder = folder;
    this.process = process;
  }

  static async open(): Promise<Server> {
    const folder = await tempDir();
    return new Server(folder, await Server.#start(folder.path));
  }

  get folder(): AsyncDisposable & { readonly path: string } {
    return this.#folder;
  }

  get database(): string {
    return join(this.#folder.path, "store", "jobs.sqlite");
  }

  get ledger(): string {
    return join(this.#folder.path, "ledger");
  }

  /** Stops the server, changes its database, and starts it again. */
  async restart(change: () => void | Promise<void>): Promise<void> {
    this.process.kill("SIGTERM");
    await this.process.finished();
    await change();
    this.process = await Server.#start(this.#folder.path);
  }

  /** Starts a job that takes so long; returns its id when it runs. */
  async begin(seconds: number): Promise<string> {
    const { id } = await this.post<Job>("/v1/jobs", this.job(seconds));
    await untilText(this.ledger);
    return id;
  }

  job(seconds: number): object {
    return { tool: "work", args: { path: this.ledger, seconds } };
  }

  async post<T>(path: string, body: object): Promise<T> {
    const response = await fetch(`${this.process.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return await response.json();
  }

  async get<T>(path: string): Promise<T> {
    return await (await fetch(`${this.process.url}${path}`)).json();
  }

  async ended(id: string): Promise<Job> {
    return await until(async () => {
      const job = await this.get<Job>(`/v1/jobs/${id}?wait=5`);
      return job.done && job;
    }, "the end of the job");
  }

  async starts(): Promise<number> {
    return (await Deno.readTextFile(this.ledger)).trim().split("\n").length;
  }

  /** Checks that calls without jobs go on. */
  async checkCalls(): Promise<void> {
    const call = { tool: "long_text", args: { length: 2 } };
    assert.equal((await this.post<{ result: string }>("/v1/execute", call)).result, "xx");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  static #start(dataDir: string): Promise<ServerProcess> {
    const pool = { name: "default", size: 2, adapter: "job_tools", modulePaths: [ADAPTERS] };
    const config = { pools: [pool], jobs: { leaseMs: LEASE_MS } };
    return ServerProcess.start({ dataDir, env: { SNAKEDEN_CONFIG_JSON: JSON.stringify(config) } });
  }
}

Deno.test("a server whose jobs another program has locked says so, calls go on, and no job is lost", async () => {
  await using server = await Server.open();
  const id = await server.begin(LEASE_MS / 1_000 * 2);
  const other = new DatabaseSync(server.database, { timeout: 5_000 });
  other.exec("begin exclusive");
  const answer = await server.post<{ code: string; detail: string }>("/v1/jobs", server.job(0));
  assert.deepEqual([answer.code, answer.detail], [
    "store_failed",
    "Cannot submit jobs: database is locked",
  ]);
  await server.checkCalls();
  assert.equal((await server.get<Job>(`/v1/jobs/${id}`)).state, "running");
  const stopped = "stopped 1 jobs whose leases have ended: the store does not answer";
  await until(() => server.process.stderr.includes(stopped), "the log of the lost lease");
  other.exec("rollback");
  other.close();
  const job = await server.ended(id);
  assert.deepEqual([job.state, job.attempts?.map(({ outcome }) => outcome)], [
    "completed",
    ["lost", "completed"],
  ]);
  const later = await server.post<Job>("/v1/jobs", server.job(0));
  assert.equal((await server.ended(later.id)).state, "completed");
});

Deno.test("a server that was frozen for longer than a lease goes on with its jobs", async () => {
  await using server = await Server.open();
  const id = await server.begin(LEASE_MS / 1_000 * 3);
  server.process.kill("SIGSTOP");
  const end = performance.now() + LEASE_MS * 2;
  await until(() => performance.now() > end, "the lease to end");
  server.process.kill("SIGCONT");
  const job = await server.ended(id);
  assert.deepEqual([job.state, job.attempt, await server.starts()], ["completed", 1, 1]);
});

Deno.test("a server starts with an empty store of jobs if the database is garbage, and reports it", async () => {
  await using server = await Server.open();
  await server.begin(0);
  await server.restart(() => Deno.writeTextFile(server.database, "garbage ".repeat(1_000)));
  const moved = /ERROR +store +the database \S+ cannot be used and was moved to (\S+);/;
  const [, path = ""] = moved.exec(server.process.stderr) ?? [];
  assert.match(await Deno.readTextFile(path), /^garbage /);
  await server.checkCalls();
  assert.deepEqual((await server.get<{ jobs: Job[] }>("/v1/jobs")).jobs, []);
  const { id } = await server.post<Job>("/v1/jobs", server.job(0));
  assert.equal((await server.ended(id)).state, "completed");
});

Deno.test("a server does not start with jobs of a later version, or those that another program has locked", async () => {
  await using server = await Server.open();
  let version = 0;
  await assert.rejects(
    server.restart(() => {
      const database = new DatabaseSync(server.database);
      version = Number(database.prepare("pragma user_version").get()?.["user_version"]);
      database.exec("pragma user_version = 99");
      database.close();
    }),
    /Cannot open the jobs in \S+: its version is 99/,
  );
  const database = new DatabaseSync(server.database);
  database.exec(`pragma user_version = ${version}; begin exclusive`);
  const locked = /Cannot open the jobs in \S+: database is locked/;
  await assert.rejects(server.restart(() => {}), locked);
  database.exec("rollback");
  database.close();
  await server.restart(() => {});
  await server.checkCalls();
});
