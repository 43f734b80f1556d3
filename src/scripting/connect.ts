import { type ClientOptions, SnakedenClient } from "../client/mod.ts";
import { CLIENT_ENV, HOST_ENV, SCRIPT_ENV } from "../environment_names.ts";
import { SnakedenError } from "../errors.ts";
import { isGranted, readVariable } from "../granted.ts";

/**
 * Returns a client of the host that this program belongs to: the one in `SNAKEDEN_URL`, with the
 * token in `SNAKEDEN_TOKEN`, else with the key in `SNAKEDEN_API_KEY`. A program that runs as a job
 * has the first two, so it needs no setting; what it calls is cancelled when its attempt ends.
 *
 * @example
 * ```ts ignore
 * import { connect } from "snakeden";
 *
 * await using den = connect();
 * console.log(await den.execute<number>("add", { a: 2, b: 3 }));
 * ```
 *
 * @param options Options of the client; they override the environment.
 * @throws {SnakedenError} `config_invalid` if there is no host to connect to; `invalid_input` that
 * names every wrong option.
 */
export function connect(options: Partial<ClientOptions> = {}): SnakedenClient {
  const { baseUrl, baseUrls } = options;
  const isNamed = baseUrl !== undefined || baseUrls !== undefined;
  const url = isNamed ? undefined : readVariable(CLIENT_ENV.url);
  if (!isNamed && (url === undefined || url === "")) throw nowhere();
  const apiKey = options.apiKey ?? keyOf();
  return new SnakedenClient({
    ...options,
    ...(url === undefined ? {} : { baseUrl: url }),
    ...(apiKey === undefined ? {} : { apiKey }),
  });
}

/** Returns the token of the job, else the API key. An empty one counts as none. */
function keyOf(): string | undefined {
  return [SCRIPT_ENV.token, HOST_ENV.apiKey].map(readVariable)
    .find((it) => it !== undefined && it !== "");
}

function nowhere(): SnakedenError {
  const variable = CLIENT_ENV.url;
  const obstacle = isGranted({ name: "env", variable })
    ? `${variable} is not set`
    : `this program may not read ${variable} (--allow-env)`;
  return new SnakedenError(
    "config_invalid",
    `Cannot connect to a host: ${obstacle}. Serve first (deno task serve) and set ${variable} to ` +
      "the address that it prints, or run the program as a job, which has the address of its host",
    { details: { variable } },
  );
}
