/** Runs the command line in this process, against the routes of jobs over a store in memory. */
import assert from "node:assert/strict";
import { type CliIo, type CliSink, runCli } from "../../src/cli/mod.ts";
import type { Claim, JobError, StoredLine } from "../../src/store/mod.ts";
import { type JobClient, jobClient, type JobClientOptions } from "../routes/jobs/job_client.ts";
import { until } from "../fixtures/until.ts";

/** The time of the program's clock, unless a test states another one. */
export const NOW = Date.UTC(2030, 0, 31, 8);

/** The end of a run. */
export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of a run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** The streams that are a terminal; none by default. */
  readonly terminal?: readonly ("stdin" | "stdout" | "stderr")[];
  readonly columns?: number;
  readonly rows?: number;
  readonly now?: () => number;
  /** The error of writes to standard output. */
  readonly brokenBy?: Error;
}

/** A run that goes on. */
export class RunningCli {
  readonly ended: Promise<Run>;
  stdout = "";
  stderr = "";
  /** The number of writes to standard output. */
  writes = 0;
  /** The files that were kept, by their paths. */
  readonly created = new Map<string, string>();
  readonly #interrupts = new Set<() => void>();

  constructor(args: readonly string[], options: RunOptions) {
    this.ended = runCli(args, this.#io(options)).then((status) => ({
      status,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
    this.ended.catch(() => {});
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    for (const listener of [...this.#interrupts]) listener();
  }

  /** Waits until a text was written. */
  async shows(pattern: RegExp): Promise<void> {
    const text = (): string => `${this.stdout}${this.stderr}`;
    await until(() => pattern.test(text()), `${pattern} in the output`);
  }

  #io(options: RunOptions): CliIo {
    const { env = {}, stdin = "", files = {}, terminal = [], brokenBy } = options;
    const sink = (name: "stdout" | "stderr"): CliSink => ({
      write: (bytes) => {
        if (brokenBy !== undefined && name === "stdout") return Promise.reject(brokenBy);
        if (name === "stdout") this.writes++;
        this[name] += decoders[name].decode(bytes, { stream: true });
        return Promise.resolve(bytes.length);
      },
      isTerminal: () => terminal.includes(name),
    });
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    return {
      stdin: {
        readable: new Blob([stdin]).stream(),
        isTerminal: () => terminal.includes("stdin"),
      },
      stdout: sink("stdout"),
      stderr: sink("stderr"),
      columns: () => options.columns ?? 0,
      rows: () => options.rows ?? 0,
      env: (name) => env[name],
      readFile: (path) => {
        const text = files[path];
        if (text === undefined) return Promise.reject(new Error("No such file"));
        return Promise.resolve(new TextEncoder().encode(text));
      },
      openFile: (path) => {
        const text = files[path];
        if (text === undefined) return Promise.reject(new Error("No such file"));
        const blob = new Blob([text]);
        return Promise.resolve({
          readable: blob.stream(),
          bytes: blob.size,
          [Symbol.dispose]: () => {},
        });
      },
      createFile: (path) => {
        if (path.includes("/")) return Promise.reject(new Error("No such folder (os error 2)"));
        const decoder = new TextDecoder();
        let text = "";
        return Promise.resolve({
          write: (bytes) => {
            text += decoder.decode(bytes, { stream: true });
            return Promise.resolve(bytes.length);
          },
          keep: () => {
            this.created.set(path, text);
            return Promise.resolve();
          },
          [Symbol.asyncDispose]: () => Promise.resolve(),
        });
      },
      now: options.now ?? (() => NOW),
      onInterrupt: (listener) => {
        this.#interrupts.add(listener);
        return () => this.#interrupts.delete(listener);
      },
    };
  }
}

/** A server with jobs that the test runs itself. */
export class CliHost implements AsyncDisposable {
  readonly jobs: JobClient;
  readonly url: string;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #stopping: AbortController;
  readonly #running: RunningCli[] = [];

  private constructor(
    jobs: JobClient,
    server: Deno.HttpServer<Deno.NetAddr>,
    stopping: AbortController,
  ) {
    this.jobs = jobs;
    this.#stopping = stopping;
    this.#server = server;
    this.url = `http://127.0.0.1:${server.addr.port}`;
  }

  static open(options: JobClientOptions = {}): CliHost {
    const jobs = jobClient(options);
    const stopping = new AbortController();
    return new CliHost(jobs, serve(jobs, 0, stopping.signal), stopping);
  }

  /** Ends the server with all its connections, does something, and serves the same jobs again. */
  async away(work: () => Promise<void>): Promise<void> {
    const { port } = this.#server.addr;
    this.#stopping.abort();
    await this.#server.finished;
    await work();
    this.#stopping = new AbortController();
    this.#server = serve(this.jobs, port, this.#stopping.signal);
  }

  /** Runs a command of `job` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return this.start(args, options).ended;
  }

  /** Starts a command of `job`. */
  start(args: readonly string[], options: RunOptions = {}): RunningCli {
    const env = { SNAKEDEN_URL: this.url, ...options.env };
    const running = new RunningCli(["job", ...args], { ...options, env });
    this.#running.push(running);
    return running;
  }

  /** Ends the next job, as a host does. */
  async complete(result: unknown, claim?: Claim): Promise<void> {
    const claimed = claim ?? await this.jobs.claim();
    await this.jobs.complete(claimed, result);
    this.jobs.feed.emit(claimed.job.id, { type: "state", state: "completed" });
  }

  /** Fails the next job for good, as a host does. */
  async fail(error: JobError): Promise<void> {
    const claim = await this.jobs.claim();
    await this.jobs.fail(claim, error);
    this.jobs.feed.emit(claim.job.id, { type: "state", state: "discarded" });
  }

  /** Submits a job; returns its id. */
  async submit(job: object): Promise<string> {
    return await this.jobs.submit(job);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) running.interrupt();
    await this.#server.shutdown();
    await this.jobs[Symbol.asyncDispose]();
  }
}

/** Adds lines to the log of a running job, as its host does. */
export async function log(
  { jobs: { store } }: CliHost,
  { job: { id }, token }: Claim,
  ...given: readonly Partial<StoredLine>[]
): Promise<void> {
  const texts = given.map((it) =>
    `${JSON.stringify({ at: NOW, source: "stdout", text: "", ...it })}\n`
  );
  const body = new TextEncoder().encode(texts.join(""));
  const logs = [{ first: await store.lastLine(id) + 1, lines: given.length, body }];
  assert.deepEqual(await store.extend([{ token, leaseMs: 60_000, logs }]), ["held"]);
}

function serve(
  jobs: JobClient,
  port: number,
  signal: AbortSignal,
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port, signal, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = request.body === null ? null : await request.bytes();
      const { method, headers, signal } = request;
      return await jobs.request(pathname + search, { method, headers, body, signal });
    },
  );
}
