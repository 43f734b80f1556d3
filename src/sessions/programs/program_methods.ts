import { Value } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { AskingCall, HostMethod } from "../../pool/mod.ts";
import { invalidInput } from "../session_errors.ts";
import { pack, unpack } from "../values/mod.ts";
import type { FoundProgram, ProgramToPut } from "./program.ts";
import type { Programs } from "./programs.ts";

/** The most names of one page. */
const PAGE_NAMES = 1_000;

/**
 * Returns the methods by which tools use programs. Twin of programs.py:
 *
 * - `session.get_program` `{name}`: the program of the session, else the global one, with
 *   `version` and `isOwn`; null if there is none.
 * - `session.put_program` `{name, program, ifVersion?}`: its `version`.
 * - `session.delete_program` `{name}`: whether it existed.
 * - `session.list_programs` `{cursor?}`: a page of `names`, and the `cursor` of the next one.
 *
 * @param programsOf Returns the programs of the session of a call.
 */
export function programMethods(
  programsOf: (call: AskingCall) => Promise<Programs>,
): Readonly<Record<string, HostMethod>> {
  const method =
    (answer: (programs: Programs, args: Args) => Promise<unknown>): HostMethod =>
    async (call, args) => {
      const programs = await programsOf(call);
      const given = (args.decode() ?? {}) as Args;
      return Value.from(await answer(programs, given), { name: "the answer" });
    };
  return {
    "session.get_program": method(async (programs, args) => {
      const found = await programs.findStored(textOf(args, "name"));
      return found === undefined ? null : described(found);
    }),
    "session.put_program": method(async (programs, args) => {
      const { ifVersion } = args;
      const options = ifVersion === undefined ? {} : { ifVersion: ifVersion as number };
      const { version } = await programs.put(textOf(args, "name"), programOf(args), options);
      return { version };
    }),
    "session.delete_program": method(async (programs, args) => {
      try {
        await programs.delete(textOf(args, "name"));
        return true;
      } catch (error) {
        if (error instanceof SnakedenError && error.code === "unknown_program") return false;
        throw error;
      }
    }),
    "session.list_programs": method(async (programs, args) => {
      const { cursor = null } = args;
      const page = cursor === null ? {} : { cursor: textOf(args, "cursor") };
      const { items, cursor: next } = await programs.list({ limit: PAGE_NAMES, ...page });
      return { names: items.map(({ name }) => name), cursor: next ?? null };
    }),
  };
}

/** The arguments of a method, which come from Python and may be anything. */
type Args = Readonly<Record<string, unknown>>;

function described({ info, isOwn, call, args }: FoundProgram): Record<string, unknown> {
  const { version } = info;
  return {
    version,
    isOwn,
    program: { ...call, ...(args === undefined ? {} : { args: pack(args) }) },
  };
}

function textOf(args: Args, key: string): string {
  const text = args[key];
  if (typeof text === "string") return text;
  throw wrong(key, "a text");
}

/** Returns a program whose fields are still unchecked. */
function programOf({ program }: Args): ProgramToPut {
  if (typeof program !== "object" || program === null) throw wrong("program", "an object");
  const { args, ...call } = program as Args;
  if (args === undefined) return call as unknown as ProgramToPut;
  const unpacked = unpack(args);
  if (unpacked === undefined) throw wrong("program.args", "a packed value");
  return { ...call, args: unpacked } as unknown as ProgramToPut;
}

function wrong(path: string, allowed: string): SnakedenError {
  return invalidInput("use the programs of the session", [{
    path,
    message: `allowed: ${allowed}`,
  }]);
}
