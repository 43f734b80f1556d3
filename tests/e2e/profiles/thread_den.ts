import { join } from "node:path";
import type { Snakeden, SnakedenOptions } from "../../../mod.ts";
import { startDen, tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

type PoolOptions = Partial<NonNullable<SnakedenOptions["pools"]>[number]>;

export const CARRIERS = ["socket", "grpc"] as const;

/** A host with workers of several threads, and a folder by which a test steers their tools. */
export interface ThreadDen extends AsyncDisposable {
  readonly den: Snakeden;
  readonly folder: string;
  /** Starts a call of a tool that reports when it begins. */
  begin(
    tool: string,
    name: string,
    args?: Record<string, unknown>,
    options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<unknown>;
  /** Waits until a call has begun. */
  begun(...names: readonly string[]): Promise<void>;
  /** Lets a held call end. */
  go(...names: readonly string[]): Promise<void>;
  /** Waits until a call has reported that it was stopped. */
  seen(name: string): Promise<void>;
}

/** Starts one worker of four threads, unless `pool` says otherwise. */
export async function startThreads(pool: PoolOptions = {}): Promise<ThreadDen> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir()).path;
  const den = stack.use(
    await startDen({
      profile: "thread",
      threadsPerWorker: 4,
      size: 1,
      adapter: "side_by_side",
      timeoutMs: 60_000,
      ...pool,
    }),
  );
  const exists = async (name: string): Promise<boolean> =>
    await Deno.stat(join(folder, name)).catch(() => undefined) !== undefined;
  return {
    den,
    folder,
    begin: (tool, name, args = {}, options = {}) => {
      const ended = den.execute(tool, { folder, name, ...args }, options);
      ended.catch(() => {});
      return ended;
    },
    begun: async (...names) => {
      for (const name of names) await until(() => exists(`${name}.begun`), `${name} has begun`);
    },
    go: async (...names) => {
      for (const name of names) await Deno.writeTextFile(join(folder, `${name}.go`), "");
    },
    seen: async (name) => {
      await until(() => exists(`${name}.seen`), `${name} was stopped`);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
