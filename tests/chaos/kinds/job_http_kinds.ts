import assert from "node:assert/strict";
import type { Job } from "../../../mod.ts";
import { SseParser } from "../../../src/client/streams/mod.ts";
import type { Random } from "../random.ts";
import type { JobBook } from "./job_book.ts";
import { ChunkModel } from "./job_kinds.ts";
import { errorOf, type Kind, leaveAfter, pause } from "./kind.ts";

/** Jobs over HTTP, from clients that leave, repeat and resume. */
export class JobHttpKinds {
  readonly #origin: string;
  readonly #ledger: string;
  readonly #book: JobBook;
  #last = 0;

  constructor(
    { origin, ledger, book }: {
      readonly origin: string;
      readonly ledger: string;
      readonly book: JobBook;
    },
  ) {
    this.#origin = origin;
    this.#ledger = ledger;
    this.#book = book;
  }

  get kinds(): Kind[] {
    return [
      { name: "job over HTTP", weight: 5, run: (random) => this.#run(random), codes: ["left"] },
      { name: "job repeated", weight: 3, run: (random) => this.#repeat(random) },
      { name: "jobs over HTTP", weight: 1, run: (random) => this.#batch(random) },
      { name: "job refused", weight: 1, run: () => this.#refused() },
      { name: "job cancelled over HTTP", weight: 2, run: (random) => this.#cancel(random) },
      { name: "jobs listed over HTTP", weight: 2, run: (random) => this.#list(random) },
      { name: "job followed over HTTP", weight: 4, run: (random) => this.#follow(random) },
      { name: "call as a job", weight: 1, run: () => this.#respondLater() },
    ];
  }

  #job(tool: string, args: object): Record<string, unknown> {
    const retry = { minMs: 1, maxMs: 50 };
    return { tool, args: { ledger: this.#ledger, ...args }, maxAttempts: 5, retry };
  }

  async #run(random: Random): Promise<void> {
    const job = this.#job("job_work", { seconds: random.next() / 20 });
    const { id } = await this.#post<Job>("/v1/jobs", { body: job });
    this.#book.add(id);
    if (random.below(3) === 0) {
      await leaveAfter(random.below(60), (signal) => this.#get(`/v1/jobs/${id}?wait=30`, signal));
      return;
    }
    let found: Job;
    do found = await this.#get<Job>(`/v1/jobs/${id}?wait=10`); while (!found.done);
    const { state } = found;
    // Other callers cancel and retry it.
    if (state !== "completed") return;
    const response = await fetch(`${this.#origin}/v1/jobs/${id}/result`);
    const answer = await response.json();
    if (response.ok) assert.equal(answer.result, id);
    else assert.ok(["job_unfinished", "cancelled"].includes(answer.code), answer.code);
  }

  /** Submits a job under a key, perhaps without hearing of it, and submits it again. */
  async #repeat(random: Random): Promise<void> {
    const headers = { "idempotency-key": `key-${++this.#last}` };
    const body = this.#job("job_work", { seconds: 0 });
    const first = leaveAfter(
      random.below(20),
      (signal) => this.#post<Job>("/v1/jobs", { body, headers, signal }),
    ).catch(() => undefined);
    if (random.below(2) === 0) await first;
    const { id } = await this.#post<Job>("/v1/jobs", { body, headers });
    this.#book.add(id);
    const known = await first;
    if (known !== undefined) assert.equal(known.id, id);
    const other = this.#post("/v1/jobs", { body: { ...body, priority: 1 }, headers });
    await assert.rejects(other, { code: "idempotency_conflict" });
  }

  async #batch(random: Random): Promise<void> {
    const jobs = Array.from(
      { length: 1 + random.below(60) },
      () => this.#job("job_work", { seconds: 0 }),
    );
    if (random.below(2) === 0) {
      const answer = await this.#post<{ jobs: { id: string }[] }>("/v1/jobs/batch", { body: jobs });
      assert.equal(answer.jobs.length, jobs.length);
      for (const { id } of answer.jobs) this.#book.add(id);
      return;
    }
    const response = await fetch(`${this.#origin}/v1/jobs/batch`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: jobs.map((it) => `${JSON.stringify(it)}\n`).join(""),
    });
    const lines = (await response.text()).trim().split("\n");
    assert.equal(lines.length, jobs.length);
    for (const line of lines) this.#book.add(JSON.parse(line).id);
  }

  async #refused(): Promise<void> {
    const body = [
      this.#job("job_work", {}),
      { tool: "none" },
      { ...this.#job("job_work", {}), maxAttempts: 0 },
    ];
    await assert.rejects(this.#post("/v1/jobs/batch", { body }), { code: "invalid_input" });
  }

  async #cancel(random: Random): Promise<void> {
    const body = this.#job("job_work", { seconds: random.next() / 5 });
    const { id } = await this.#post<Job>("/v1/jobs", { body });
    this.#book.add(id);
    await pause(random.below(100));
    await this.#post(`/v1/jobs/${id}/cancel`, { body: { reason: "chaos" } });
  }

  async #list(random: Random): Promise<void> {
    const query = random.pick(["", "state=completed&", "queue=default&", "tool=job_streams&"]);
    let cursor = "";
    for (let i = random.below(4); i >= 0; i--) {
      const path = `/v1/jobs?${query}limit=${1 + random.below(30)}${cursor}`;
      const page = await this.#get<{ cursor?: string }>(path);
      if (page.cursor === undefined) return;
      cursor = `&cursor=${encodeURIComponent(page.cursor)}`;
    }
  }

  async #follow(random: Random): Promise<void> {
    const n = random.below(200);
    const body = this.#job("job_streams", { n, seconds: random.next() / 200 });
    const { id } = await this.#post<Job>("/v1/jobs", { body });
    this.#book.add(id);
    const chunks = new ChunkModel();
    let isOver = false;
    while (!isOver) {
      const most = random.below(3) === 0 ? Infinity : random.below(4_000);
      isOver = await this.#read(id, { chunks, most, n });
      if (!isOver) await pause(random.below(60));
    }
  }

  /** Reads about `most` bytes, or to the end; returns true then. */
  async #read(
    id: string,
    { chunks, most, n }: {
      readonly chunks: ChunkModel;
      readonly most: number;
      readonly n: number;
    },
  ): Promise<boolean> {
    const leaving = new AbortController();
    const response = await fetch(`${this.#origin}/v1/jobs/${id}/events`, {
      headers: chunks.after === 0 ? {} : { "last-event-id": String(chunks.after) },
      signal: leaving.signal,
    });
    if (!response.ok) throw errorOf(await response.json());
    assert.ok(response.body);
    const parser = new SseParser();
    let bytes = 0;
    for await (const part of response.body) {
      for (const { event, data, id: position } of parser.push(part)) {
        if (event === "chunk") {
          const { run, value } = JSON.parse(data);
          chunks.add(run, Number(position), value);
        }
        if (event === "reset") chunks.reset(Number(position));
        if (event !== "end") continue;
        if (JSON.parse(data).state === "completed") chunks.checkEnd(n);
        return true;
      }
      bytes += part.byteLength;
      if (bytes > most) break;
    }
    leaving.abort();
    assert.ok(bytes > most, "the events have ended without an end of the job");
    return false;
  }

  async #respondLater(): Promise<void> {
    const { id } = await this.#post<Job>("/v1/execute", {
      body: { tool: "job_work", args: { ledger: this.#ledger, seconds: 0 } },
      headers: { prefer: "respond-async" },
    });
    this.#book.add(id);
  }

  async #post<T>(
    path: string,
    { body, headers = {}, signal }: {
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal;
    },
  ): Promise<T> {
    return await answerOf(
      await fetch(`${this.#origin}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }

  async #get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const init = signal === undefined ? {} : { signal };
    return await answerOf(await fetch(`${this.#origin}${path}`, init));
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const answer = await response.json();
  if (!response.ok) throw errorOf(answer);
  return answer;
}
