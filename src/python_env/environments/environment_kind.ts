/** The users of an environment: workers, tests and checks, or scripts. */
export type EnvironmentKind = "workers" | "dev" | "script";

/** The prefixes of the names of environments. */
const PREFIXES: Readonly<Record<EnvironmentKind, string>> = {
  workers: "",
  dev: "dev-",
  script: "script-",
};

const NAME = /^(dev-|script-)?[0-9a-f]{16}(-\d+)?$/;

/** Returns the name of an environment of which `digits` are the 16 hex digits. */
export function nameOfKind(kind: EnvironmentKind, digits: string): string {
  return PREFIXES[kind] + digits;
}

/** Returns the kind of an environment; undefined if the name is not one of an environment. */
export function kindOfName(name: string): EnvironmentKind | undefined {
  const found = NAME.exec(name);
  if (found === null) return undefined;
  return found[1] === undefined ? "workers" : found[1] === "dev-" ? "dev" : "script";
}
