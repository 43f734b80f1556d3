import process from "node:process";
import { HOST_ENV } from "../environment_names.ts";
import { messageOf, SnakedenError } from "../errors.ts";
import { endText, HostProcess } from "./host_process.ts";

/** The places where {@link findDeno} looks, and its bounds. */
export interface DenoSearch {
  /** The option `deno`. */
  readonly given: string | undefined;
  /** The version that Snakeden is tested with; an older minor version will not do. */
  readonly wanted: string;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/**
 * Returns the program `deno`. One that is named must do. If no other will, `npx` fetches it; what
 * is returned is the program itself, since `npx` would stand between the host and its parent.
 *
 * @throws {SnakedenError} `startup_failed` if there is none. Throws the reason of the signal.
 */
export async function findDeno(search: DenoSearch): Promise<string> {
  const { given, wanted } = search;
  const named = given ?? (process.env[HOST_ENV.deno] || undefined);
  if (named !== undefined) {
    const problem = await problemOf(named, search);
    if (problem === undefined) return named;
    const from = given === undefined ? HOST_ENV.deno : "deno";
    throw new SnakedenError("startup_failed", `Cannot start a host: ${from}: ${problem}`);
  }
  const problems: string[] = [];
  for (const program of [...ownDeno(), "deno"]) {
    const problem = await problemOf(program, search);
    if (problem === undefined) return program;
    problems.push(problem);
  }
  const script = "console.log(Deno.execPath())";
  const npx = await run("npx", ["-y", `deno@${wanted}`, "eval", script], search);
  const path = npx.stdout.trim().split("\n").at(-1) ?? "";
  if (npx.problem === undefined && path !== "") return path;
  problems.push(`npx deno@${wanted}: ${npx.problem ?? "it printed no path"}`);
  throw new SnakedenError(
    "startup_failed",
    `Cannot start a host: no Deno was found; install Deno ${wanted}, or pass its path as deno: ` +
      problems.join("; "),
  );
}

/** Returns the Deno that runs this program, unless the program is compiled into it. */
function ownDeno(): string[] {
  const { Deno } = globalThis as {
    readonly Deno?: { execPath(): string; readonly build: { readonly standalone: boolean } };
  };
  return Deno === undefined || Deno.build.standalone ? [] : [Deno.execPath()];
}

/** Returns what is wrong with a program; undefined if it will do. */
async function problemOf(program: string, search: DenoSearch): Promise<string | undefined> {
  const { problem, stdout } = await run(program, ["--version"], search);
  if (problem !== undefined) return `${program}: ${problem}`;
  const [, version] = /^deno (\d+\.\d+\.\d+)/.exec(stdout) ?? [];
  if (version === undefined) return `${program}: it is no Deno`;
  if (minor(version) >= minor(search.wanted)) return undefined;
  return `${program}: it is Deno ${version}; ${search.wanted} or later is needed`;
}

function minor(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 10_000 + minor;
}

async function run(
  command: string,
  args: readonly string[],
  { cwd, signal, onLine }: DenoSearch,
): Promise<{ readonly problem?: string; readonly stdout: string }> {
  signal.throwIfAborted();
  let stdout = "";
  let last = "";
  const env = { ...process.env as Record<string, string>, NO_COLOR: "1" };
  let child: HostProcess;
  try {
    child = await HostProcess.start({
      command,
      args,
      cwd,
      env,
      onLine: (line, from) => {
        if (from === "stdout") stdout += `${line}\n`;
        else onLine(last = line);
      },
    });
  } catch (error) {
    return { problem: messageOf(error), stdout };
  }
  const kill = (): void => child.kill();
  signal.addEventListener("abort", kill);
  const end = await child.exited;
  signal.removeEventListener("abort", kill);
  signal.throwIfAborted();
  if (end.exitCode === 0) return { stdout };
  return { problem: [`it ${endText(end)}`, last].filter(Boolean).join(": "), stdout };
}
