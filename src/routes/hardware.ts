import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { shownValue } from "../config/mod.ts";
import { type DetectOptions, DEVICE_KINDS, type HardwareInfo } from "../hardware/mod.ts";
import { isLocal } from "./access/mod.ts";
import type { AppEnv } from "./http/mod.ts";
import { problemAnswers, schemaOf } from "./schema/mod.ts";

/** A client that repeats `?refresh=true` does not keep the tools of the vendors running. */
const REFRESH_MS = 1_000;

const count = z.number().int().nonnegative();

const hardwareSchema = schemaOf<HardwareInfo>()(
  z.object({
    hostname: z.string().nullable().openapi({ description: "Null for callers without rights." }),
    platform: z.string().openapi({ example: "linux-x86_64" }),
    cpu: z.object({
      model: z.string().nullable(),
      vendor: z.string().nullable(),
      physicalCores: count.nullable(),
      logicalCores: count.nullable(),
      usableCores: count.openapi({
        description: "Hardware threads that the server may use, by its affinity and its quota.",
      }),
      features: z.array(z.string()).readonly().openapi({ example: ["avx2", "avx512f"] }),
    }),
    memory: z.object({
      totalBytes: count.nullable(),
      availableBytes: count.nullable().openapi({
        description: "What the server could allocate now, within its limit.",
      }),
      limitBytes: count.nullable().openapi({
        description: "The limit of the server's container or group; null if there is none.",
      }),
    }),
    devices: z.array(
      z.object({
        id: z.string().openapi({ example: "cuda:0" }),
        kind: z.enum(DEVICE_KINDS),
        index: count,
        uuid: z.string().nullable().openapi({ description: "Null for callers without rights." }),
        name: z.string().openapi({ example: "NVIDIA L4" }),
        arch: z.string().nullable().openapi({ example: "8.9" }),
        memoryBytes: count.nullable(),
        freeBytes: count.nullable(),
        unified: z.boolean().openapi({
          description: "True if the device shares the memory of the machine.",
        }),
        driver: z.string().nullable(),
        runtime: z.string().nullable().openapi({
          description: "The newest version of CUDA or ROCm that the driver supports.",
        }),
        utilization: z.number().nullable().openapi({ description: "From 0 to 1." }),
        temperatureCelsius: z.number().nullable(),
        powerWatts: z.number().nullable(),
        mig: z.object({ profile: z.string(), parent: z.string() }).nullable(),
        visible: z.boolean().openapi({
          description: "False if a variable of the server, such as CUDA_VISIBLE_DEVICES, hides it.",
        }),
        health: z.enum(["healthy", "unhealthy"]),
      }).openapi("Device"),
    ).readonly(),
    problems: z.array(
      z.object({
        probe: z.string().openapi({ example: "nvidia-smi" }),
        what: z.enum(["missing", "failed", "timeout", "unreadable", "denied"]),
        text: z.string(),
      }),
    ).readonly(),
  }).openapi("Hardware"),
);

const route = createRoute({
  method: "get",
  path: "/v1/hardware",
  operationId: "getHardware",
  tags: ["hardware"],
  summary: "Show the machine and its devices",
  description:
    "What does not change is asked once. Free memory and load are read again when they " +
    "are older than 5 s. What is unknown is null; `problems` says why.",
  request: {
    query: z.strictObject({
      refresh: z.enum(["true", "false"], {
        error: ({ input }) => `given ${shownValue(input)}; allowed: "true" or "false"`,
      }).optional()
        .openapi({ description: "`true` to ask everything again, at most once a second." }),
    }),
  },
  responses: {
    200: {
      description: "The machine, as the server may use it.",
      content: { "application/json": { schema: hardwareSchema } },
    },
    ...problemAnswers(400, 503),
  },
});

/** The part of the host that {@link addHardware} uses. */
export interface HardwareSlice {
  detect(options: DetectOptions): Promise<HardwareInfo>;
}

/**
 * Adds `GET /v1/hardware`. A client that leaves does not end a detection, which others may share.
 */
export function addHardware(
  app: OpenAPIHono<AppEnv>,
  hardware: HardwareSlice,
  { needsKey }: { readonly needsKey: boolean },
): void {
  app.openapi(route, async (c) => {
    const refresh = c.req.valid("query").refresh === "true";
    const maxAgeMs = refresh ? REFRESH_MS : undefined;
    const info = await hardware.detect({ refresh, maxAgeMs, signal: c.req.raw.signal });
    // With a key, no request comes this far without it.
    return c.json(needsKey || isLocal(c.env) ? info : anonymous(info), 200);
  });
}

/** Removes what identifies the machine. */
function anonymous(info: HardwareInfo): HardwareInfo {
  const devices = info.devices.map((it) => ({ ...it, uuid: null }));
  return { ...info, hostname: null, devices };
}
