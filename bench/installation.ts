import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "../src/python_env/mod.ts";

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));
/** The folder for everything that the bench installs. */
export const HOME: string = join(ROOT, ".snakeden", "bench");
/** The data directory of every Snakeden that is measured. */
export const DATA_DIR: string = join(HOME, "data");
/**
 * The packages that the workers of every Snakeden get in addition: numpy, which all users of arrays
 * have. A worker imports it with the first array.
 */
export const WORKER_REQUIREMENTS: string = fileURLToPath(
  new URL("peers/numpy_requirements.txt", import.meta.url),
);

const PEERS: readonly PipInstall[] = [{ file: "peers/requirements.txt", options: [] }];
/** The model and what runs it, with the packages of a worker of Snakeden: one Python for both. */
const MODELS: readonly PipInstall[] = [
  { file: "models/requirements.txt", options: ["--require-hashes"] },
  { file: "models/alone.txt", options: ["--require-hashes", "--no-deps"] },
];
const INSTALL_TIMEOUT_MS = 300_000;

/**
 * The npm packages of the peers. They are not in deno.json: every start of Snakeden would fetch
 * them, although only the bench uses them.
 */
const NPM_PEERS = {
  dependencies: {
    "bullmq": "6.7.0",
    "graphile-worker": "0.18.0",
    "ioredis": "6.0.0",
    "pg": "8.23.1",
    "python-shell": "5.0.0",
  },
};

/** A requirements file beside this one, and the options of pip with which it is installed. */
interface PipInstall {
  readonly file: string;
  readonly options: readonly string[];
}

/**
 * Everything that the bench needs besides this checkout: a Python for Snakeden, and the packages of
 * the peers.
 */
export class Installation {
  /** The Python with the packages of a worker of Snakeden. */
  readonly python: string;
  readonly pythonVersion: string;
  readonly #say: (line: string) => void;
  #peers: Promise<string> | undefined;
  #models: Promise<string> | undefined;
  #npm: Promise<string> | undefined;

  private constructor(python: string, version: string, say: (line: string) => void) {
    this.python = python;
    this.pythonVersion = version;
    this.#say = say;
  }

  /** Builds the environment of Snakeden, so that no measured start has to. */
  static async open(say: (line: string) => void): Promise<Installation> {
    using python = await ensurePython({
      dataDir: DATA_DIR,
      requirements: [WORKER_REQUIREMENTS],
      onProgress: say,
    });
    return new Installation(python.executable, python.version, say);
  }

  /**
   * Returns the Python with the packages of the peers, and installs them with the first call.
   *
   * @throws If they cannot be installed, with every call.
   */
  peerPython(): Promise<string> {
    return this.#peers ??= this.#install("peers", PEERS);
  }

  /**
   * Returns the Python with the packages of the model, and installs them with the first call.
   *
   * @throws If they cannot be installed, with every call.
   */
  modelPython(): Promise<string> {
    return this.#models ??= this.#install("models", MODELS);
  }

  /**
   * Returns the folder with the npm packages of the peers, and installs them with the first call.
   *
   * @throws If they cannot be installed, with every call.
   */
  npmFolder(): Promise<string> {
    return this.#npm ??= this.#installNpm();
  }

  async #installNpm(): Promise<string> {
    const folder = join(HOME, "npm");
    const manifest = join(folder, "package.json");
    const stamp = join(folder, "complete");
    const wanted = JSON.stringify(NPM_PEERS);
    if (await isThere(stamp) && await Deno.readTextFile(stamp) === wanted) return folder;
    this.#say(`Installing the peers' npm packages into ${folder}`);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(manifest, wanted);
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ nodeModulesDir: "auto" }));
    await runToEnd(Deno.execPath(), ["install", "--quiet"], folder);
    await Deno.writeTextFile(stamp, wanted);
    return folder;
  }

  /** Installs packages into an environment of their own, and returns its Python. */
  async #install(name: string, installs: readonly PipInstall[]): Promise<string> {
    const files = installs.map(({ file }) => fileURLToPath(new URL(file, import.meta.url)));
    const hash = createHash("sha256").update(`${this.pythonVersion}\n`);
    for (const file of files) hash.update(await Deno.readTextFile(file));
    const folder = join(HOME, `${name}-${hash.digest("hex").slice(0, 12)}`);
    const python = join(folder, "bin", "python");
    const stamp = join(folder, "complete");
    if (await isThere(stamp)) return python;
    this.#say(`Installing the Python packages of the ${name} into ${folder}`);
    if (await isThere(folder)) await Deno.remove(folder, { recursive: true });
    await runToEnd(this.python, ["-m", "venv", folder]);
    for (const [i, { options }] of installs.entries()) {
      const pip = ["-m", "pip", "install", "--quiet", ...options, "-r", files[i] ?? ""];
      await runToEnd(python, pip);
    }
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
