import { Hono } from "hono";
import { SnakedenError } from "../errors.ts";
import { access, KeyGuard } from "./access/mod.ts";
import { OPEN_PATHS } from "./open_paths.ts";
import { type AppEnv, problemOf, problemResponse, SHOWN_ALL } from "./http/mod.ts";

/** Options of {@link createStartingApp}. */
export interface StartingAppOptions {
  readonly version: string;
  readonly guard?: KeyGuard;
  readonly corsOrigins?: readonly string[];
}

/**
 * Returns the app that responds while the workers start: the port is taken already, but there is no
 * engine yet.
 */
export function createStartingApp(
  { version, guard = new KeyGuard(), corsOrigins = [] }: StartingAppOptions,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(access({ guard, openPaths: OPEN_PATHS, corsOrigins, shown: SHOWN_ALL }));
  app.onError((error, c) => problemResponse(problemOf(error, c.get("requestId"))));
  app.get("/healthz", (c) => c.json({ status: "ok", version }));
  app.get("/readyz", (c) => c.json({ ready: false, pools: {} }, 503));
  app.notFound((c) => {
    // Set rather than thrown: an error that is thrown here would pass by the rest of access().
    c.error = new SnakedenError(
      "pool_unhealthy",
      "Cannot take the request yet: the workers are still starting",
      { retryable: true },
    );
    return problemResponse(problemOf(c.error, c.get("requestId")));
  });
  return app;
}
