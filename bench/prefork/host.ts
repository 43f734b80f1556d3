/** Measures one pool with one launcher: `host.ts LAUNCHER WORKERS`. Prints figures as JSON. */
import { fileURLToPath } from "node:url";
import { Snakeden } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { cpuMicros, privateBytes } from "../process_stats.ts";

const MIB = 2 ** 20;
const [launcher = "", workers = ""] = Deno.args;
const forks = launcher === "prefork";
const size = Number(workers);
const dataDir = await Deno.makeTempDir({ prefix: "snakeden-bench-" });
const begun = performance.now();
const den = await Snakeden.start({
  dataDir,
  logLevel: "error",
  python: { executable: await devPython() },
  pools: [{
    name: "default",
    adapter: "sums",
    modulePaths: [fileURLToPath(new URL(".", import.meta.url))],
    launcher: forks ? "prefork" : "spawn",
    preload: forks ? ["numpy"] : [],
    size,
    startConcurrency: 16,
  }],
});
const coldMs = performance.now() - begun;
const first = den.workers.list();
if (first.length !== size) throw new Error(`only ${first.length} of ${size} workers are ready`);
const cpuBefore = cpuMicros(Deno.pid);

// The template is there now. All workers are killed at once, and started anew.
const old = new Set(first.map(({ pid }) => pid));
const killed = performance.now();
for (const pid of old) if (pid !== undefined) Deno.kill(pid, "SIGKILL");
let firstAnswerMs = 0;
const answered = (async (): Promise<void> => {
  const isServing = (): boolean =>
    den.workers.list().some(({ pid, state }) => old.has(pid) && state === "ready");
  while (isServing()) await turn();
  const result = await den.execute("total", { count: 10 });
  if (result !== 45) throw new Error(`the answer is ${result}`);
  firstAnswerMs = performance.now() - killed;
})();
const isReady = (): boolean =>
  den.workers.list().filter(({ pid, state }) => !old.has(pid) && state !== "starting").length ===
    size;
while (!isReady()) await turn();
const readyMs = performance.now() - killed;
await answered;
const hostCpuMs = (cpuMicros(Deno.pid) - cpuBefore) / 1_000 / size;
const pids = den.workers.list().flatMap(({ pid }) => pid ?? []);
const launchers = new Set(den.workers.list().map((it) => it.launcher));
if (launchers.size !== 1 || !launchers.has(forks ? "prefork" : "spawn")) {
  throw new Error(`the launchers are ${[...launchers]}`);
}
const mean = (of: (pid: number) => number): number =>
  pids.reduce((sum, pid) => sum + of(pid), 0) / pids.length;
console.log(JSON.stringify({
  coldMs,
  readyMs,
  firstAnswerMs,
  privateMib: mean(privateBytes) / MIB,
  workerCpuMs: mean(cpuMicros) / 1_000,
  hostCpuMs,
}));
await den.stop();
await Deno.remove(dataDir, { recursive: true });

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
