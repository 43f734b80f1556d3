import { z } from "zod";
import { withDeadline } from "../../src/async/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { LEAVE_WORKING_FOLDER, runCommand } from "../../src/process/mod.ts";
import type { Finding } from "./finding.ts";
import { LIBRARIES, type Library } from "./library_table.ts";

/** The time in which Python must tell what is installed. */
const LIMIT_MS = 20_000;

/** Looks for packages and modules without importing any. */
const PROBE = `${LEAVE_WORKING_FOLDER}
import importlib.metadata, importlib.util, json, platform, sys, sysconfig

def version(library):
    for name in library["distributions"]:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    try:
        there = importlib.util.find_spec(library["modules"][0]) is not None
    except (ImportError, ValueError):
        there = False
    return "" if there else None

print("\\nSNAKEDEN" + json.dumps({
    "version": platform.python_version(),
    "freeThreaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    "installed": {it["name"]: version(it) for it in json.loads(sys.argv[1])},
}))
`;

const pythonSchema = z.object({
  version: z.string(),
  freeThreaded: z.boolean(),
  gil: z.boolean(),
  installed: z.record(z.string(), z.string().nullable()),
});

/** The answer of a Python: what it is, and the version of each library that it can import. */
export type PythonOfPool = z.output<typeof pythonSchema>;

/** Asks the Python of a pool, in the environment of its workers. */
export async function pythonOf(
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<PythonOfPool> {
  const asked = LIBRARIES.map(({ name, modules, distributions }) => ({
    name,
    modules,
    distributions,
  }));
  const { lines, stdout } = await withDeadline(
    LIMIT_MS,
    (signal) => runCommand([executable, "-c", PROBE, JSON.stringify(asked)], { env, signal }),
  );
  const [, json] = /^SNAKEDEN(.*)$/m.exec(stdout) ?? [];
  if (json === undefined) throw new Error(lines.at(-1) ?? "it printed nothing");
  return pythonSchema.parse(JSON.parse(json));
}

/** A pool, as far as the libraries of its workers depend on it. */
export interface CompatPool {
  readonly name: string;
  readonly profile: string;
  readonly launcher?: string | undefined;
}

/** The meaning of a library for a pool. */
export interface Verdict {
  readonly library: string;
  /** Null if the library was not asked for or has none. */
  readonly version: string | null;
  readonly threads: Library["threads"];
  /** `ok` needs nothing, `warning` a look at the note. */
  readonly state: "ok" | "warning";
  readonly notes: readonly string[];
  /** The cure; absent if nothing is wrong. */
  readonly mend?: string;
}

/** The libraries of one pool, and the profile that its Python suggests. */
export interface PoolCompat extends CompatPool {
  readonly python: Omit<PythonOfPool, "installed">;
  readonly recommendation: string;
  readonly libraries: readonly Verdict[];
}

/** Returns what the libraries that a Python has installed mean for a pool. */
export function poolCompat(pool: CompatPool, found: PythonOfPool): PoolCompat {
  const { installed, ...python } = found;
  const libraries = LIBRARIES.flatMap((library) => {
    const version = installed[library.name];
    return version === null || version === undefined
      ? []
      : [verdictOf(library, pool, { version, python })];
  });
  const { name, profile, launcher } = pool;
  return { name, profile, launcher, python, recommendation: recommendation(python), libraries };
}

function verdictOf(
  library: Library,
  { profile, launcher }: CompatPool,
  { version, python }: {
    readonly version: string;
    readonly python: PoolCompat["python"];
  },
): Verdict {
  const notes: string[] = [];
  let mend: string | undefined;
  if (profile === "thread" && library.threads !== "safe") {
    notes.push(library.note);
    mend = library.workaround;
  }
  if (profile === "thread" && python.freeThreaded && !isFreeThreaded(library, version)) {
    const since = library.freeThreadedSince;
    notes.push(
      since === null
        ? "No release is made for a Python without an interpreter lock, so importing it brings " +
          "the lock back."
        : `It is made for a Python without an interpreter lock from ${since} on.`,
    );
    mend ??= since === null ? "Use a Python with the lock." : `Install ${since} or later.`;
  }
  if (profile === "async" && library.async !== undefined) notes.push(library.async);
  if (launcher === "prefork" && library.fork !== undefined) notes.push(library.fork);
  return {
    library: library.name,
    version: version === "" ? null : version,
    threads: library.threads,
    state: notes.length === 0 ? "ok" : "warning",
    notes,
    ...(mend === undefined ? {} : { mend }),
  };
}

function isFreeThreaded({ freeThreadedSince }: Library, version: string): boolean {
  if (freeThreadedSince === null) return false;
  return freeThreadedSince === "any" || version === "" || atLeast(version, freeThreadedSince);
}

/** Compares the numbers of two versions, without what follows them. */
function atLeast(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((it) => it.split(".").map((part) => Number.parseInt(part)));
  for (const [i, part] of (b ?? []).entries()) {
    const own = a?.[i] || 0;
    if (own !== part) return own > part;
  }
  return true;
}

/** Returns the profiles that suit a Python, as text. */
export function recommendation(
  { version, freeThreaded, gil }: Pick<PythonOfPool, "version" | "freeThreaded" | "gil">,
): string {
  const waits = "`async` for tools that await";
  if (!freeThreaded || gil) {
    const lock = freeThreaded
      ? "this Python was built without an interpreter lock, but runs with one (PYTHON_GIL, or a " +
        "module has brought it back): "
      : "";
    return `${lock}\`process\` for Python code that computes; \`thread\` for calls that wait, or ` +
      `compute in libraries that release the interpreter lock; ${waits}`;
  }
  if (!atLeast(version, "3.14")) {
    return `\`process\`: Python ${version} without an interpreter lock is an experiment, which ` +
      `3.14 ended; \`thread\` to try it; ${waits}`;
  }
  return "`thread` for all that computes or waits, as threads run Python code side by side; " +
    `\`process\` where a crash must not take other calls along; ${waits}`;
}

/**
 * Names the installed libraries that deserve a look, for a pool that runs several calls at once or
 * forks its workers.
 */
export async function compatFindings(
  pool: CompatPool,
  ask: () => Promise<PythonOfPool>,
): Promise<Finding[]> {
  if (pool.profile === "process" && pool.launcher !== "prefork") return [];
  const name = `libraries of ${pool.name}`;
  try {
    const { libraries } = poolCompat(pool, await ask());
    const found = libraries.filter(({ state }) => state === "warning").map((it) => it.library);
    if (found.length === 0) return [];
    const text = `${found.join(", ")}: run \`deno task doctor --compat\` before you use them here`;
    return [{ name, state: "ok", text }];
  } catch (error) {
    return [{ name, state: "warning", text: `cannot be listed: ${messageOf(error)}` }];
  }
}

/** Returns the libraries of a pool as lines for people. */
export function compatText(compat: PoolCompat): string {
  const { name, profile, launcher, python, libraries } = compat;
  const build = python.freeThreaded ? " (free-threaded)" : "";
  const how = launcher === undefined ? profile : `${profile}, ${launcher}`;
  const head = `pool ${name} (${how}), Python ${python.version}${build}`;
  const width = Math.max(0, ...libraries.map((it) => titleOf(it).length));
  const indent = " ".repeat(11 + width + 2);
  const lines = libraries.flatMap((it) => [
    `  ${it.state.padEnd(9)}${titleOf(it).padEnd(width)}  ${it.notes[0] ?? "nothing to do"}`,
    ...it.notes.slice(1).map((note) => indent + note),
    ...(it.mend === undefined ? [] : [`${indent}-> ${it.mend}`]),
  ]);
  const none = libraries.length === 0 ? ["  none of the libraries in the table is installed"] : [];
  return [head, `  suits: ${compat.recommendation}`, ...lines, ...none].join("\n");
}

function titleOf({ library, version }: Verdict): string {
  return version === null ? library : `${library} ${version}`;
}

/** Returns all libraries of the table as lines for people, installed or not. */
export function tableText(): string {
  const width = Math.max(...LIBRARIES.map(({ name }) => name.length));
  const indent = " ".repeat(13 + width + 2);
  return LIBRARIES.flatMap((it) => [
    `${it.threads.padEnd(13)}${it.name.padEnd(width)}  ${it.note}`,
    `${indent}-> ${it.workaround}`,
    ...(it.async === undefined ? [] : [`${indent}async: ${it.async}`]),
    ...(it.fork === undefined ? [] : [`${indent}prefork: ${it.fork}`]),
    `${indent}free-threaded Python: ${
      it.freeThreadedSince === null ? "no release" : sinceText(it.freeThreadedSince)
    }`,
  ]).join("\n");
}

function sinceText(since: string): string {
  return since === "any" ? "any version" : `from ${since} on`;
}
