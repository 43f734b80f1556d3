/**
 * `deno task types` writes TypeScript for the Python tools of a configuration, so that the compiler
 * checks their calls; docs/types.md describes the file. Like a first start, it builds the Python
 * environments that are missing. `--check` fails if the file is stale. Relative paths start at the
 * working directory.
 */
import { dirname, join, resolve } from "node:path";
import { type Config, loadConfig } from "../src/config/mod.ts";
import { messageOf, SnakedenError } from "../src/errors.ts";
import { assertSupportedSystem } from "../src/host/mod.ts";
import { StopSignals } from "../src/process/mod.ts";
import { hostToolStubs, toolTypes } from "../src/types_gen/mod.ts";
import { readTypesFlags, type TypesFlags, USAGE } from "./tool_types/command_line.ts";
import { hostToolsOf } from "./tool_types/host_tools.ts";
import { poolTools } from "./tool_types/pool_tools.ts";
import { firstDifference, writeWholeFile } from "./tool_types/written_file.ts";

/** The name of the file, if the command line has none. */
const DEFAULT_NAME = "snakeden.types.ts";

/** The name of the module in the folder of `--stubs`. */
const STUBS_NAME = "snakeden_host_tools.py";

/** The exit status for a wrong command line. */
const USAGE_ERROR = 2;

interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** Makes the files that the flags ask for. */
async function generate(flags: TypesFlags, signal: AbortSignal): Promise<GeneratedFile[]> {
  let configPath: string | undefined;
  const config: Config = await loadConfig({
    ...(flags.config === undefined ? {} : { file: flags.config }),
    onFile: (path) => configPath = path,
  });
  const beside = configPath === undefined ? Deno.cwd() : dirname(configPath);
  const hostTools = hostToolsOf(config);
  const tools = await poolTools(config, { signal, onProgress: (line) => console.error(line) });
  const out = flags.out === undefined ? join(beside, DEFAULT_NAME) : resolve(flags.out);
  const types = { path: out, text: toolTypes([...hostTools, ...tools]) };
  if (flags.stubs === undefined) return [types];
  return [types, { path: resolve(flags.stubs, STUBS_NAME), text: hostToolStubs(hostTools) }];
}

async function runTypes(flags: TypesFlags, signal: AbortSignal): Promise<number> {
  assertSupportedSystem();
  const files = await generate(flags, signal);
  signal.throwIfAborted();
  let stale = 0;
  for (const { path, text } of files) {
    const difference = await firstDifference(path, text);
    if (difference === undefined) {
      console.log(`up to date: ${path}`);
    } else if (flags.check) {
      stale++;
      console.error(`stale: ${path}: ${difference}\nrun \`deno task types\``);
    } else {
      await writeWholeFile(path, text);
      console.log(`written: ${path}`);
    }
  }
  return stale === 0 ? 0 : 1;
}

async function main(args: readonly string[]): Promise<number> {
  let flags: TypesFlags;
  try {
    flags = readTypesFlags(args);
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return USAGE_ERROR;
  }
  if (flags.help) {
    console.log(USAGE);
    return 0;
  }
  using signals = await StopSignals.listen();
  try {
    return await runTypes(flags, signals.stop);
  } catch (error) {
    if (signals.request !== undefined) return signals.request.status;
    if (!(error instanceof SnakedenError)) throw error;
    console.error(`snakeden: ${messageOf(error)}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
