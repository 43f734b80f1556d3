import { dirname, relative } from "node:path";
import type { Config } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import { isGranted } from "../granted.ts";
import { warnVisibly } from "../log.ts";
import { INHERITED_ENV } from "../pool/mod.ts";
import { HOST_ENV } from "../process/mod.ts";
import { packagePath } from "../python_env/mod.ts";
import { pythonChoices } from "./open_python.ts";
import { runDirectoryRoot } from "./run_directory.ts";

/** A flag that a program lacks, and the reason why the host needs it. */
interface Lack {
  readonly flag: string;
  readonly why: string;
}

/** The folder of the Python package, and of the list of what it needs. */
const PYTHON_FOLDER = dirname(packagePath());

/** The settings that decide what the host needs. */
type Settings = Pick<Config, "dataDir" | "dev" | "jobs" | "python" | "pools">;

/**
 * Checks that the program may do what a host does, before the host does any of it: otherwise Deno
 * would ask at the terminal in the middle of the start, or each part would fail in its own way.
 * Warns of variables that the program may not read.
 *
 * @throws {SnakedenError} `startup_failed`, with every flag that is missing.
 */
export function assertPermitted(settings: Settings): void {
  const lacks = [
    ...runLacks(),
    ...netLacks(),
    ...readLacks(settings),
    ...writeLacks(settings),
    ...envLacks(settings),
  ];
  if (lacks.length > 0) {
    const list = lacks.map(({ flag, why }) => `\n  ${flag}: ${why}`).join("");
    throw new SnakedenError(
      "startup_failed",
      `Cannot start: this program was not granted all that Snakeden needs${list}\n` +
        "Add these flags to `deno run`; docs/library.md says what each is for",
      { details: { missing: lacks.map(({ flag }) => flag) } },
    );
  }
  warnOfUnreadable();
}

function runLacks(): Lack[] {
  if (isGranted({ name: "run" })) return [];
  const why = "workers are processes that Snakeden starts and ends; Deno allows ending a process " +
    "only without a list of programs";
  return [{ flag: "--allow-run", why }];
}

function netLacks(): Lack[] {
  if (isGranted({ name: "net" })) return [];
  const why = "workers connect to a Unix socket with a new name at each start, which no list of " +
    "addresses can name; no port is opened";
  return [{ flag: "--allow-net", why }];
}

function readLacks(settings: Settings): Lack[] {
  const { dataDir, dev, jobs, pools } = settings;
  const pythons = pythonChoices(settings);
  const executables = pythons.map(({ executable = "" }) => executable);
  const named = [...executables.filter(isPath), ...pythons.flatMap((it) => it.requirements ?? [])];
  const watched = dev ? pools.flatMap(({ modulePaths }) => modulePaths) : [];
  const scripts = jobs.scriptFolders.flatMap((it) =>
    typeof it === "string" ? it : [it.path, it.requirements ?? []].flat()
  );
  const paths = [
    ...[dataDir, runDirectoryRoot(dataDir), PYTHON_FOLDER],
    ...[...watched, ...named, ...scripts],
  ];
  // Without a path to an interpreter the start looks for one, which can be anywhere.
  const isSearching = !executables.every(isPath);
  const lacking = (isSearching ? ["/"] : paths).filter((path) => !mayRead(path));
  if (lacking.length === 0) return [];
  if (!isSearching) {
    const why = "the data directory, Snakeden's Python package, and the files that you have named";
    return [{ flag: `--allow-read=${flagPaths(lacking)}`, why }];
  }
  const why = "Python is looked for in the folders of PATH. With a path in python.executable or " +
    `${HOST_ENV.python}, --allow-read=${flagPaths(paths)} and that path suffice`;
  return [{ flag: "--allow-read", why }];
}

function writeLacks({ dataDir }: Settings): Lack[] {
  const lacking = [dataDir, runDirectoryRoot(dataDir)]
    .filter((path) => !isGranted({ name: "write", path }));
  if (lacking.length === 0) return [];
  const why = "the data directory, with the Python environment, the sockets of workers and the " +
    `store; choose another by dataDir or ${HOST_ENV.dataDir}`;
  return [{ flag: `--allow-write=${flagPaths(lacking)}`, why }];
}

/** The variables that the package of gRPC reads when it is loaded. */
const GRPC_VARIABLES = ["GRPC_NODE_VERBOSITY", "GRPC_VERBOSITY", "GRPC_NODE_TRACE", "GRPC_TRACE"];

function envLacks({ pools }: Settings): Lack[] {
  const names = ["PATH", ...pools.flatMap(({ inheritEnv }) => inheritEnv)];
  const lacking = [...new Set(names)].filter((name) => !mayReadVariable(name));
  const usesGrpc = pools.some(({ carrier }) => carrier === "grpc");
  if (usesGrpc && !GRPC_VARIABLES.every(mayReadVariable)) lacking.push("GRPC_*");
  if (lacking.length === 0) return [];
  if (!lacking.includes("PATH")) {
    const flag = `--allow-env=${lacking.join(",")}`;
    return [{ flag, why: "pools name these variables in inheritEnv, or need them for gRPC" }];
  }
  const why =
    "PATH, HOME and their like, which workers see too, and SNAKEDEN_*; a list must have " +
    `${lacking.join(" and ")}`;
  return [{ flag: "--allow-env", why }];
}

/** The number of names that a warning lists. */
const NAMES_SHOWN = 8;

function warnOfUnreadable(): void {
  const names = new Set([...Object.values(HOST_ENV), ...INHERITED_ENV]);
  const hidden = [...names].filter((name) => !mayReadVariable(name));
  if (hidden.length === 0) return;
  const more = hidden.length - NAMES_SHOWN;
  const list = `${hidden.slice(0, NAMES_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  warnVisibly(
    "server",
    `this program may not read the variables ${list}: workers start without them, and those of ` +
      "Snakeden have no effect; run it with --allow-env, or with the list in docs/library.md",
  );
}

/** A bare name, such as `python3.12`, is looked up on the PATH. */
function isPath(executable: string): boolean {
  return /[\\/]/.test(executable);
}

/** Returns the value of a flag for some paths, as short as it can be in the working directory. */
function flagPaths(paths: readonly string[]): string {
  const cwd = Deno.cwd();
  const outer = paths.filter((path) => !paths.some((it) => path.startsWith(`${it}/`)));
  const shown = outer.map((path) => {
    const inside = relative(cwd, path);
    return inside.startsWith("..") ? path : inside || ".";
  });
  return [...new Set(shown)].join(",");
}

function mayRead(path: string): boolean {
  return isGranted({ name: "read", path });
}

function mayReadVariable(variable: string): boolean {
  return isGranted({ name: "env", variable });
}
