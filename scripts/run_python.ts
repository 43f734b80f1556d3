/**
 * `deno task run FILE.py [ARGUMENT...]`: prepares the Python that the script wants, as for a job,
 * and runs it. The script has the terminal, the standard streams and the working folder of the
 * caller; python/src/snakeden/_by_hand.py stands between, and leaves no process behind.
 */
import { delimiter, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../src/config/mod.ts";
import { messageOf, SnakedenError } from "../src/errors.ts";
import { ScriptFolders } from "../src/jobs/scripts/script_folders.ts";
import { ScriptEnvironments } from "../src/jobs/scripts/environments/mod.ts";
import { EXIT_CODES, ignoredSignals } from "../src/process/mod.ts";

const BY_HAND = fileURLToPath(new URL("../python/src/snakeden/_by_hand.py", import.meta.url));
/** The signals that stop a script, and the exit statuses of a script that they have ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Runs a script to its end; returns its exit status. */
async function runPython(file: string, args: readonly string[]): Promise<number> {
  const stopped = new AbortController();
  let status: number | undefined;
  let child: Deno.ChildProcess | undefined;
  const ignored = await ignoredSignals();
  for (const [name, itsStatus] of Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]) {
    // With its first listener Deno takes over all signals, and ends for one that has none.
    Deno.addSignalListener(name, () => {
      if (ignored.has(name)) return;
      status ??= itsStatus;
      if (child === undefined) stopped.abort();
      else forward(child, name);
    });
  }
  const { dataDir, python, jobs } = await loadConfig();
  using environments = new ScriptEnvironments({ dataDir, executable: python.executable });
  try {
    // As for a job, those of its folder count if it has no metadata of its own.
    const folder = await new ScriptFolders(jobs.scriptFolders).folderOf(resolve(file));
    using prepared = await environments.prepare(resolve(file), folder, {
      name: file,
      signal: stopped.signal,
      onProgress: (line) => console.error(line),
    });
    const paths = [prepared.env.PYTHONPATH, Deno.env.get("PYTHONPATH")].filter(Boolean);
    child = new Deno.Command(prepared.python, {
      args: [
        "-I",
        "-S",
        BY_HAND,
        `${Deno.pid}`,
        [...ignored].join(),
        prepared.python,
        file,
        ...args,
      ],
      env: { ...prepared.env, PYTHONPATH: paths.join(delimiter) },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    return (await child.status).code;
  } catch (error) {
    if (status !== undefined) return status;
    throw error;
  }
}

function forward(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has just ended.
  }
}

async function main([file, ...args]: readonly string[]): Promise<number> {
  try {
    return await runPython(file ?? "", args);
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    console.error(`snakeden: ${messageOf(error)}`);
    return EXIT_CODES.failed;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
