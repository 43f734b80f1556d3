import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Readiness, WaitOptions } from "../pool/mod.ts";
import type { AppEnv } from "./http/mod.ts";
import { schemaOf } from "./schema/mod.ts";

/** The time that a ping through each pool may take. */
const PING_TIMEOUT_MS = 2_000;

const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  operationId: "getHealth",
  tags: ["operations"],
  security: [],
  summary: "Check that the process is up",
  responses: {
    200: {
      description: "The process is up.",
      content: {
        "application/json": {
          schema: z.object({
            status: z.literal("ok"),
            version: z.string(),
            uptimeMs: z.number().optional(),
          }).openapi("Health"),
        },
      },
    },
  },
});

const readinessSchema = schemaOf<Readiness>()(
  z.object({
    ready: z.boolean(),
    pools: z.record(
      z.string(),
      z.object({
        ready: z.boolean(),
        pingMs: z.number().optional(),
        reason: z.string().optional(),
        paused: z.literal(true).optional().openapi({
          description: "Somebody has paused the pool. That alone does not make it unready.",
        }),
      }),
    ),
    devices: z.record(
      z.string(),
      z.object({
        health: z.enum(["healthy", "unhealthy"]),
        reason: z.string().optional(),
      }),
    ).optional().openapi({ description: "The accelerators of the pools, if they have any." }),
  }).openapi("Readiness"),
);

const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "getReadiness",
  tags: ["operations"],
  security: [],
  summary: "Check that every pool can serve, by a ping through each",
  responses: {
    200: {
      description: "All pools can serve.",
      content: { "application/json": { schema: readinessSchema } },
    },
    503: {
      description: "At least one pool cannot serve; `pools` says which and why.",
      content: { "application/json": { schema: readinessSchema } },
    },
  },
});

/** Paths that a supervisor can request without an API key. */
export const HEALTH_PATHS: readonly string[] = [healthRoute.path, readyRoute.path];

/** The host, as {@link addHealth} sees it. */
export interface HealthSlice {
  ready(options: WaitOptions): Promise<Readiness>;
}

/** Options of {@link addHealth}. */
export interface HealthOptions {
  readonly version: string;
  /** False to leave out the reasons of pools that are not ready, and of unhealthy devices. */
  readonly showsReasons: boolean;
}

/** Adds `GET /healthz` and `GET /readyz`. */
export function addHealth(
  app: OpenAPIHono<AppEnv>,
  health: HealthSlice,
  { version, showsReasons }: HealthOptions,
): void {
  const started = performance.now();
  app.openapi(healthRoute, (c) => {
    const uptimeMs = Math.round(performance.now() - started);
    return c.json({ status: "ok" as const, version, uptimeMs }, 200);
  });
  app.openapi(readyRoute, async (c) => {
    const { signal } = c.req.raw;
    const readiness = await health.ready({ timeoutMs: PING_TIMEOUT_MS, signal });
    const shown = showsReasons ? readiness : withoutReasons(readiness);
    return c.json(shown, readiness.ready ? 200 : 503);
  });
}

function withoutReasons({ ready, pools, devices }: Readiness): Readiness {
  return {
    ready,
    pools: eachWithoutReason(pools),
    ...(devices === undefined ? {} : { devices: eachWithoutReason(devices) }),
  };
}

function eachWithoutReason<T extends { readonly reason?: string }>(
  record: Readonly<Record<string, T>>,
): Record<string, Omit<T, "reason">> {
  return Object.fromEntries(
    Object.entries(record).map(([key, { reason: _reason, ...rest }]) => [key, rest]),
  );
}
