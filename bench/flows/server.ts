import { join } from "node:path";
import type { SnakedenOptions } from "snakeden";
import type { Bench } from "../bench.ts";
import type { ClientCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import { startSnakedenServer } from "../peers/http_servers.ts";
import { FLOW_POOL } from "./flow_pool.ts";

/** A server with the tools in bench/flows, and the process of its client. */
export interface FlowsServer extends AsyncDisposable {
  readonly client: MeasuringProcess<ClientCommand>;
}

/** Starts a server and its client. Each has a name of its own. */
export async function startFlowsServer(
  { installation }: Bench,
  { name, workers, limits = {} }: {
    readonly name: string;
    readonly workers: number;
    readonly limits?: NonNullable<SnakedenOptions["limits"]>;
  },
): Promise<FlowsServer> {
  await using resources = new AsyncDisposableStack();
  const { port } = resources.use(
    await startSnakedenServer({
      pools: [{ ...FLOW_POOL, size: workers }],
      python: { executable: installation.python },
      limits,
    }, { dataDir: join(HOME, `flows-${name}`), path: "", body: "" }),
  );
  const client = resources.use(
    await MeasuringProcess.start<ClientCommand>("bench/flows/client.ts", [String(port)]),
  );
  const all = resources.move();
  return { client, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
