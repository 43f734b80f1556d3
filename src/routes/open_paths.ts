import { HEALTH_PATHS } from "./health.ts";
import { INDEX_PATH } from "./index_page.ts";
import { DOCS_PATHS } from "./openapi/mod.ts";
import { PAGE_FILES } from "./pages/mod.ts";

/**
 * Paths that need no API key: those of the health checks, and those of the pages, which ask for the
 * key themselves.
 */
export const OPEN_PATHS: readonly string[] = [
  ...HEALTH_PATHS,
  INDEX_PATH,
  ...DOCS_PATHS,
  ...PAGE_FILES,
];
