import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../http/mod.ts";
import { pageHeaders, pageOf } from "../pages/mod.ts";
import { scalarBundle } from "./scalar_bundle.ts";

const PAGE_PATH = "/docs";
const BUNDLE_PATH = "/docs/scalar.js";

/** The paths of the page and of its script. */
export const DOCS_PATHS: readonly string[] = [PAGE_PATH, BUNDLE_PATH];

/** Directives that Scalar needs, for the styles and pictures that it makes itself. */
const SCALAR_POLICY = {
  "style-src": "'self' 'unsafe-inline'",
  "img-src": "'self' data: blob:",
  "font-src": "'self' data:",
  "worker-src": "blob:",
};

/** Adds `GET /docs`: the API to read and try out in a browser, without internet access. */
export function addDocsPage(
  app: OpenAPIHono<AppEnv>,
  { needsKey }: { readonly needsKey: boolean },
): void {
  const page = pageOf({
    title: "Snakeden API",
    needsKey,
    program: "/pages/docs_page.js",
    above: `<header>
<h1>Snakeden API</h1>
<nav aria-label="Pages"><a href="/">Pools and tools</a></nav>
</header>`,
    below: '<main id="reference"></main>',
  });
  const headers = pageHeaders(SCALAR_POLICY);
  app.get(PAGE_PATH, (c) => c.html(page, 200, headers));
  app.get(BUNDLE_PATH, scalarBundle());
}
