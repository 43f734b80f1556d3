import type { Bench, Subject } from "../bench.ts";
import { type HttpServer, PAYLOAD } from "../contender.ts";
import { startHttpLoad } from "../host_process.ts";
import { HTTP_SERVERS } from "../peers/http_servers.ts";
import { cpuMicros } from "../process_stats.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const CONNECTIONS = 32;

/** The same small call over HTTP. */
export const http: Workload = {
  name: "http",
  summary: "100 bytes there and back over HTTP, 32 connections",
  contenders: Object.keys(HTTP_SERVERS),
  async run(bench: Bench): Promise<Result[]> {
    await using resources = new AsyncDisposableStack();
    const load = resources.use(await startHttpLoad());
    const servers: [string, HttpServer][] = [];
    for (const [name, start] of Object.entries(HTTP_SERVERS)) {
      if (!bench.wants(name)) continue;
      try {
        servers.push([name, resources.use(await start(bench))]);
      } catch (error) {
        bench.skip(name, error);
      }
    }
    bench.say(`http: ${CONNECTIONS} connections`);
    const subjects = servers.map(([name, { pid, port, path, body }]): Subject => ({
      name,
      measure: async ({ durationMs }) => {
        const before = cpuMicros(pid);
        const expected = PAYLOAD.value;
        const figures = await load.run({
          ...{ do: "http", port, path, body, expected },
          ...{ connections: CONNECTIONS, durationMs },
        });
        return {
          ...figures,
          serverMicrosPerCall: (cpuMicros(pid) - before) / (figures.calls ?? NaN),
        };
      },
    }));
    const { rounds, warmUpMs, roundMs } = bench.pace;
    const pace = { rounds, warmUpMs: 2 * warmUpMs, roundMs: 2 * roundMs };
    const medians = await bench.interleave(subjects, pace);
    return [{
      workload: "http",
      title: "Echo of 100 bytes over HTTP",
      about:
        `Keep-alive connections that each wait for their answer. fastapi: one uvicorn worker, ` +
        `which does the work in the process; hono: no Python behind it; snakeden: ${bench.workers} ` +
        "workers. CPU is that of the server's own process. The load generator is a Deno process of its own; " +
        "near 100 % of a core it is what limits.",
      variants: "connections",
      columns: [
        { key: "callsPerSecond", title: "calls/s", unit: "calls/s", better: "more", chart: true },
        { key: "p50Ms", title: "p50", unit: "ms", better: "less", chart: true },
        { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
        { key: "serverMicrosPerCall", title: "server CPU a call", unit: "µs", better: "less" },
        {
          key: "loadCpuPercent",
          title: "load generator",
          unit: "% of a core",
          better: "less",
          isAbsolute: true,
        },
      ],
      rows: rowsOf(`${CONNECTIONS}`, medians),
    }];
  },
};
