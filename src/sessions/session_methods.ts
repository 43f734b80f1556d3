import { Value } from "../bridge/mod.ts";
import { type FieldIssue, SnakedenError } from "../errors.ts";
import type { HostMethod } from "../pool/mod.ts";
import { changeMethods } from "./methods/mod.ts";
import { invalidInput, sessionOf } from "./session_errors.ts";
import { programMethods } from "./programs/mod.ts";
import type { Sessions } from "./sessions.ts";
import { pack, type StoredVariable, unpack } from "./values/mod.ts";
import type { Variables, VariableToSet } from "./variables/mod.ts";

/** The most variables that a tool may name at once. */
const MAX_NAMES = 1_000;
/** The variables that are read at a time for one answer. */
const READ_NAMES = 16;
/** The bytes of values after which an answer has no more of them. */
const ANSWER_BYTES = 16 * 1024 * 1024;
/** The most names of one page. */
const PAGE_NAMES = 1_000;

/**
 * Returns the methods by which tools use the session of their call. Twin of variables.py:
 *
 * - `session.get_vars` `{names}`: the variables, in order; null for one that does not exist. Leaves
 *   out the last ones if the others are long: the tool asks for them again.
 * - `session.set_vars` `{variables}`: for each, its `type` and `version`, or its `error`.
 * - `session.delete_vars` `{names}`: for each, whether it existed.
 * - `session.keep_local`: notes that the worker keeps objects with the session, and returns its
 *   `life`.
 * - `session.list_vars` `{cursor?}`: a page of `names`, and the `cursor` of the next one.
 *
 * The methods of {@link programMethods} and {@link changeMethods} are among them.
 */
export function sessionMethods(sessions: Sessions): Readonly<Record<string, HostMethod>> {
  const method =
    (answer: (variables: Variables, args: Args) => Promise<unknown>): HostMethod =>
    async (call, args) => {
      const { variables } = await sessions.get(sessionOf(call));
      return Value.from(await answer(variables, new Args(args)), { name: "the answer" });
    };
  return {
    ...changeMethods(sessions),
    "session.keep_local": async (call) => {
      return Value.from({ life: await sessions.keepLocal(sessionOf(call)) });
    },
    "session.get_vars": method(async (variables, args) => {
      const found = await readSome(variables, args.names());
      return found.map((it) => it === undefined ? null : described(it));
    }),
    "session.set_vars": method(async (variables, args) => {
      const results = await variables.setMany(args.variables());
      return results.map((it) =>
        it.ok
          ? { type: it.variable.type, version: it.variable.version }
          : { error: errorOf(it.error) }
      );
    }),
    "session.delete_vars": method((variables, args) =>
      Promise.all(args.names().map((name) => deleted(variables, name)))
    ),
    "session.list_vars": method(async (variables, args) => {
      const { items, cursor } = await variables.listStored({
        limit: PAGE_NAMES,
        ...args.cursor(),
      });
      return { names: items.map(({ info }) => info.name), cursor: cursor ?? null };
    }),
    ...programMethods(async (call) => (await sessions.get(sessionOf(call))).programs),
  };
}

/** Reads variables until their values are as long as an answer may be. */
async function readSome(
  variables: Variables,
  names: readonly string[],
): Promise<(StoredVariable | undefined)[]> {
  const found: (StoredVariable | undefined)[] = [];
  let bytes = 0;
  do {
    // Their lengths are not known before, so few are read at a time.
    const some = await variables.getManyStored(
      names.slice(found.length, found.length + READ_NAMES),
    );
    bytes += some.reduce((sum, it) => sum + (it?.info.bytes ?? 0), 0);
    found.push(...some);
  } while (found.length < names.length && bytes < ANSWER_BYTES);
  return found;
}

async function deleted(variables: Variables, name: string): Promise<boolean> {
  try {
    await variables.delete(name);
    return true;
  } catch (error) {
    if (error instanceof SnakedenError && error.code === "unknown_variable") return false;
    throw error;
  }
}

function described({ info, encoded }: StoredVariable): Record<string, unknown> {
  const { type, version, constraints } = info;
  return { type, version, constraints: constraints ?? null, value: pack(encoded) };
}

function errorOf({ code, message, details, retryable }: SnakedenError): Record<string, unknown> {
  return { code, message, details: JSON.parse(JSON.stringify(details)), retryable };
}

/** The arguments of a method, which come from Python and may be anything. */
class Args {
  readonly #args: Readonly<Record<string, unknown>>;

  constructor(args: Value) {
    this.#args = (args.decode() ?? {}) as Record<string, unknown>;
  }

  names(): string[] {
    const { names } = this.#args;
    const areNames = Array.isArray(names) && names.length <= MAX_NAMES &&
      names.every((it) => typeof it === "string");
    if (areNames) return names;
    throw wrong("names", `a list of at most ${MAX_NAMES} texts`);
  }

  variables(): VariableToSet[] {
    const { variables } = this.#args;
    if (!Array.isArray(variables)) throw wrong("variables", "a list of variables");
    return variables.map((it: unknown, i) => {
      const { name, value, type, constraints, ifVersion } = (it ?? {}) as Record<string, unknown>;
      const unpacked = unpack(value);
      if (unpacked === undefined) throw wrong(`variables[${i}].value`, "a packed value");
      const options = { type, constraints, ifVersion };
      const given = Object.entries(options).filter(([, each]) => each !== undefined);
      return { name, value: unpacked, ...Object.fromEntries(given) } as VariableToSet;
    });
  }

  cursor(): { readonly cursor?: string } {
    const { cursor } = this.#args;
    if (cursor === undefined || cursor === null) return {};
    if (typeof cursor === "string") return { cursor };
    throw wrong("cursor", "a text");
  }
}

function wrong(path: string, allowed: string): SnakedenError {
  const issues: FieldIssue[] = [{ path, message: `allowed: ${allowed}` }];
  return invalidInput("use the session of the call", issues);
}
