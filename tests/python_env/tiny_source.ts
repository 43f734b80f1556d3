import { join } from "node:path";
import type { PythonSource } from "../../src/python_env/mod.ts";

/** A source with one dependency, a wheel made on the spot, so that building an environment needs no network. */
export interface TinySource extends AsyncDisposable {
  /** Temporary directory that holds everything. */
  readonly dir: string;
  readonly dataDir: string;
  readonly source: PythonSource;
  /** Environment in which installers look only into the directory of the wheels. */
  readonly env: Record<string, string>;
  /** Makes the wheel `snakeden_tiny` of `version` with this code, and locks it. */
  lock(version: string, wheel?: TinyWheel): Promise<void>;
}

/** What to put into the wheel. */
export interface TinyWheel {
  readonly code?: string;
  /** A file that is no zip at all, with the right hash. */
  readonly corrupt?: boolean;
}

const MAKE_WHEEL = `
import sys, zipfile
path, version, code = sys.argv[1:]
info = f"snakeden_tiny-{version}.dist-info"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr("snakeden_tiny/__init__.py", code)
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: snakeden-tiny\\nVersion: {version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;

/** Makes a {@link TinySource} whose wheel has version 1.0. */
export async function tinySource(wheel: TinyWheel = {}): Promise<TinySource> {
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
    else await python(["-c", MAKE_WHEEL, path, version, code]);
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
    const hash = new Uint8Array(digest).toHex();
    const text = `snakeden-tiny==${version} \\\n    --hash=sha256:${hash}\n`;
    await Deno.writeTextFile(source.requirements, text);
    await Deno.writeTextFile(source.devRequirements, text);
  };
  await lock("1.0", wheel);
  const env = {
    PATH: Deno.env.get("PATH") ?? "",
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
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

async function python(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("python3", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Writes an executable shell script. */
export async function writeScript(path: string, body: string): Promise<string> {
  await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`);
  await Deno.chmod(path, 0o755);
  return path;
}
