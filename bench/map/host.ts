/**
 * The host process of the workload `map`: it makes maps in the library, and serves them over HTTP.
 * Run it as `host.ts OPTIONS`, with the options as JSON; it then takes commands.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Snakeden } from "snakeden";
import { messageOf } from "../../src/errors.ts";
import { createApp, Traffic } from "../../src/routes/mod.ts";
import { type MapCommand, say, serveCommands } from "../commands.ts";
import type { Figures } from "../measure.ts";

/** The options of the host process. */
export interface MapHostOptions {
  /** The Python with the packages of a worker. */
  readonly python: string;
  /** A folder that no other host uses at the same time. */
  readonly dataDir: string;
  readonly workers: number;
}

/** The tool of bulk_tools.py that is run. */
const TOOL = "noop";

const ADAPTERS = fileURLToPath(new URL("../bulk", import.meta.url));

function* numbers(count: number): Generator<{ readonly i: number }> {
  for (let i = 0; i < count; i++) yield { i };
}

/** Runs all items in one map of the library, and reads all results. */
async function run(den: Snakeden, { items }: MapCommand): Promise<Figures> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const results = await den.map<number>(TOOL, numbers(items));
  const seconds = (performance.now() - startedAt) / 1000;
  if (results.length !== items) throw new Error(`${results.length} of ${items} items have ended`);
  const { user, system } = process.cpuUsage(before);
  return { itemsPerSecond: items / seconds, hostMicros: (user + system) / items };
}

if (import.meta.main) {
  try {
    const { python, dataDir, workers }: MapHostOptions = JSON.parse(Deno.args[0] ?? "{}");
    await using den = await Snakeden.start({
      dataDir,
      python: { executable: python },
      pools: [{ name: "default", adapter: "bulk_tools", modulePaths: [ADAPTERS], size: workers }],
    });
    await den.health.awaitReady();
    using traffic = new Traffic(den.config.limits).start();
    const app = createApp(den, { version: "bench", traffic });
    await using server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
    }, app.fetch);
    const { port } = server.addr;
    await serveCommands({ pids: [], figures: { port } }, (it: MapCommand) => run(den, it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
