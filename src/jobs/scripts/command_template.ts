import type { FieldIssue } from "../../errors.ts";

/** A place of a template: an escaped brace, or the name of an argument. */
const PLACE = /\{\{|\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The places at the beginning of an argument, one after the other. */
const LEADING_PLACES = /\{([A-Za-z_][A-Za-z0-9_]*)\}/gy;

/** The arguments of a command, by name. */
export type CommandArgs = Readonly<Record<string, unknown>>;

/** Returns the names of the arguments that a command takes. */
function namesOf(command: readonly string[]): Set<string> {
  const names = command.flatMap((it) => [...it.matchAll(PLACE)].map(([, name]) => name));
  return new Set(names.filter((it) => it !== undefined));
}

/** Returns what is wrong with the arguments of a command. */
export function templateIssues(command: readonly string[], args: CommandArgs): FieldIssue[] {
  const names = namesOf(command);
  const issues: FieldIssue[] = [];
  const allowed = names.size === 0 ? "none" : [...names].join(", ");
  for (const name of Object.keys(args)) {
    if (names.has(name)) continue;
    issues.push({
      path: `args.${name}`,
      message: `the command has no such argument; allowed: ${allowed}`,
    });
  }
  for (const name of names) {
    const path = `args.${name}`;
    const value = args[name];
    if (value === undefined) {
      issues.push({ path, message: "missing; allowed: a text, a number, true or false" });
    } else if (!isPlain(value)) {
      issues.push({
        path,
        message: "given another value; allowed: a text, a number, true or false",
      });
    }
  }
  if (issues.length === 0) issues.push(...optionIssues(command, args));
  return issues;
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

/** Returns the texts that would make an argument of the command an option. */
function optionIssues(command: readonly string[], args: CommandArgs): FieldIssue[] {
  const names = new Set<string>();
  for (const argument of command) {
    if (!filled(argument, args).startsWith("-")) continue;
    // The first place with a text gives the dash; if all are empty, what stands behind them does.
    const places = Array.from(argument.matchAll(LEADING_PLACES), ([, name = ""]) => name);
    const name = places.find((it) => args[it] !== "") ?? places.at(-1);
    if (name !== undefined && typeof args[name] === "string") names.add(name);
  }
  return Array.from(names, (name) => ({
    path: `args.${name}`,
    message: `given ${JSON.stringify(String(args[name]).slice(0, 64))}, which the program could ` +
      "take for an option; allowed: a text by which no argument begins with -",
  }));
}

/** Returns an argument with the values in their places. */
function filled(argument: string, args: CommandArgs): string {
  return argument.replace(
    PLACE,
    (place, name?: string) => name === undefined ? "{" : String(args[name] ?? place),
  );
}

/** Returns the program and its arguments, with the values in their places. */
export function commandOf(
  command: readonly string[],
  args: CommandArgs,
): { readonly program: string; readonly args: readonly string[] } {
  const [program = "", ...rest] = command.map((it) => filled(it, args));
  return { program, args: rest };
}
