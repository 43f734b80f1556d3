/**
 * The host process of the workload `bulk`: it runs items in bulk calls, or each in a call of its
 * own. Run it as `host.ts OPTIONS`, with the options as JSON; it then takes commands.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { loadProgramConfig } from "../../src/config/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { compose, type Host } from "../../src/host/mod.ts";
import { type BulkCommand, say, serveCommands } from "../commands.ts";
import type { Figures } from "../measure.ts";
import { cpuMicros, sumOf } from "../process_stats.ts";

/** The options of the host process. */
export interface BulkHostOptions {
  /** The Python with the packages of a worker. */
  readonly python: string;
  /** A folder that no other host uses at the same time. */
  readonly dataDir: string;
  readonly carrier: CarrierKind;
  readonly workers: number;
}

const TOOL = "noop";
const ADAPTERS = fileURLToPath(new URL(".", import.meta.url));

/** Runs all items; a few calls more than there are workers are on their way at a time. */
async function run(host: Host, command: BulkCommand): Promise<Figures> {
  const { items, itemsPerCall } = command;
  const pids = host.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
  const before = process.cpuUsage();
  const workersBefore = sumOf(pids, cpuMicros);
  const startedAt = performance.now();
  let next = 0;
  let ended = 0;
  async function caller(): Promise<void> {
    while (next < items) {
      const first = next;
      const count = Math.min(itemsPerCall, items - first);
      next += count;
      const texts = Array.from({ length: count }, (_, i) => `{"i":${first + i}}`);
      await host.calls.bulk({ tool: TOOL, items: texts, options: {} }, {
        onOutcomes: (outcomes) => {
          ended += outcomes.length;
        },
      });
    }
  }
  await Promise.all(Array.from({ length: pids.length + 1 }, caller));
  const seconds = (performance.now() - startedAt) / 1000;
  if (ended !== items) throw new Error(`${ended} of ${items} items have ended`);
  const { user, system } = process.cpuUsage(before);
  return {
    itemsPerSecond: items / seconds,
    hostMicros: (user + system) / items,
    workerMicros: (sumOf(pids, cpuMicros) - workersBefore) / items,
  };
}

if (import.meta.main) {
  try {
    const { python, dataDir, carrier, workers }: BulkHostOptions = JSON.parse(Deno.args[0] ?? "{}");
    const { config } = await loadProgramConfig({
      dataDir,
      python: { executable: python },
      pools: [{
        name: "default",
        adapter: "bulk_tools",
        modulePaths: [ADAPTERS],
        size: workers,
        carrier,
      }],
    });
    const host = await compose(config);
    await host.health.awaitReady();
    await serveCommands({ pids: [], figures: {} }, (it: BulkCommand) => run(host, it));
    await host.shutdown.run();
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
