import type { Context } from "hono";

/**
 * Returns a handler that responds with the program of the page. `deno task gen` has written it to
 * `gen/`, so a server fetches no package for it. The file is read when the page is first opened.
 */
export function scalarBundle(): (c: Context) => Promise<Response> {
  let compressed: Promise<Uint8Array<ArrayBuffer>> | undefined;
  return async (c) => {
    compressed ??= Deno.readFile(new URL("gen/scalar.js.gz", import.meta.url));
    const bytes = await compressed;
    c.header("content-type", "text/javascript; charset=utf-8");
    c.header("cache-control", "max-age=3600");
    c.header("vary", "accept-encoding");
    if (takesGzip(c)) return c.body(bytes, 200, { "content-encoding": "gzip" });
    return c.body(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
}

function takesGzip(c: Context): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(c.req.header("accept-encoding") ?? "");
}
