import type { Context, Handler } from "hono";

/** The page of Scalar, which shows an OpenAPI document in a browser. */
export interface ScalarPage {
  /** The address of the program that `scalarBundle()` returns. */
  readonly cdn: string;
  readonly pageTitle: string;
  /** Everything else is passed to Scalar. */
  readonly [option: string]: unknown;
}

/** Answers with the page. */
export function scalarPage({ cdn, pageTitle, ...configuration }: ScalarPage): Handler {
  // Scalar reads its configuration in a script, which the text of a value must not end.
  const options = JSON.stringify(configuration).replaceAll("<", "\\u003c");
  const page = `<!doctype html>
<html lang="en">
  <head>
    <title>${pageTitle}</title>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
  </head>
  <body>
    <div id="app"></div>
    <script src="${cdn}"></script>
    <script>Scalar.createApiReference("#app", ${options});</script>
  </body>
</html>
`;
  return (c) => c.html(page);
}

/**
 * Answers with the program of the page. `deno task gen` has written it to `gen/`, so that a server
 * fetches no package for it. The file is read when the page is first opened.
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
