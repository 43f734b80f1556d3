/**
 * Sets, lists and deletes 1,000,000 variables of one session, and prints the rates, the memory of
 * the host, and the longest time for which the event loop was held up:
 * `deno run -A scripts/many_variables.ts [count]`.
 */
import { Snakeden, SnakedenError } from "../mod.ts";
import { devPython } from "./dev_python.ts";

const BATCH = 1_000;
const BATCHES_AT_ONCE = 4;

/**
 * Measures the longest time for which the event loop worked without a turn. Counts the time of this
 * thread on a processor, so other programs do not matter.
 */
class Turns implements Disposable {
  #last = busyMs();
  #longestMs = 0;
  readonly #timer = setInterval(() => this.#turn(), 1);

  #turn(): void {
    const now = busyMs();
    this.#longestMs = Math.max(this.#longestMs, now - this.#last);
    this.#last = now;
  }

  /** Returns the longest time since the last call. */
  take(): number {
    this.#turn();
    const longest = this.#longestMs;
    this.#longestMs = 0;
    return longest;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Returns the time for which this thread was on a processor. */
function busyMs(): number {
  const [nanoseconds] = Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ");
  return Number(nanoseconds) / 1e6;
}

async function measure(what: string, count: number, work: () => Promise<void>): Promise<void> {
  turns.take();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1_000;
  const rss = Math.round(Deno.memoryUsage().rss / 2 ** 20);
  console.log(
    `${what}: ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second; ` +
      `longest hold ${turns.take().toFixed(0)} ms; ${rss} MiB`,
  );
}

const count = Number(Deno.args[0] ?? 1_000_000);
const dataDir = await Deno.makeTempDir({ prefix: "snakeden-many-" });
using turns = new Turns();
try {
  await using den = await Snakeden.start({
    dataDir,
    pools: [{ name: "default", size: 1 }],
    python: { executable: await devPython() },
    sessions: { maxVariables: count },
  });
  const { variables } = await den.sessions.open("many");
  await measure("set", count, async () => {
    let next = 0;
    const writer = async (): Promise<void> => {
      while (next < count) {
        const first = next;
        next += BATCH;
        const items = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => ({
          name: `v${first + i}`,
          value: i,
        }));
        const results = await variables.setMany(items);
        const bad = results.find(({ ok }) => !ok);
        if (bad !== undefined) throw new Error(`${bad.name} was not set`);
      }
    };
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, writer));
  });
  await measure("one more is refused", 1, async () => {
    const error = await variables.set("more", 1).catch((it: unknown) => it);
    if (!(error instanceof SnakedenError)) throw new Error("it was not refused");
    console.log(error.message);
  });
  await measure("list", count, async () => {
    let found = 0;
    let cursor: string | undefined;
    do {
      const page = await variables.list({ limit: 1_000, ...(cursor && { cursor }) });
      found += page.items.length;
      cursor = page.cursor;
    } while (cursor !== undefined);
    if (found !== count) throw new Error(`${found} were listed`);
  });
  await measure("delete the session", count, async () => {
    await den.sessions.delete("many");
  });
  await measure("stop, which waits for their removal", count, () => den.stop());
} finally {
  await Deno.remove(dataDir, { recursive: true });
}
