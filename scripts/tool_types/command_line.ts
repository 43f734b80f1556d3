import { parseArgs } from "node:util";
import { messageOf } from "../../src/errors.ts";

export const USAGE = `Write TypeScript types and functions for the Python tools of a configuration.

usage: deno task types [options]

  --config FILE    configuration file (default snakeden.config.ts or .json here)
  --out FILE       file to write (default snakeden.types.ts beside the configuration)
  --stubs FOLDER   also write snakeden_host_tools.py there: types for Python of the tools in
                   hostTools
  --check          write nothing; exit with 1 if a file is not as it would be written
  --help           print this
`;

/** The choices in the command line. */
export interface TypesFlags {
  readonly config?: string;
  readonly out?: string;
  readonly stubs?: string;
  readonly check: boolean;
  readonly help: boolean;
}

/**
 * Reads the command line.
 *
 * @throws {TypeError} Naming the flag that is wrong.
 */
export function readTypesFlags(args: readonly string[]): TypesFlags {
  const { values } = parse(args);
  const { config, out, stubs, check = false, help = false } = values;
  for (const [name, value] of Object.entries({ config, out, stubs })) {
    if (value === "") throw new TypeError(`--${name}: given an empty text; allowed: a path`);
  }
  return {
    ...(config === undefined ? {} : { config }),
    ...(out === undefined ? {} : { out }),
    ...(stubs === undefined ? {} : { stubs }),
    check,
    help,
  };
}

function parse(args: readonly string[]): { values: Partial<TypesFlags> } {
  try {
    return parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        config: { type: "string" },
        out: { type: "string" },
        stubs: { type: "string" },
        check: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new TypeError(messageOf(error));
  }
}
