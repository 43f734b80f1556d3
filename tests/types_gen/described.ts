/** Tools for tests of generated types, and the compiler that judges those. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DescribedTool } from "../../src/types_gen/mod.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Describes a tool that takes `properties`, all required. */
export function described(
  { properties = {}, ...fields }: Partial<DescribedTool> & {
    readonly properties?: Readonly<Record<string, unknown>>;
  },
): DescribedTool {
  return {
    name: "tool",
    pool: "default",
    inputSchema: {
      type: "object",
      properties,
      required: Object.keys(properties),
      additionalProperties: false,
    },
    streams: false,
    ...fields,
  };
}

/** The findings of the compiler: the line of each error in `program.ts`, with its text. */
export interface CompilerError {
  /** The path of `program.ts`. */
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/**
 * Checks a program beside generated types, with the strictest options.
 *
 * @returns The errors in the program, by line. Fails if the types themselves have one.
 */
export async function compile(types: string, program = ""): Promise<CompilerError[]> {
  const folder = await Deno.makeTempDir({ prefix: "snakeden-types-" });
  try {
    const root = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
    const config = { compilerOptions: root.compilerOptions };
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(config));
    await Deno.writeTextFile(join(folder, "tools.ts"), types);
    await Deno.writeTextFile(join(folder, "program.ts"), program);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--no-lock", "--quiet", "tools.ts", "program.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stderr);
    const errors = errorsIn(output);
    if (!success) assert.ok(errors.length > 0, output);
    return errors;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns the errors of `program.ts` in the output of `deno check`. */
export function errorsIn(output: string): CompilerError[] {
  return output.split(/^(?=TS\d+ )/m).flatMap((text) => {
    const [, path, line] = /^ {4}at file:\/\/(\S+\.ts):(\d+):\d+/m.exec(text) ?? [];
    if (path === undefined) return [];
    assert.ok(path.endsWith("/program.ts"), text);
    return [{ path, line: Number(line), text }];
  });
}
