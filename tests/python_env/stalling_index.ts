/** Pages of packages that keep installers waiting. */
export class StallingIndex implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #anyStalled = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #allMet = Promise.withResolvers<void>();
  readonly #met = new Set<string>();
  #stalled = 0;

  /** @param meetings The number of names that {@link StallingIndex.meeting} waits for. */
  constructor(readonly meetings = 0) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(new URL(request.url).pathname),
    );
  }

  /** A page that never comes. */
  get stalls(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/stalls/`;
  }

  /** An empty page that comes as soon as somebody waits for {@link StallingIndex.stalls}. */
  get waits(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/waits/`;
  }

  /** An empty page that comes when all names were asked for, as many as `meetings`. */
  meeting(name: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}/meeting/${name}/`;
  }

  /** The number of requests that got no answer. */
  get stalled(): number {
    return this.#stalled;
  }

  async #answer(path: string): Promise<Response> {
    if (path.startsWith("/stalls")) {
      this.#stalled++;
      this.#anyStalled.resolve();
      await this.#closed.promise;
    } else if (path.startsWith("/meeting")) {
      if (this.#met.add(path).size >= this.meetings) this.#allMet.resolve();
      await Promise.race([this.#allMet.promise, this.#closed.promise]);
    } else {
      await this.#anyStalled.promise;
    }
    return new Response("<html></html>", { headers: { "content-type": "text/html" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.resolve();
    await this.#server.shutdown();
  }
}
