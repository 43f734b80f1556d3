import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../http/mod.ts";
import docsPage from "./docs_page.js" with { type: "text" };
import exampleCall from "./example_call.js" with { type: "text" };
import indexPage from "./index_page.js" with { type: "text" };
import keyForm from "./key_form.js" with { type: "text" };
import style from "./page.css" with { type: "text" };

const SCRIPT = "text/javascript; charset=utf-8";

/** The files of the pages: path, text and media type. */
const FILES = [
  ["/pages/docs_page.js", docsPage, SCRIPT],
  ["/pages/example_call.js", exampleCall, SCRIPT],
  ["/pages/index_page.js", indexPage, SCRIPT],
  ["/pages/key_form.js", keyForm, SCRIPT],
  ["/pages/page.css", style, "text/css; charset=utf-8"],
] as const;

/** The paths of the scripts and styles of the pages. */
export const PAGE_FILES: readonly string[] = FILES.map(([path]) => path);

/** Adds `GET /pages/...`: the scripts and styles of the pages, which are the same for everybody. */
export function addPageFiles(app: OpenAPIHono<AppEnv>): void {
  for (const [path, text, type] of FILES) {
    app.get(path, (c) => c.body(text, 200, { "content-type": type }));
  }
}
