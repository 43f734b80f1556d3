/**
 * What the pages at `/` and `/docs` share: their HTML ({@link pageOf}), the policy for the browser
 * ({@link pageHeaders}), and their scripts and styles ({@link addPageFiles}). The scripts are the
 * `.js` files here, served as they are: key_form.js asks for the API key, and keeps it in memory.
 * The pages show nothing of the host themselves, so they need no key.
 *
 * @module
 */
export { exampleBody } from "./example_call.js";
export { pageHeaders, pageOf, type PageOptions } from "./page.ts";
export { addPageFiles, PAGE_FILES } from "./page_files.ts";
