import { fileURLToPath } from "node:url";
import type { Bench, Subject } from "../bench.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const SIZES = [1, 16, 100];
const HOST = fileURLToPath(new URL("../prefork/host.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** The start of workers that import numpy, by launcher. */
export const prefork: Workload = {
  name: "prefork",
  summary: "time, CPU and memory of workers that are spawned, and of workers that are forked",
  contenders: ["prefork", "spawn"],
  async run(bench: Bench): Promise<Result[]> {
    const rows: Row[] = [];
    for (const workers of bench.pace.quick ? SIZES.slice(0, 2) : SIZES) {
      bench.say(`prefork: ${workers} workers`);
      // A hundred interpreters at once would measure the memory of the machine.
      const names = workers > 16 ? ["prefork"] : prefork.contenders;
      const subjects = names.filter((it) => bench.wants(it)).map((name): Subject => ({
        name,
        measure: () => measure(name, workers),
      }));
      const rounds = workers > 16 ? 1 : bench.pace.rounds;
      const medians = await bench.interleave(subjects, { rounds, warmUpMs: 0, roundMs: 0 });
      rows.push(...rowsOf(`${workers}`, medians));
    }
    return [{
      workload: "prefork",
      title: "Workers with numpy, forked and spawned",
      about:
        "All workers of a pool are killed at once; the pool has detected that, and all new ones " +
        "take calls. The goals with prefork: 16 in 500 ms, 100 in 3,000 ms, less than 8 MiB of " +
        "private memory, and 60 ms until a call that had no worker is answered.",
      variants: "workers",
      columns: [
        { key: "readyMs", title: "all ready again", unit: "ms", better: "less", chart: true },
        { key: "firstAnswerMs", title: "first answer", unit: "ms", better: "less", chart: true },
        { key: "coldMs", title: "from nothing", unit: "ms", better: "less" },
        { key: "privateMib", title: "private memory", unit: "MiB", better: "less", chart: true },
        { key: "workerCpuMs", title: "CPU of a worker", unit: "ms", better: "less" },
        { key: "hostCpuMs", title: "CPU of the host", unit: "ms a worker", better: "less" },
      ],
      rows,
    }];
  },
};

async function measure(launcher: string, workers: number): Promise<Record<string, number>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${CONFIG}`, HOST, launcher, `${workers}`],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${launcher} with ${workers}: ${text.decode(stderr)}`);
  return JSON.parse(text.decode(stdout).trim().split("\n").at(-1) ?? "");
}
