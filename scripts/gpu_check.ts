/**
 * `deno run -A scripts/gpu_check.ts [--json] [--python PATH] [--rounds N]` checks on a machine with
 * GPUs what tests can only check with fake ones: detection, the placement of workers, their memory,
 * and their replacement. Without a GPU, it checks the placement on the processor. It prints a
 * report, and exits with 1 if a check failed.
 */
import { parseArgs } from "node:util";
import { messageOf } from "../src/errors.ts";
import type { Device } from "../src/hardware/mod.ts";
import { acceleratorsOf, describeDetection, detect } from "./gpu_check/detection.ts";
import { checkMemory, checkNoneIsLeft, gpuProcesses } from "./gpu_check/device_memory.ts";
import { NotRun, type Outcome, outcomeOf, tableOf, valueOf } from "./gpu_check/outcome.ts";
import { checkDriver, checkPlacement, checkTorch, type Placed } from "./gpu_check/placement.ts";
import { ProbedHost } from "./gpu_check/probed_host.ts";
import { checkStartFirst, checkStopFirst } from "./gpu_check/replacement.ts";

const USAGE = "usage: deno run -A scripts/gpu_check.ts [--json] [--python PATH] [--rounds N]";
const WORKERS_PER_DEVICE = 2;
const ROUNDS = 5;

interface Options {
  readonly rounds: number;
  readonly python?: string;
}

/** Runs all checks, and returns their outcomes in order. */
async function examine(options: Options): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const info = await valueOf(outcomes, "detection", async () => {
    const detection = await detect();
    return { value: detection.info, text: describeDetection(detection) };
  });
  if (info === undefined) return outcomes;
  const accelerators = acceleratorsOf(info);
  outcomes.push(await outcomeOf("accelerators", () => describeAccelerators(accelerators)));
  const host = await valueOf(outcomes, "start", async () => {
    const host = await ProbedHost.start({
      hasAccelerator: accelerators.length > 0,
      workersPerDevice: WORKERS_PER_DEVICE,
      ...(options.python === undefined ? {} : { python: options.python }),
    });
    return { value: host, text: `${host.pids.size} workers are ready` };
  });
  if (host === undefined) return outcomes;
  const ifCuda = async (check: () => Promise<string>): Promise<string> => {
    if (accelerators[0]?.kind !== "cuda") throw new NotRun("only for CUDA devices");
    return await check();
  };
  const placed = async (): Promise<Placed> => ({
    reports: await host.reports("stop"),
    devices: accelerators,
    workersPerDevice: WORKERS_PER_DEVICE,
  });
  const checkHeld = async (): Promise<string> =>
    checkMemory(await host.reports("stop"), info.devices, await gpuProcesses());
  outcomes.push(
    await outcomeOf("placement", async () => checkPlacement(await placed())),
    await outcomeOf("driver", () => ifCuda(async () => checkDriver(await placed()))),
    await outcomeOf("torch", async () => checkTorch(await placed())),
    await outcomeOf("memory", () => ifCuda(checkHeld)),
    await outcomeOf("stop_first", () => checkStopFirst(host, options.rounds)),
    await outcomeOf("start_first", () => checkStartFirst(host)),
    await outcomeOf("stop", () => stopped(host)),
    await outcomeOf("memory left", () => ifCuda(() => checkNoneIsLeft(host.pids))),
  );
  return outcomes;
}

function describeAccelerators(accelerators: readonly Device[]): string {
  if (accelerators.length > 0) return accelerators.map((it) => `${it.id} ${it.name}`).join(", ");
  throw new NotRun("this machine has no accelerator, so the workers run on the processor");
}

async function stopped(host: ProbedHost): Promise<string> {
  await host[Symbol.asyncDispose]();
  return "the host and its workers have ended";
}

function readOptions(args: readonly string[]): Options & { readonly json: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean" },
      python: { type: "string" },
      rounds: { type: "string" },
    },
  });
  const rounds = Number(values.rounds ?? ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000) {
    throw new Error(`--rounds: given ${values.rounds}; allowed: a whole number from 1 to 1000`);
  }
  const { json = false, python } = values;
  return { json, rounds, ...(python === undefined ? {} : { python }) };
}

async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`);
    return 2;
  }
  const outcomes = await examine(options);
  console.log(options.json ? JSON.stringify(outcomes, null, 2) : tableOf(outcomes));
  return outcomes.some(({ state }) => state === "failed") ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
