import { setTimeout as delay } from "node:timers/promises";
import { Snakeden, type SnakedenOptions } from "snakeden";
import { type Contender, PAYLOAD, type StartOptions } from "../contender.ts";
import { WORKER_REQUIREMENTS } from "../installation.ts";

const MIB = 2 ** 20;

/** Starts Snakeden as a library, with the demo adapter. Resolves when every worker is ready. */
export async function start(options: StartOptions): Promise<Contender> {
  const { workers, dataDir, queueLimit } = options;
  const pool = {
    name: "default",
    size: workers,
    ...(queueLimit === undefined ? {} : { queueLimit }),
  };
  const den = await Snakeden.start(
    {
      dataDir,
      pools: [pool],
      python: { requirements: [WORKER_REQUIREMENTS] },
      limits: { maxResultBytes: 256 * MIB },
      readyTimeoutMs: 60_000,
    } satisfies SnakedenOptions,
  );
  await allReady(den, workers);
  return {
    get pids(): number[] {
      return den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
    },
    async echo(): Promise<void> {
      if (await den.execute("echo", PAYLOAD) !== PAYLOAD.value) throw new Error("wrong echo");
    },
    async echoArray(array): Promise<void> {
      const echoed: unknown = await den.execute("echo", { value: array });
      const elements = echoed instanceof Float64Array
        ? echoed
        : Reflect.get(Object(echoed), "data");
      if (elements?.length !== array.length || elements.at(-1) !== array.at(-1)) {
        throw new Error("wrong array");
      }
    },
    async stream(n, onChunk): Promise<void> {
      for await (const chunk of den.stream("counter", { n })) {
        const pause = onChunk(chunk);
        if (pause !== undefined) await pause;
      }
    },
    async sleep(seconds): Promise<void> {
      await den.execute("sleep", { seconds });
    },
    [Symbol.asyncDispose]: () => den.stop(),
  };
}

/** Waits for all workers: a start ends with the first one. */
async function allReady(den: Snakeden, workers: number): Promise<void> {
  for (const until = performance.now() + 120_000; performance.now() < until; await delay(2)) {
    const states = den.workers.list().map(({ state }) => state);
    if (states.length === workers && states.every((it) => it === "ready")) return;
  }
  throw new Error(`not all workers are ready: ${JSON.stringify(den.pools.list())}`);
}
