import assert from "node:assert/strict";
import type { LogLine, Snakeden } from "../../../mod.ts";
import { SseParser } from "../../../src/client/streams/mod.ts";
import type { Random } from "../random.ts";
import { errorOf, type Kind, pause } from "./kind.ts";

/** Logs of jobs, followed by readers that leave and go on, while the workers die. */
export class JobLogKinds {
  readonly #den: Snakeden;
  readonly #origin: string;

  constructor(den: Snakeden, { origin }: { readonly origin: string }) {
    this.#den = den;
    this.#origin = origin;
  }

  get kinds(): Kind[] {
    return [
      { name: "log followed", weight: 3, run: (random) => this.#follow(random) },
      { name: "log followed over HTTP", weight: 3, run: (random) => this.#followHttp(random) },
    ];
  }

  async #submitted(random: Random): Promise<{ readonly id: string; readonly n: number }> {
    const n = random.below(100);
    const { id } = await this.#den.jobs.submit({
      tool: "lines",
      args: { n, seconds: random.next() / 200 },
      maxAttempts: 10,
      retry: { minMs: 1, maxMs: 50 },
    });
    return { id, n };
  }

  async #follow(random: Random): Promise<void> {
    const { id, n } = await this.#submitted(random);
    const seen = new LogModel();
    let isOver = false;
    while (!isOver) {
      const most = random.below(3) === 0 ? Infinity : 1 + random.below(40);
      let count = 0;
      isOver = true;
      for await (const line of this.#den.jobs.logs(id, { after: seen.after })) {
        seen.add(line);
        if (++count < most) continue;
        isOver = false;
        break;
      }
    }
    await this.#check(id, { n, seen });
  }

  async #followHttp(random: Random): Promise<void> {
    const { id, n } = await this.#submitted(random);
    const seen = new LogModel();
    while (!await this.#readHttp(id, { seen, most: random.below(4_000) })) {
      await pause(random.below(30));
    }
    await this.#check(id, { n, seen });
  }

  /** Reads until the end, or until so many bytes have come; returns true at the end. */
  async #readHttp(
    id: string,
    { seen, most }: { readonly seen: LogModel; readonly most: number },
  ): Promise<boolean> {
    const leaving = new AbortController();
    const response = await fetch(`${this.#origin}/v1/jobs/${id}/logs`, {
      headers: seen.after === 0 ? {} : { "last-event-id": String(seen.after) },
      signal: leaving.signal,
    });
    if (response.status === 204) return true;
    if (!response.ok) throw errorOf(await response.json());
    assert.ok(response.body);
    const parser = new SseParser();
    let bytes = 0;
    for await (const part of response.body) {
      for (const { event, data, id: position } of parser.push(part)) {
        assert.notEqual(event, "reset");
        if (event === "end") return true;
        if (event !== "line") continue;
        const line = JSON.parse(data);
        assert.equal(String(line.n), position);
        seen.add(line);
      }
      bytes += part.byteLength;
      if (bytes > most) break;
    }
    leaving.abort();
    assert.ok(bytes > most, "the log has ended without an end of the job");
    return false;
  }

  /** Compares what a follower has seen with the whole log of the job. */
  async #check(
    id: string,
    { n, seen }: { readonly n: number; readonly seen: LogModel },
  ): Promise<void> {
    const { state } = await this.#den.jobs.wait(id);
    const whole = new LogModel();
    for await (const line of this.#den.jobs.logs(id, { follow: false })) whole.add(line);
    assert.deepEqual(seen.lines, whole.lines);
    if (state === "completed") assert.equal(whole.printed, n);
  }
}

/** A log as its reader sees it: numbers without a gap, and the lines of each run in order. */
class LogModel {
  readonly lines: LogLine[] = [];
  /** The lines that the last run has printed. */
  printed = 0;
  #run = 0;

  /** The number behind which a reader goes on. */
  get after(): number {
    return this.lines.length;
  }

  add(line: LogLine): void {
    const { n, run, source, text } = line;
    assert.equal(n, this.lines.length + 1);
    assert.ok(run >= this.#run, `a line of run ${run} came after one of ${this.#run}`);
    if (run !== this.#run) this.printed = 0;
    this.#run = run;
    if (source === "stdout") assert.equal(text, `line ${this.printed++}`);
    this.lines.push(line);
  }
}
