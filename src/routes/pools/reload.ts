import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ReloadResult } from "../../host/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { problemAnswers, schemaOf } from "../schema/mod.ts";

const names = z.array(z.string()).readonly();

const resultSchema = schemaOf<ReloadResult>()(
  z.object({
    pools: z.object({
      added: names,
      changed: names.openapi({
        description: "Pools that new workers have taken over; the old ones finish their calls.",
      }),
      adjusted: names.openapi({
        description: "Pools with other numbers of workers or policies, and the same workers.",
      }),
      removed: names.openapi({ description: "Pools that are gone when their calls have ended." }),
    }),
    applied: names.openapi({
      description: "The other settings that hold from now on.",
      example: ["jobs.maxAttempts"],
    }),
    needsRestart: names.openapi({
      description: "The settings that differ, and hold after a restart.",
      example: ["port"],
    }),
  }).openapi("Reload"),
);

const route = createRoute({
  method: "post",
  path: "/v1/reload",
  operationId: "reloadConfiguration",
  tags: ["operations"],
  summary: "Read the configuration anew",
  description: "Applies the difference without dropping a call, all of it or nothing. A `.ts` " +
    "configuration is loaded as it is now; the modules that it imports stay as they were loaded " +
    "first. Reloads run one after the other.",
  responses: {
    200: {
      description: "The changes that were made.",
      content: { "application/json": { schema: resultSchema } },
    },
    ...problemAnswers(422, 503),
  },
});

/** The part of the host that {@link addReload} uses. */
export interface ReloadSlice {
  /** @throws {SnakedenError} `config_invalid`, `shutting_down`. */
  reload(options: { readonly signal?: AbortSignal }): Promise<ReloadResult>;
}

/** Adds `POST /v1/reload`. */
export function addReload(app: OpenAPIHono<AppEnv>, host: ReloadSlice): void {
  app.openapi(route, async (c) => c.json(await host.reload({ signal: c.req.raw.signal }), 200));
}
