import { GatheredLines } from "../command/mod.ts";

/**
 * Work beside a wait, such as for the lines of a log. If some of it fails, {@link SideWork.signal}
 * aborts with its error, which ends the wait and the rest.
 */
export class SideWork implements AsyncDisposable {
  /** Aborts with the reason of the caller, or with the error of the work. */
  readonly signal: AbortSignal;
  readonly #ending = new AbortController();
  readonly #work: Promise<void>[] = [];

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#ending.signal]);
  }

  start(work: (signal: AbortSignal) => Promise<void>): void {
    const running = work(this.signal);
    running.catch((error) => this.#ending.abort(error));
    this.#work.push(running);
  }

  /** Waits for the end of all work. */
  async finished(): Promise<void> {
    await Promise.all(this.#work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#work);
  }
}

/** Writes texts as lines while they come, those that come close together at once. */
export async function pumped(
  texts: AsyncGenerator<string, void, undefined>,
  { write }: { readonly write: (texts: readonly string[]) => Promise<void> },
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  const lines = new GatheredLines(write, (error) => failed.reject(error));
  const all = async (): Promise<void> => {
    for await (const text of texts) await lines.add(text);
  };
  const running = all();
  try {
    await Promise.race([running, failed.promise]);
  } finally {
    // What came before a broken connection, or before Ctrl-C, was asked for.
    await lines.flush();
  }
}
