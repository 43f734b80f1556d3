/**
 * The shared parts of the pages at `/` and `/docs`: their HTML ({@link pageOf}), the headers for
 * the browser ({@link pageHeaders}), and their scripts and styles ({@link addPageFiles}). The
 * scripts are the `.js` files here, served unchanged. key_form.js asks for the API key and keeps it
 * in memory. The pages need no key, because they contain nothing about the host.
 *
 * @module
 */
export { difficultyOf, easiestFirst, exampleBody } from "./example_call.js";
export { pageHeaders, pageOf, type PageOptions } from "./page.ts";
export { addPageFiles, PAGE_FILES } from "./page_files.ts";
