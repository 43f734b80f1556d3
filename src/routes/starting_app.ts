import { Hono } from "hono";
import { SnakedenError } from "../errors.ts";
import { access } from "./access/mod.ts";
import { HEALTH_PATHS } from "./health.ts";
import { type AppEnv, problemOf, problemResponse, SHOWN_ALL } from "./http/mod.ts";

/** What answers while the workers start: the port is taken already, the engine is not there yet. */
export function createStartingApp(
  options: { readonly apiKey?: string | undefined; readonly version: string },
): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(access({ apiKey: options.apiKey, openPaths: HEALTH_PATHS, shown: SHOWN_ALL }));
  app.onError((error, c) => problemResponse(problemOf(error, c.get("requestId"))));
  app.get("/healthz", (c) => c.json({ status: "ok", version: options.version }));
  app.get("/readyz", (c) => c.json({ ready: false, pools: {} }, 503));
  app.notFound(() => {
    throw new SnakedenError("pool_unhealthy", "The workers are still starting", {
      retryable: true,
    });
  });
  return app;
}
