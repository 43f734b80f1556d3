import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "./http/mod.ts";

const LINKS: Readonly<Record<string, string>> = {
  docs: "/docs",
  openapi: "/openapi.json",
  tools: "/v1/tools",
  pools: "/v1/pools",
  workers: "/v1/workers",
  health: "/healthz",
  readiness: "/readyz",
};

/** `GET /`: where to go from here, as a page for browsers and as JSON for the rest. */
export function addIndex(app: OpenAPIHono<AppEnv>, version: string): void {
  const page = pageOf(version);
  app.get("/", (c) => {
    c.header("vary", "accept");
    return c.req.header("accept")?.includes("text/html")
      ? c.html(page)
      : c.json({ name: "snakeden", version, links: LINKS });
  });
}

function pageOf(version: string): string {
  const items = Object.entries(LINKS)
    .map(([name, path]) => `<li><a href="${path}">${name}</a> <code>${path}</code></li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Snakeden</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
</style>
<h1>Snakeden ${version}</h1>
<p>Python functions on warm, supervised workers, over HTTP.</p>
<ul>
${items.join("\n")}
</ul>
</html>
`;
}
