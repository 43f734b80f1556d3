import type { OpenAPIHono } from "@hono/zod-openapi";
import { type Context, Hono, type Next } from "hono";
import type { AppEnv } from "../http/mod.ts";
import { OPENAPI_PATH } from "./openapi.ts";
import { scalarBundle } from "./scalar_bundle.ts";
import { scalarPage } from "./scalar_page.ts";

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
    scalarPage({
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
  app.get(BUNDLE_PATH, scalarBundle());
}

async function secureHeaders(c: Context, next: Next): Promise<void> {
  await next();
  c.header("content-security-policy", CONTENT_SECURITY_POLICY);
}
