import type { Handler } from "hono";

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
