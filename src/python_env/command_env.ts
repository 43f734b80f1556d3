import { isInstallerSetting } from "./installer_settings.ts";

/** Names that the installers need of the host's environment: where to find tools, indexes, proxies, certificates and caches. */
const NAMES: readonly string[] = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_CTYPE",
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "NETRC",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_CONFIG_DIRS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((it) => [it, it.toUpperCase()]),
];

/**
 * Returns the environment in which Python, pip and uv run: the variables of `host` on an
 * allow-list, and the variables that requirement files name, such as the password of an index.
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

/** The host's environment as far as this process may read it. */
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
