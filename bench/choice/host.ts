/**
 * The host process of the workload `choice`: one pool, whose calls are all made at once. Run it as
 * `host.ts OPTIONS`, with the options as JSON; it then takes commands.
 */
import { fileURLToPath } from "node:url";
import { Snakeden } from "../../mod.ts";
import { loadProgramConfig } from "../../src/config/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { type ChoiceCommand, say, serveCommands } from "../commands.ts";
import type { Figures } from "../measure.ts";
import { pssBytes, sumOf } from "../process_stats.ts";

/** The options of the host process. */
export interface ChoiceHostOptions {
  /** The Python with the packages of a worker. */
  readonly python: string;
  /** A folder that no other host uses at the same time. */
  readonly dataDir: string;
  /** The keys of the pool that make its kind. */
  readonly pool: Readonly<Record<string, unknown>>;
}

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const MIB = 2 ** 20;

async function run(den: Snakeden, command: ChoiceCommand): Promise<Figures> {
  const { tool, args, calls, durationMs } = command;
  const call = (): Promise<unknown> => den.execute(tool, args);
  if (durationMs === undefined) {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: calls }, call));
    return { allMs: performance.now() - startedAt };
  }
  const until = performance.now() + durationMs;
  let done = 0;
  async function caller(): Promise<void> {
    while (performance.now() < until) {
      await call();
      done++;
    }
  }
  await Promise.all(Array.from({ length: calls }, caller));
  const pids = den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
  return { callsPerSecond: done * 1000 / durationMs, mebibytes: sumOf(pids, pssBytes) / MIB };
}

if (import.meta.main) {
  try {
    const { python, dataDir, pool }: ChoiceHostOptions = JSON.parse(Deno.args[0] ?? "{}");
    const { config } = await loadProgramConfig({
      dataDir,
      python: { executable: python },
      pools: [{ name: "default", adapter: "choice_tools", modulePaths: [FOLDER], ...pool }],
    });
    await using den = await Snakeden.start(config);
    await den.health.awaitReady();
    await serveCommands({ pids: [], figures: {} }, (it: ChoiceCommand) => run(den, it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
