/**
 * `scalar_bundle.ts FOLDER` writes the program of the page at /docs, compressed, and its license.
 * The package that publishes this program on its own depends on 260 others. The Fastify plugin
 * carries it inside and serves it from a route, so this script asks that route. The result is
 * committed, so a server fetches neither package.
 */
import { join } from "node:path";
import plugin from "@scalar/fastify-api-reference";

/** The part of a Fastify route that serves the program. */
interface BundleRoute {
  readonly url: string;
  handler(request: unknown, reply: BundleReply): void;
}

interface BundleReply {
  header(name: string, value: string): BundleReply;
  send(text: string): void;
}

type FastifyPlugin = (
  fastify: { route(route: BundleRoute): void },
  options: { routePrefix: string; configuration: { url: string } },
  done: () => void,
) => void;

function readBundle(): string {
  let text = "";
  const reply: BundleReply = {
    header: () => reply,
    send: (it) => void (text = it),
  };
  const route = (it: BundleRoute): void => {
    if (it.url.endsWith(".js")) it.handler(undefined, reply);
  };
  const options = { routePrefix: "/docs", configuration: { url: "/openapi.json" } };
  (plugin as unknown as FastifyPlugin)({ route }, options, () => {});
  if (text === "") {
    throw new Error(
      "Cannot write the program of /docs: @scalar/fastify-api-reference has no route for it",
    );
  }
  return text;
}

const [folder] = Deno.args;
if (folder === undefined) throw new Error("usage: scalar_bundle.ts FOLDER");
const compressed = new Blob([readBundle()]).stream().pipeThrough(new CompressionStream("gzip"));
await Deno.writeFile(join(folder, "scalar.js.gz"), compressed);
const license = new URL("../LICENSE", import.meta.resolve("@scalar/fastify-api-reference"));
await Deno.copyFile(license, join(folder, "scalar_license.txt"));
