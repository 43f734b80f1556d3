import { dirname, join } from "node:path";
import type { PythonSource } from "../../src/python_env/mod.ts";
import { quickPythonPath } from "./quick_python.ts";

/** A source whose one dependency is a local wheel, so that a build needs no network. */
export interface TinySource extends AsyncDisposable {
  /** Temporary directory that holds everything. */
  readonly dir: string;
  readonly dataDir: string;
  readonly source: PythonSource;
  /** Environment in which installers look only into the directory of the wheels. */
  readonly env: Record<string, string>;
  /** Makes the wheel `snakeden_tiny` of `version` with this code, and locks it. */
  lock(version: string, wheel?: TinyWheel): Promise<void>;
  /** Makes a wheel that is not locked; its module has a `VERSION`. `name` has no dashes. */
  wheel(name: string, version: string): Promise<void>;
  /** Writes a file into {@link TinySource.dir}, with the folders above it; returns its path. */
  write(path: string, text: string): Promise<string>;
}

/** The contents of the wheel. */
export interface TinyWheel {
  readonly code?: string;
  /** A file that is no zip at all, with the right hash. */
  readonly corrupt?: boolean;
}

/** Options of {@link tinySource}: the contents of its wheel, and the Python. */
export interface TinyOptions extends TinyWheel {
  /** True to find the Python of this machine, whose `-m venv` is slow; see quick_python.ts. */
  readonly realVenv?: boolean;
}

const MAKE_WHEEL = `
import sys, zipfile
path, name, version, code = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr(f"{name}/__init__.py", code)
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;

/** Makes a {@link TinySource} whose wheel has version 1.0. */
export async function tinySource(options: TinyOptions = {}): Promise<TinySource> {
  const { realVenv = false, ...wheel } = options;
  const dir = await Deno.makeTempDir({ prefix: "snakeden-python-" });
  const wheels = join(dir, "wheels");
  const source: PythonSource = {
    packagePath: join(dir, "package"),
    requirements: join(dir, "requirements.txt"),
    devRequirements: join(dir, "requirements-dev.txt"),
    modules: ["snakeden_tiny", "den"],
  };
  await Deno.mkdir(join(source.packagePath, "den"), { recursive: true });
  await Deno.writeTextFile(join(source.packagePath, "den", "__init__.py"), "");
  await Deno.mkdir(wheels);
  const lock = async (version: string, { code = "", corrupt = false }: TinyWheel = {}) => {
    const path = join(wheels, `snakeden_tiny-${version}-py3-none-any.whl`);
    if (corrupt) await Deno.writeTextFile(path, "this is no zip file");
    else await python(["-c", MAKE_WHEEL, path, "snakeden_tiny", version, code]);
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
    const hash = new Uint8Array(digest).toHex();
    const text = `snakeden-tiny==${version} \\\n    --hash=sha256:${hash}\n`;
    await Deno.writeTextFile(source.requirements, text);
    await Deno.writeTextFile(source.devRequirements, text);
  };
  await lock("1.0", wheel);
  const env = {
    PATH: realVenv ? Deno.env.get("PATH") ?? "" : await quickPythonPath(),
    HOME: dir,
    TMPDIR: dir,
    PIP_NO_INDEX: "1",
    PIP_FIND_LINKS: wheels,
    UV_OFFLINE: "1",
    UV_FIND_LINKS: wheels,
  };
  return {
    dir,
    dataDir: join(dir, "data"),
    source,
    env,
    lock,
    wheel: (name, version) =>
      python([
        "-c",
        MAKE_WHEEL,
        join(wheels, `${name}-${version}-py3-none-any.whl`),
        name,
        version,
        `VERSION = "${version}"`,
      ]),
    write: async (name, text) => {
      const path = join(dir, name);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, text);
      return path;
    },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

async function python(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("python3", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Removes from a PATH the folders that hold uv, which reads no pip.conf and no page offline. */
export function withoutUv(path: string): string {
  return path.split(":").filter((it) => {
    try {
      return !Deno.statSync(join(it, "uv")).isFile;
    } catch {
      return true;
    }
  }).join(":");
}

/** Writes an executable shell script. */
export async function writeScript(path: string, body: string): Promise<string> {
  await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`);
  await Deno.chmod(path, 0o755);
  return path;
}
