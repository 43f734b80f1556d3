import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "../src/python_env/mod.ts";

/** Root of the repository. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));
/** What the bench installs and keeps for itself. */
export const HOME: string = join(ROOT, ".snakeden", "bench");
/** Data directory of every Snakeden that is measured. */
export const DATA_DIR: string = join(HOME, "data");
/**
 * What the workers of every Snakeden get on top: numpy, as whoever sends arrays has it. It is
 * imported when the first array comes.
 */
export const WORKER_REQUIREMENTS: string = fileURLToPath(
  new URL("peers/numpy_requirements.txt", import.meta.url),
);

const PEER_REQUIREMENTS = fileURLToPath(new URL("peers/requirements.txt", import.meta.url));
const INSTALL_TIMEOUT_MS = 300_000;

/** Not in deno.json: then every start of Snakeden would need a package that only the bench uses. */
const PYTHON_SHELL = { dependencies: { "python-shell": "5.0.0" } };

/** What the bench needs besides this checkout: a Python for Snakeden, and what the peers run on. */
export class Installation {
  readonly pythonVersion: string;
  readonly #python: string;
  readonly #say: (line: string) => void;
  #peers: Promise<string> | undefined;
  #npm: Promise<string> | undefined;

  private constructor(python: string, version: string, say: (line: string) => void) {
    this.#python = python;
    this.pythonVersion = version;
    this.#say = say;
  }

  /** Builds Snakeden's own environment, so that no start that is measured has to. */
  static async open(say: (line: string) => void): Promise<Installation> {
    using python = await ensurePython({
      dataDir: DATA_DIR,
      requirements: [WORKER_REQUIREMENTS],
      onProgress: say,
    });
    return new Installation(python.executable, python.version, say);
  }

  /**
   * The Python with the packages of the peers; installed when first asked for.
   *
   * @throws When they cannot be installed; asked again, it throws the same.
   */
  peerPython(): Promise<string> {
    return this.#peers ??= this.#installPeers();
  }

  /**
   * The folder with the npm packages of the peers; installed when first asked for.
   *
   * @throws When they cannot be installed; asked again, it throws the same.
   */
  npmFolder(): Promise<string> {
    return this.#npm ??= this.#installNpm();
  }

  async #installNpm(): Promise<string> {
    const folder = join(HOME, "npm");
    const manifest = join(folder, "package.json");
    const stamp = join(folder, "complete");
    const wanted = JSON.stringify(PYTHON_SHELL);
    if (await isThere(stamp) && await Deno.readTextFile(stamp) === wanted) return folder;
    this.#say(`Installing the peers' npm packages into ${folder}`);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(manifest, wanted);
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ nodeModulesDir: "auto" }));
    await runToEnd(Deno.execPath(), ["install", "--quiet"], folder);
    await Deno.writeTextFile(stamp, wanted);
    return folder;
  }

  async #installPeers(): Promise<string> {
    const requirements = await Deno.readTextFile(PEER_REQUIREMENTS);
    const key = createHash("sha256").update(`${this.pythonVersion}\n${requirements}`).digest("hex");
    const folder = join(HOME, `peers-${key.slice(0, 12)}`);
    const python = join(folder, "bin", "python");
    const stamp = join(folder, "complete");
    if (await isThere(stamp)) return python;
    this.#say(`Installing the peers' Python packages into ${folder}`);
    if (await isThere(folder)) await Deno.remove(folder, { recursive: true });
    await runToEnd(this.#python, ["-m", "venv", folder]);
    await runToEnd(python, ["-m", "pip", "install", "--quiet", "-r", PEER_REQUIREMENTS]);
    await Deno.writeTextFile(stamp, "");
    return python;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function runToEnd(program: string, args: readonly string[], cwd = HOME): Promise<void> {
  const { success, code, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    signal: AbortSignal.timeout(INSTALL_TIMEOUT_MS),
  }).output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  const reasons = lines.filter((it) => /error/i.test(it));
  const end = (reasons.length > 0 ? reasons : lines).slice(-2).map((it) => it.trim()).join(" | ");
  throw new Error(`${args.slice(0, 3).join(" ")} ended with ${code}: ${end}`);
}
