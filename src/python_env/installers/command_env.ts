import { PROGRAM_ENV } from "../../process/mod.ts";
import { isInstallerSetting } from "./installer_settings.ts";

/** The variables of the host that installers see, besides the basic ones of any program. */
const NAMES: readonly string[] = [
  ...PROGRAM_ENV,
  "NETRC",
  "XDG_CONFIG_DIRS",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((it) => [it, it.toUpperCase()]),
];

/**
 * Returns the environment in which Python, pip and uv run: the variables of `host` on an
 * allow-list, and those that requirements files name, such as the password of an index.
 */
export function commandEnv(
  host: Readonly<Record<string, string>>,
  named: readonly string[] = [],
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(host)) {
    const allowed = NAMES.includes(name) || name.startsWith("PYENV_") || isInstallerSetting(name) ||
      (named.includes(name) && !/^(?:PIP|UV|PYTHON)/.test(name));
    if (allowed) env[name] = value;
  }
  return {
    ...env,
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    PIP_NO_INPUT: "1",
    PIP_PROGRESS_BAR: "off",
    PYTHONNOUSERSITE: "1",
    PYTHONIOENCODING: "utf-8",
    NO_COLOR: "1",
  };
}

/** Returns the variables of the host that this process may read. */
export function hostEnv(): Record<string, string> {
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") return Deno.env.toObject();
  const env: Record<string, string> = {};
  for (const name of NAMES) {
    if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") continue;
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}
