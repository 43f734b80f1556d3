import { join } from "node:path";
import { setImmediate } from "node:timers";
import { messageOf } from "../../errors.ts";
import { isGranted } from "../../granted.ts";
import { PROGRAM_ENV, spawnGroup } from "../../process/mod.ts";
import type { HardwareProblem } from "../hardware_info.ts";
import type { FullProbeOptions } from "./probe_options.ts";
import { textLine } from "./readings.ts";
import { followTool, MAX_OUTPUT_BYTES, type ToolRun } from "./tool_output.ts";

/** The output of a tool. */
export interface ToolOutput {
  /** The standard output; only its complete lines if the tool was killed. */
  readonly stdout: string;
  /** The reason why the tool did not end well; null if it did. */
  readonly problem: HardwareProblem | null;
}

/** The part of an output in which a line for a person is looked for. */
const MAX_TEXT_CHARS = 4_096;

/** The variables of the host that tools see. None is secret. */
const TOOL_ENV: readonly string[] = [...PROGRAM_ENV, "ROCM_PATH"];

/**
 * Runs a vendor's tool in a process group of its own. The whole group is killed when the tool ends,
 * after `limitMs`, when it prints more than {@link MAX_OUTPUT_BYTES}, and when the signal aborts.
 * Never rejects; the caller checks the signal when all of its tools have ended.
 */
export async function runTool(
  [tool = "", ...args]: readonly string[],
  options: FullProbeOptions,
): Promise<ToolOutput> {
  // Deno kills process groups only for programs that may run everything.
  if (!isGranted({ name: "run" })) {
    const text = `${tool} was not run: the permission --allow-run, for all programs, is missing`;
    return nothing({ probe: tool, what: "denied", text });
  }
  const env = toolEnv(options);
  let child: Deno.ChildProcess | null;
  try {
    child = await options.starts.enter(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const isAborted = options.signal?.aborted ?? false;
      return isAborted ? null : spawnGroup({ command: tool, args, env, stdin: "null" });
    });
  } catch (error) {
    return nothing(await startProblem(tool, env["PATH"] ?? "", error));
  }
  if (child === null) return nothing(stopped(tool));
  const run = await followTool(child, options);
  const problem = endProblem(tool, run, options.limitMs);
  return { stdout: run.end === "too much" ? "" : run.stdout, problem };
}

function stopped(tool: string): HardwareProblem {
  return { probe: tool, what: "failed", text: `${tool} was stopped by the caller` };
}

function nothing(problem: HardwareProblem): ToolOutput {
  return { stdout: "", problem };
}

function toolEnv({ env, folders }: FullProbeOptions): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of TOOL_ENV) {
    const value = env(name);
    if (value !== undefined) values[name] = value;
  }
  // Some tools write numbers and texts as the locale does.
  values["LC_ALL"] = "C";
  values["PATH"] = [values["PATH"] ?? "", ...folders].filter((it) => it !== "").join(":");
  return values;
}

async function startProblem(
  tool: string,
  path: string,
  error: unknown,
): Promise<HardwareProblem> {
  if (error instanceof Deno.errors.NotFound) {
    const file = await findFile(tool, path.split(":"));
    if (file === null) {
      return { probe: tool, what: "missing", text: `${tool} is not installed (not on PATH)` };
    }
    if (!file.isExecutable) {
      return { probe: tool, what: "denied", text: `${file.path} is not executable` };
    }
  }
  const isDenied = error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
  const text = `${tool} could not be started: ${textLine(messageOf(error))}`;
  return { probe: tool, what: isDenied ? "denied" : "failed", text };
}

/** Looks for the file of a tool that could not be started, to tell why. */
async function findFile(
  tool: string,
  folders: readonly string[],
): Promise<{ readonly path: string; readonly isExecutable: boolean } | null> {
  for (const folder of folders) {
    const path = join(folder, tool);
    if (!isGranted({ name: "read", path })) continue;
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isFile) return { path, isExecutable: ((info.mode ?? 0) & 0o111) !== 0 };
  }
  return null;
}

function endProblem(
  tool: string,
  { end, stdout, stderr }: ToolRun,
  limitMs: number,
): HardwareProblem | null {
  if (end === "aborted") return stopped(tool);
  if (end === "too much") {
    const text = `${tool} printed more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB and was killed`;
    return { probe: tool, what: "unreadable", text: `${text}; ${said(stdout, stderr)}` };
  }
  if (end === "timeout") {
    const text = `${tool} did not end within ${limitMs} ms and was killed`;
    return { probe: tool, what: "timeout", text: `${text}; ${said(stdout, stderr)}` };
  }
  if (end.success) return null;
  const how = end.signal === null
    ? `exited with status ${end.code}`
    : `was killed by ${end.signal}`;
  return { probe: tool, what: "failed", text: `${tool} ${how}; ${said(stderr, stdout)}` };
}

function said(...texts: readonly string[]): string {
  const text = texts.map(firstLine).find((it) => it !== "");
  return text === undefined ? "it printed nothing" : `it printed: ${text}`;
}

/** Returns the first line that says something; of a Python traceback, the last one. */
function firstLine(text: string): string {
  const start = text.slice(0, MAX_TEXT_CHARS).trimStart();
  const line = start.startsWith("Traceback ")
    ? text.slice(-MAX_TEXT_CHARS).trimEnd().split("\n").at(-1)
    : start.split("\n", 1)[0];
  return textLine(line ?? "");
}
