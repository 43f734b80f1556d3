/** A service that waits before it answers each line, as one at the other end of the world does. */
export class SlowPrices implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;
  /** The number of connections since the last look. */
  connections = 0;
  /** The most requests that have waited at the same time since the last look. */
  busiest = 0;
  #waiting = 0;

  constructor(readonly delayMs: number) {
    this.#serving = this.#serve();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) connection.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.connections++;
      this.#open.add(connection);
      this.#answer(connection).catch(() => {}).finally(() => {
        if (this.#open.delete(connection)) connection.close();
      });
    }
  }

  /** One request is on its way at a time, so each read is one line. */
  async #answer(connection: Deno.Conn): Promise<void> {
    const line = new Uint8Array(100);
    for (let bytes = await connection.read(line); bytes; bytes = await connection.read(line)) {
      this.busiest = Math.max(this.busiest, ++this.#waiting);
      await new Promise((resolve) => setTimeout(resolve, this.delayMs));
      this.#waiting--;
      await connection.write(new TextEncoder().encode(`${100 * bytes}\n`));
    }
  }
}
