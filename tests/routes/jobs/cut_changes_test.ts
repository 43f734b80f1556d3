/** Tests changes of many jobs whose client leaves before they are done. */
import assert from "node:assert/strict";
import { newJobs } from "../../store/jobs/job_kit.ts";
import { type JobClient, jobClient } from "./job_client.ts";

const JOBS = 100_000;

/** A server whose client leaves while the third part of a change is carried out. */
class CutServer implements AsyncDisposable {
  readonly jobs: JobClient;
  readonly url: string;
  /** The parts of the change to be cut that were begun. */
  parts = 0;
  #isCutting = false;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #client = new AbortController();
  readonly #left = Promise.withResolvers<void>();
  #handled: Promise<unknown> = Promise.resolve();

  constructor() {
    const cut = async (): Promise<void> => {
      if (!this.#isCutting || ++this.parts !== 3) return;
      this.#client.abort();
      await this.#left.promise;
    };
    this.jobs = jobClient({
      wrap: (store) =>
        new Proxy(store, {
          get: (_, name) => {
            const member: unknown = Reflect.get(store, name, store);
            if (typeof member !== "function") return member;
            const call = member.bind(store);
            if (name !== "cancel" && name !== "retry") return call;
            return async (...given: unknown[]): Promise<unknown> => {
              await cut();
              return await call(...given);
            };
          },
        }),
    });
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      request.signal.addEventListener("abort", () => this.#left.resolve(), { once: true });
      const answer = this.#answer(request);
      this.#handled = answer.catch(() => {});
      return answer;
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Sends a change whose connection is cut; resolves when the server is done with it. */
  async sendCut(path: string, choice: object): Promise<void> {
    this.#isCutting = true;
    const sent = fetch(this.url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(choice),
      signal: this.#client.signal,
    });
    await assert.rejects(sent, { name: "AbortError" });
    await this.#handled;
    this.#isCutting = false;
  }

  async countOf(state: string): Promise<number> {
    const counts = await this.jobs.store.counts();
    return counts.find((it) => it.state === state)?.count ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.jobs[Symbol.asyncDispose]();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { method, headers, signal } = request;
    const body = await request.bytes();
    return await this.jobs.request(pathname, { method, headers, body, signal });
  }
}

for (
  const [verb, from, to] of [
    ["cancel", "available", "cancelled"],
    ["retry", "cancelled", "available"],
  ] as const
) {
  Deno.test(`POST /v1/jobs/${verb} of ${JOBS} jobs stops when the client leaves, and goes on when asked again`, async () => {
    await using server = new CutServer();
    const { store } = server.jobs;
    await store.submit(newJobs(JOBS, (i) => ({ pool: "default", tags: [`n:${i % 2}`] })));
    if (verb === "retry") {
      for (let next: string | undefined, isFirst = true; isFirst || next !== undefined;) {
        isFirst = false;
        ({ next } = await store.cancel({ filter: {} }, { after: next }));
      }
    }
    await server.sendCut(`/v1/jobs/${verb}`, { q: "n:1", state: from });
    assert.equal(server.parts, 3);
    const done = await server.countOf(to);
    assert.ok(done > 0 && done <= 3_000, `${done} jobs`);
    const again = await server.jobs.send("POST", `/v1/jobs/${verb}`, { q: "n:1", state: from });
    assert.deepEqual([again.status, again.body], [200, { count: JOBS / 2 - done }]);
    assert.deepEqual([await server.countOf(from), await server.countOf(to)], [JOBS / 2, JOBS / 2]);
  });
}
