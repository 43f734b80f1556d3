import { parseArgs } from "node:util";
import type { ConfigInput } from "../config/mod.ts";
import { messageOf } from "../errors.ts";
import { EXIT_CODES } from "../process/mod.ts";
import { complain, print } from "./standard_streams.ts";

const USAGE = `Serve Python functions over HTTP.

usage: deno task serve [options]

  --host ADDRESS   address to listen on (default 127.0.0.1; others need an API key)
  --port NUMBER    port to listen on, 0 for any free one (default 8000)
  --config FILE    configuration file (default snakeden.config.ts or .json here)
  --dev            reload Python code and the configuration when a file changes;
                   deno task dev sets it
  --version        print the version
  --help           print this

Environment variables and all keys of the file: docs/configuration.md
`;

/** The settings in the command line. */
export interface Flags {
  readonly file?: string;
  readonly overrides: ConfigInput;
}

/** Returns the settings in the command line, or the exit status if there is nothing to serve. */
export function readFlags(args: readonly string[], version: string): Flags | number {
  try {
    const { values: { help, version: asksVersion, config, dev, host, port } } = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "V" },
        config: { type: "string" },
        host: { type: "string" },
        port: { type: "string" },
        dev: { type: "boolean" },
      },
    });
    if (help || asksVersion) {
      print(help ? USAGE : `snakeden ${version}\n`);
      return EXIT_CODES.ok;
    }
    if (port !== undefined && !/^\d{1,9}$/.test(port)) {
      throw new TypeError(`--port takes a number, not ${JSON.stringify(port)}`);
    }
    return {
      ...(config === undefined ? {} : { file: config }),
      overrides: {
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port: Number(port) }),
        ...(dev === undefined ? {} : { dev }),
      },
    };
  } catch (error) {
    complain(`${messageOf(error)}\n\n${USAGE}`);
    return EXIT_CODES.usage;
  }
}
