/**
 * Measures how soon a saved file is served under `dev`, with calls running all the time:
 * `deno run -A bench/reload.ts [--edits 100] [--size 2] [--carrier socket|grpc]`. Every third edit
 * is broken. Ends with status 1 if a call failed.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Snakeden } from "../mod.ts";
import { devPython } from "../scripts/dev_python.ts";

const CALLERS = 4;

function source(value: string): string {
  return `import time
from snakeden import tool

@tool
def version() -> str:
    return "${value}"

@tool
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "${value}"
`;
}

/** Returns the time from a save until a call returned what the new code returns. */
async function untilServed(den: Snakeden, value: string): Promise<number> {
  const savedAt = performance.now();
  while (await den.execute("version") !== value) await pause(2);
  return performance.now() - savedAt;
}

/** Returns the time from a save of broken code until the pool shows its error. */
async function untilRefused(den: Snakeden, changedAt: string | undefined): Promise<number> {
  const savedAt = performance.now();
  while (true) {
    const { reload } = den.pools.get("default");
    if (reload?.state === "failed" && reload.changedAt !== changedAt) break;
    await pause(2);
  }
  return performance.now() - savedAt;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function row(name: string, times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)} ms`;
  const cells = [`${times.length}`, at(0.5), at(0.9), at(0.99), at(1)];
  return name.padEnd(16) + cells.map((it) => it.padStart(9)).join("");
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      edits: { type: "string", default: "100" },
      size: { type: "string", default: "2" },
      carrier: { type: "string", default: "socket" },
    },
  });
  const carrier = values.carrier === "grpc" ? "grpc" : "socket";
  const folder = await Deno.makeTempDir({ prefix: "snakeden-bench-" });
  const file = join(folder, "texts.py");
  await Deno.writeTextFile(file, source("v0000"));
  const den = await Snakeden.start({
    dev: true,
    dataDir: join(folder, "data"),
    python: { executable: await devPython() },
    pools: [{
      name: "default",
      adapter: "texts",
      modulePaths: [folder],
      carrier,
      size: Number(values.size),
    }],
  });
  const failures: unknown[] = [];
  let answers = 0;
  let going = true;
  const callers = Array.from({ length: CALLERS }, async (_, i) => {
    while (going) {
      await den.execute("slow", { seconds: 0.02 * (i + 1) })
        .then(() => answers++, (error) => failures.push(error));
    }
  });
  const served: number[] = [];
  const refused: number[] = [];
  for (let edit = 1; edit <= Number(values.edits); edit++) {
    const value = `v${String(edit).padStart(4, "0")}`;
    const { changedAt } = den.pools.get("default").reload ?? {};
    const isBroken = edit % 3 === 2;
    await Deno.writeTextFile(file, isBroken ? `${source(value)}x = (${edit}\n` : source(value));
    if (isBroken) refused.push(await untilRefused(den, changedAt));
    else served.push(await untilServed(den, value));
  }
  going = false;
  await Promise.all(callers);
  await den.stop();
  await Deno.remove(folder, { recursive: true });
  console.log(
    `${carrier}, ${values.size} workers, ${CALLERS} callers: ${answers} calls answered, ` +
      `${failures.length} failed`,
  );
  console.log(`${"".padEnd(16)}    edits      p50      p90      p99      max`);
  console.log(row("good: served", served));
  console.log(row("broken: shown", refused));
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
