import os from "node:os";
import { ROOT } from "./installation.ts";

/** The machine of a run. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly deno: string;
  readonly python: string;
  /** The mean number of processes that wanted a core in the last minute. */
  readonly loadBefore: number;
}

/** Describes this machine. `python` is the version that runs everything. */
export function describeMachine(python: string): Machine {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryGib: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    deno: Deno.version.deno,
    python,
    loadBefore: os.loadavg()[0] ?? NaN,
  };
}

/** Returns the machine as one line. */
export function machineLine(machine: Machine): string {
  const { cores, cpu, memoryGib, system, deno, python, commit, loadBefore } = machine;
  return `${cores} cores of ${cpu}, ${memoryGib} GiB, ${system}; Deno ${deno}, Python ${python}; ` +
    `commit ${commit}; load before: ${loadBefore.toFixed(1)}`;
}

/** Returns the commit, or `unknown` in a checkout without git. */
function commit(): string {
  try {
    const git = (...args: string[]): string =>
      new TextDecoder().decode(
        new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).outputSync().stdout,
      ).trim();
    const changed = git("status", "--porcelain") === "" ? "" : " with changes";
    return `${git("rev-parse", "--short", "HEAD") || "unknown"}${changed}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "unknown";
    throw error;
  }
}
