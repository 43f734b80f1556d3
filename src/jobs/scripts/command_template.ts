import type { FieldIssue } from "../../errors.ts";

/** A place of a template: an escaped brace, or the name of an argument. */
const PLACE = /\{\{|\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

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
    } else if (typeof value === "string" && value.startsWith("-") && begins(command, name)) {
      const message = `given ${JSON.stringify(value.slice(0, 64))}, which the program could take ` +
        "for an option; allowed: a text that does not begin with -";
      issues.push({ path, message });
    }
  }
  return issues;
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

/** Returns true if an argument of the command begins with this value. */
function begins(command: readonly string[], name: string): boolean {
  return command.some((it) => it.startsWith(`{${name}}`));
}

/** Returns the program and its arguments, with the values in their places. */
export function commandOf(
  command: readonly string[],
  args: CommandArgs,
): { readonly program: string; readonly args: readonly string[] } {
  const [program = "", ...rest] = command.map((it) =>
    it.replace(
      PLACE,
      (place, name?: string) => name === undefined ? "{" : String(args[name] ?? place),
    )
  );
  return { program, args: rest };
}
