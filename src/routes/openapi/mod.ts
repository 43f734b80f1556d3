/**
 * The description of the HTTP interface: `/openapi.json`, with the tools that the pools offer now,
 * and the page at `/docs`.
 *
 * @module
 */
export { addDocsPage, DOCS_PATHS } from "./docs_page.ts";
export { addOpenApi } from "./openapi.ts";
