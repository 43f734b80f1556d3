import type { OpenAPIHono } from "@hono/zod-openapi";
import { Scalar } from "@scalar/hono-api-reference";
import { type Context, Hono, type Next } from "hono";
import type { AppEnv } from "../http/mod.ts";
import { OPENAPI_PATH } from "./openapi.ts";

const PAGE_PATH = "/docs";
const BUNDLE_PATH = "/docs/scalar.js";

/** Nothing comes from, or goes to, anywhere but this server. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `GET /docs`: the API to read and try out in a browser, without internet. */
export function addDocsPage(app: OpenAPIHono<AppEnv>): void {
  const page = new Hono();
  page.get(
    "/",
    secureHeaders,
    Scalar({
      url: OPENAPI_PATH,
      cdn: BUNDLE_PATH,
      pageTitle: "Snakeden API",
      withDefaultFonts: false,
      telemetry: false,
      showDeveloperTools: "never",
      agent: { disabled: true },
      mcp: { disabled: true },
      hideClientButton: true,
    }),
  );
  app.route(PAGE_PATH, page);
  let bundle: Promise<Uint8Array<ArrayBuffer>> | undefined;
  app.get(BUNDLE_PATH, async (c) => {
    bundle ??= readBundle();
    return c.body(await bundle, 200, {
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "max-age=3600",
    });
  });
}

async function secureHeaders(c: Context, next: Next): Promise<void> {
  await next();
  c.header("content-security-policy", CONTENT_SECURITY_POLICY);
}

/** The part of a Fastify route that holds the bundle. */
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

/**
 * The browser's half of the page. The package that has it by itself brings 260 others along; the
 * Fastify plugin carries it inside and hands it out through a route, so it is asked there. Loaded
 * when the page is first opened, from the cache of modules, which needs no permission.
 */
async function readBundle(): Promise<Uint8Array<ArrayBuffer>> {
  const module = await import("@scalar/fastify-api-reference");
  const plugin = module.default as unknown as FastifyPlugin;
  let text = "";
  const reply: BundleReply = {
    header: () => reply,
    send: (it) => void (text = it),
  };
  const route = (it: BundleRoute): void => {
    if (it.url.endsWith(".js")) it.handler(undefined, reply);
  };
  plugin({ route }, { routePrefix: PAGE_PATH, configuration: { url: OPENAPI_PATH } }, () => {});
  if (text === "") throw new Error("@scalar/fastify-api-reference has no route for its bundle");
  return new TextEncoder().encode(text);
}
