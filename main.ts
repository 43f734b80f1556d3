/**
 * The HTTP server: `deno task serve`. Reads flags and configuration, takes the port, starts the
 * host, says where it listens, and stops in order on SIGINT, SIGTERM or SIGHUP.
 * docs/configuration.md lists the signals and exit statuses.
 */
import denoJson from "./deno.json" with { type: "json" };
import { runServer } from "./src/server/mod.ts";

if (import.meta.main) {
  Deno.exit(await runServer(Deno.args, denoJson.version));
}
