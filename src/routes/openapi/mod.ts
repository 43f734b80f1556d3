/**
 * The description of the interface: `/openapi.json`, with the tools of the pools as they are now, and the
 * page at `/docs`.
 *
 * @module
 */
export { addDocsPage } from "./docs_page.ts";
export { addOpenApi } from "./openapi.ts";
