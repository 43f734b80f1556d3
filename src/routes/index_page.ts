import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "./http/mod.ts";
import { pageHeaders, pageOf } from "./pages/mod.ts";

/** The path of the index. */
export const INDEX_PATH = "/";

const LINKS: Readonly<Record<string, string>> = {
  docs: "/docs",
  openapi: "/openapi.json",
  tools: "/v1/tools",
  pools: "/v1/pools",
  workers: "/v1/workers",
  sessions: "/v1/sessions",
  programs: "/v1/programs",
  jobs: "/v1/jobs",
  queues: "/v1/queues",
  socket: "/v1/socket",
  hardware: "/v1/hardware",
  health: "/healthz",
  readiness: "/readyz",
};

/** Options of {@link addIndex}. */
export interface IndexOptions {
  readonly version: string;
  /** True when requests must have an API key. */
  readonly needsKey: boolean;
}

/**
 * Adds `GET /`: a page with the pools and tools for browsers, and links to the other paths as JSON
 * for everyone else.
 */
export function addIndex(app: OpenAPIHono<AppEnv>, { version, needsKey }: IndexOptions): void {
  const page = pageOf({
    title: "Snakeden",
    needsKey,
    program: "/pages/index_page.js",
    above: `<header>
<h1 id="title" tabindex="-1">Snakeden <span class="soft">${version}</span></h1>
<nav aria-label="Pages">
<a href="/docs">API reference</a>
<a href="/healthz">Health</a>
<a href="/readyz">Readiness</a>
</nav>
</header>
<p>Python functions on warm, supervised workers, over HTTP.</p>`,
    below: CONTENT,
  });
  const headers = { ...pageHeaders(), vary: "accept" };
  app.get(INDEX_PATH, (c) => {
    if (c.req.header("accept")?.includes("text/html")) return c.html(page, 200, headers);
    return c.json({ name: "snakeden", version, links: LINKS }, 200, { vary: "accept" });
  });
}

/** The part of the page that its program fills. */
const CONTENT = `<main class="page" id="content" hidden>
<h2>Pools</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Pools">
<table>
<thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Ready</th>
<th scope="col">Busy</th><th scope="col">Queued</th><th scope="col">Adapter</th></tr></thead>
<tbody id="pools"></tbody>
</table>
</div>
<p><button id="refresh" class="plain" type="button">Refresh</button>
<span id="status" class="soft" role="status"></span></p>
<h2>Tools <span class="soft" id="tool-count"></span></h2>
<p id="no-tools" hidden>No pool has a tool now.</p>
<div id="tools"></div>
</main>`;
