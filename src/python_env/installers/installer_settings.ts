import type { CommandResult } from "../../process/mod.ts";
import { installFailure } from "./install_failure.ts";

/**
 * The settings of pip that any installation may need: where packages come from, how they are
 * reached, and how one is built. Any other setting would change what is installed, or where. The
 * names are those in pip.conf; the variable of `index-url` is PIP_INDEX_URL.
 */
const PIP_SETTINGS: ReadonlySet<string> = new Set([
  ...["index-url", "pypi-url", "extra-index-url", "no-index", "find-links", "trusted-host"],
  ...["proxy", "cert", "client-cert", "keyring-provider", "timeout", "default-timeout"],
  ...["retries", "resume-retries", "cache-dir", "no-cache-dir", "use-feature", "use-deprecated"],
  ...["pre", "prefer-binary", "no-build-isolation", "config-settings", "log"],
]);

/** The same settings of uv, without `UV_`. uv reads no files of its own: `--no-config`. */
const UV_SETTINGS: ReadonlySet<string> = new Set([
  ...["INDEX", "DEFAULT_INDEX", "EXTRA_INDEX_URL", "NO_INDEX", "FIND_LINKS", "OFFLINE"],
  ...["INSECURE_HOST", "NATIVE_TLS", "SYSTEM_CERTS", "KEYRING_PROVIDER"],
  ...["CREDENTIALS_DIR", "GITHUB_TOKEN", "GIT_LFS", "REQUEST_TIMEOUT", "LOCK_TIMEOUT"],
  ...["CACHE_DIR", "NO_CACHE", "LINK_MODE", "COMPILE_BYTECODE", "PRERELEASE"],
  ...["NO_BUILD_ISOLATION", "TORCH_BACKEND", "PYTHON_INSTALL_DIR", "TOOL_DIR"],
]);
/** Families of such settings. */
const UV_FAMILIES = /^(?:INDEX_\w+|HTTP_\w+|CONCURRENT_\w+)$/;

/** Returns true if installers may see a variable of the host. */
export function isInstallerSetting(name: string): boolean {
  if (name === "PIP_CONFIG_FILE") return true;
  if (name.startsWith("PIP_")) return PIP_SETTINGS.has(settingName(name.slice("PIP_".length)));
  if (!name.startsWith("UV_")) return false;
  const setting = name.slice("UV_".length);
  return UV_SETTINGS.has(setting) || UV_FAMILIES.test(setting);
}

function settingName(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** A program that prints `pip config list` as JSON; the values in the list are Python literals. */
const LIST_SETTINGS = `
import ast, json, subprocess, sys
command = [sys.executable, "-I", "-X", "utf8", "-m", "pip", "config", "list"]
listing = subprocess.run(
    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8")
settings = {}
for line in listing.stdout.splitlines():
    key, _, value = line.partition("=")
    try:
        settings[key] = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        continue
print("SNAKEDEN" + json.dumps(settings))
sys.exit(listing.returncode)
`;

/**
 * Returns variables with the settings in pip's files that {@link isInstallerSetting} allows, and
 * one that keeps pip from reading the files itself. So one rule covers all settings. Variables of
 * the host take precedence, as in pip.
 *
 * @param run Runs a command in the environment in which pip is to run.
 * @throws {SnakedenError} `python_environment` when pip cannot read its files.
 */
export async function pipFileSettings(
  python: string,
  run: (command: string[], env: Record<string, string>) => Promise<CommandResult>,
): Promise<Record<string, string>> {
  // Otherwise a `quiet` in a file would keep pip from printing the list.
  const listed = await run([python, "-I", "-X", "utf8", "-c", LIST_SETTINGS], {
    PIP_QUIET: "0",
    PIP_VERBOSE: "0",
  });
  const line = listed.stdout.split("\n").find((it) => it.startsWith("SNAKEDEN"));
  if (!listed.success || line === undefined) {
    throw installFailure("anything: pip cannot read its settings", listed);
  }
  const settings: Readonly<Record<string, unknown>> = JSON.parse(line.slice("SNAKEDEN".length));
  const env: Record<string, string> = { PIP_CONFIG_FILE: "/dev/null" };
  for (const section of ["global", "install", ":env:"]) {
    for (const [key, value] of Object.entries(settings)) {
      const name = key.startsWith(`${section}.`) ? settingName(key.slice(section.length + 1)) : "";
      // pip treats an empty value as none.
      if (!PIP_SETTINGS.has(name) || value === "") continue;
      env[`PIP_${name.toUpperCase().replaceAll("-", "_")}`] = String(value);
    }
  }
  return env;
}
