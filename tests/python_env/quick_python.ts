/**
 * A Python whose `-m venv` takes a tenth of a second. The real one takes seconds of CPU, nearly all
 * of them to unpack and compile pip; here all environments read the pip of one real environment.
 */
import { join } from "node:path";
import { ROOT } from "../fixtures/host.ts";

let folder: Promise<string> | undefined;

/**
 * Returns a PATH with a `python3` that creates environments quickly, before the folders of `path`.
 * Installers, imports and the search for a Python do what they always do.
 */
export async function quickPythonPath(path = Deno.env.get("PATH") ?? ""): Promise<string> {
  return `${await (folder ??= quickPython())}:${path}`;
}

/** Returns the path of the Python that `python3` runs, and its version. */
async function realPython(): Promise<[path: string, version: string]> {
  const code =
    "import platform, sys; print(sys._base_executable, platform.python_version(), sep='\\n')";
  const [path = "", version = ""] = (await output("python3", ["-c", code])).trim().split("\n");
  return [path, version];
}

/** Makes the folder of `python3`, once for all test files of this checkout. */
async function quickPython(): Promise<string> {
  const [real, version] = await realPython();
  // Another Python, or another script, has a folder of its own.
  const text = new TextEncoder().encode(script(real, ""));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex();
  const key = `${version}-${digest.slice(0, 16)}`;
  await Deno.mkdir(join(ROOT, ".snakeden/tests"), { recursive: true });
  const root = await Deno.realPath(join(ROOT, ".snakeden/tests"));
  const kept = join(root, `venv-${key}`);
  const folder = join(kept, "quick");
  if (await exists(folder)) return folder;
  const made = await Deno.makeTempDir({ dir: root, prefix: "making-" });
  try {
    await output(real, ["-I", "-m", "venv", made]);
    await Deno.mkdir(join(made, "quick"));
    const program = join(made, "quick/python3");
    await Deno.writeTextFile(program, script(real, kept));
    await Deno.chmod(program, 0o755);
    await Deno.rename(made, kept);
  } catch (error) {
    await Deno.remove(made, { recursive: true });
    // Another test file may have made it meanwhile.
    if (!(await exists(folder))) throw error;
  }
  return folder;
}

/**
 * The first case is the probe of the search for a Python, whose last field is the program that
 * creates environments.
 */
function script(real: string, kept: string): string {
  return `#!/bin/sh
case "$*" in
  "-E -s -c "*) "${real}" "$@" | sed "s|[^	]*$|${kept}/quick/python3|" ;;
  "-I -X utf8 -m venv "*)
    "${real}" -I -X utf8 -m venv --without-pip "$6" &&
      for packages in "$6"/lib/python*/site-packages; do
        echo "${kept}/lib/\${packages#"$6"/lib/}" >"$packages/quick_pip.pth"
      done ;;
  *) exec "${real}" "$@" ;;
esac
`;
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const command = new Deno.Command(program, { args: [...args] });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
