import {
  KEPT_DAYS,
  type ListedEnvironment,
  megabytes,
  type PythonEnvironment,
} from "../../src/python_env/mod.ts";

/**
 * Describes the Python of some pools, in lines for people.
 *
 * @param pools Undefined if all pools share it.
 */
export function describePython(python: PythonEnvironment, pools?: readonly string[]): string {
  const { version, executable, environment, built } = python;
  const users = pools === undefined
    ? "the workers"
    : `${pools.length === 1 ? "pool" : "pools"} ${pools.join(", ")}`;
  const lines = [`Python ${version} for ${users}: ${executable}`];
  if (environment === undefined) lines.push("  your own; nothing is installed into it");
  const build = environment?.build;
  if (build !== undefined) {
    const { installedBytes, downloadedBytes, seconds, requirements } = build;
    const downloaded = downloadedBytes === 0 ? "nothing" : megabytes(downloadedBytes);
    lines.push(
      `  ${megabytes(installedBytes)} installed; built ${built ? "just now" : "earlier"} in ` +
        `${seconds.toFixed(1)} s, with ${downloaded} downloaded`,
      ...(requirements.length === 0 ? [] : [`  requirements: ${requirements.join(", ")}`]),
    );
  }
  return lines.join("\n");
}

/** Describes environments that this configuration does not use, in lines for people. */
export function describeOthers(
  others: readonly ListedEnvironment[],
  nowMs: number = Date.now(),
): string {
  const total = others.reduce((sum, it) => sum + it.installedBytes, 0);
  return [
    `Kept, but not used by this configuration: ${others.length} (${megabytes(total)}). ` +
    `A build removes those unused for ${KEPT_DAYS} days.`,
    ...others.map((it) => `  ${it.path}: ${megabytes(it.installedBytes)}, ${stateOf(it, nowMs)}`),
  ].join("\n");
}

function stateOf(
  { version, build, inUse, usedMs, kind }: ListedEnvironment,
  nowMs: number,
): string {
  const parts = [version === null ? "its Python is gone" : `Python ${version}`];
  if (kind === "dev") parts.push("for tests and checks");
  if (kind === "script") parts.push("for scripts");
  const days = Math.floor((nowMs - usedMs) / (24 * 60 * 60 * 1000));
  parts.push(
    inUse
      ? "in use by another process"
      : days < 1
      ? "used within the last day"
      : `not used for ${days} ${days === 1 ? "day" : "days"}`,
  );
  if (build?.requirements.length) parts.push(`requirements: ${build.requirements.join(", ")}`);
  return parts.join(", ");
}
