import { z } from "zod";
import { withDeadline } from "../../src/async/mod.ts";
import { messageOf } from "../../src/errors.ts";
import type { HardwareInfo } from "../../src/hardware/mod.ts";
import { LEAVE_WORKING_FOLDER, runCommand } from "../../src/process/mod.ts";
import type { Finding } from "./finding.ts";

/** The time in which Python must tell about its libraries. */
const LIMIT_MS = 10_000;

/**
 * Reads the build of PyTorch from its file of versions, since its import takes seconds. The numbers
 * of threads are asked for where threadpoolctl is installed: it sees libraries that are loaded.
 */
const PROBE = `${LEAVE_WORKING_FOLDER}
import ast, importlib.util, json, os, re, sys, sysconfig

def torch():
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    with open(os.path.join(os.path.dirname(spec.origin), "version.py"), encoding="utf-8") as file:
        text = file.read()
    def value(name):
        match = re.search(r"^%s\\b[^=\\n]*=\\s*(.+)$" % name, text, re.M)
        try:
            return ast.literal_eval(match.group(1)) if match else None
        except ValueError:
            return None
    version = value("__version__")
    return {"version": version, "cuda": value("cuda"), "hip": value("hip"), "xpu": value("xpu")}

def threads():
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    import threadpoolctl
    if importlib.util.find_spec("numpy") is not None:
        import numpy
    return [
        {"library": it["internal_api"], "threads": it["num_threads"]}
        for it in threadpoolctl.threadpool_info()
    ]

def tried(ask):
    try:
        return ask()
    except Exception:
        return None

print("\\nSNAKEDEN" + json.dumps({
    "torch": tried(torch),
    "threads": tried(threads),
    "freeThreaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
}))
`;

const optionalText = z.string().nullish().transform((it) => it ?? null);

const librariesSchema = z.object({
  torch: z.object({
    version: optionalText,
    cuda: optionalText,
    hip: optionalText,
    xpu: optionalText,
  }).nullable(),
  threads: z.array(z.object({ library: z.string(), threads: z.number() })).nullable(),
  freeThreaded: z.boolean(),
  gil: z.boolean(),
});

/** The answer of a Python about its libraries. */
export type Libraries = z.output<typeof librariesSchema>;

/** Asks the Python of a pool about its libraries, in the environment of its workers. */
export async function librariesOf(
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<Libraries> {
  const { lines, stdout } = await withDeadline(
    LIMIT_MS,
    (signal) => runCommand([executable, "-c", PROBE], { env, signal }),
  );
  const [, json] = /^SNAKEDEN(.*)$/m.exec(stdout) ?? [];
  if (json === undefined) throw new Error(lines.at(-1) ?? "it printed nothing");
  return librariesSchema.parse(JSON.parse(json));
}

/** Reports what matters about the libraries of a pool; nothing for most. */
export async function librariesFindings(
  pool: { readonly name: string; readonly threads: number; readonly profile?: string },
  ask: () => Promise<Libraries>,
  info: HardwareInfo,
): Promise<Finding[]> {
  const name = `libraries of ${pool.name}`;
  try {
    const libraries = await ask();
    return [
      ...torchFindings(libraries.torch, info),
      ...threadFindings(libraries.threads, pool.threads),
      ...freeThreadedFindings(libraries, pool.profile),
    ].map((it) => ({ name, ...it }));
  } catch (error) {
    return [{ name, state: "warning", text: `cannot be checked: ${messageOf(error)}` }];
  }
}

function torchFindings(torch: Libraries["torch"], info: HardwareInfo): Omit<Finding, "name">[] {
  if (torch === null) return [];
  const usable = info.devices.filter(({ visible }) => visible);
  const cuda = usable.find(({ kind }) => kind === "cuda");
  const rocm = usable.find(({ kind }) => kind === "rocm");
  const { version } = torch;
  const isCpuBuild = torch.cuda === null && torch.hip === null;
  if (isCpuBuild && cuda !== undefined) return [cpuBuild(version, cuda.id, "CUDA")];
  if (isCpuBuild && rocm !== undefined) return [cpuBuild(version, rocm.id, "ROCm")];
  if (cuda === undefined || torch.cuda === null) return [{ state: "ok", text: `torch ${version}` }];
  const text = `torch ${version} is built for CUDA ${torch.cuda}`;
  if (cuda.runtime === null || majorOf(cuda.runtime) >= majorOf(torch.cuda)) {
    return [{ state: "ok", text }];
  }
  // A driver also runs programs for later minor versions of the CUDA that it names.
  return [{
    state: "warning",
    text: `${text}; the driver ${cuda.driver ?? ""} supports CUDA up to ${cuda.runtime} only`,
    mend: `update the driver, or install torch for CUDA ${majorOf(cuda.runtime)}`,
  }];
}

function cpuBuild(version: string | null, device: string, platform: string): Omit<Finding, "name"> {
  return {
    state: "warning",
    text: `torch ${version} is built without ${platform}, so it cannot use ${device}`,
    mend: `install torch for ${platform}; see https://pytorch.org/get-started/locally/`,
  };
}

function threadFindings(
  pools: Libraries["threads"],
  wanted: number,
): Omit<Finding, "name">[] {
  if (pools === null || pools.length === 0) return [];
  const text = pools.map((it) => `${it.library} ${it.threads}`).join(", ");
  if (pools.every(({ threads }) => threads <= wanted)) {
    return [{ state: "ok", text: `threads: ${text}` }];
  }
  return [{
    state: "warning",
    text: `threads: ${text}; \`libraryThreads\` of the pool allows ${wanted}`,
    mend: "see `env` and `inheritEnv` of the pool, which override `libraryThreads`",
  }];
}

function freeThreadedFindings(
  { freeThreaded, gil }: Libraries,
  profile = "process",
): Omit<Finding, "name">[] {
  if (!freeThreaded) return [];
  const lock = gil ? "; a module or PYTHON_GIL has enabled its lock again" : "";
  const calls = profile === "process" ? "; a worker still runs one call at a time" : "";
  return [{ state: "ok", text: `free-threaded Python${lock}${calls}` }];
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
