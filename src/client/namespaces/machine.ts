import { SnakedenError } from "../../errors.ts";
import { Bound, type Transport } from "../http/mod.ts";
import type {
  DenHealth,
  DetectOptions,
  HardwareInfo,
  Readiness,
  WaitOptions,
} from "../shapes/mod.ts";

/** The longest pause between two requests while a client waits for a host. */
const MAX_LOOK_MS = 500;

/** The processor, the memory and the devices of the machine of a host. */
export class Hardware {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.hardware}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Returns the hardware, as the host may use it. */
  async detect({ refresh, signal }: DetectOptions = {}): Promise<HardwareInfo> {
    const query = { refresh: refresh === undefined ? undefined : String(refresh) };
    const reply = await this.#transport.send({ path: "/v1/hardware", query, signal });
    return await reply.json<HardwareInfo>({ cpu: "object", devices: "objects" });
  }
}

/** A host that is up. */
export interface Liveness {
  readonly status: "ok";
  /** The version of Snakeden. */
  readonly version: string;
  readonly uptimeMs?: number;
}

/** The health of a host. */
export class Health implements DenHealth {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.health}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Returns the version of the host and its uptime, if its process is up.
   *
   * @throws {SnakedenError} `host_unreachable` if it is not.
   */
  async live({ timeoutMs, signal }: WaitOptions = {}): Promise<Liveness> {
    const reply = await this.#transport.send({ path: "/healthz", timeoutMs, signal });
    return await reply.json<Liveness>({ status: "text" });
  }

  /**
   * Sends a ping through every pool. Default of `timeoutMs`: that of the client.
   *
   * @throws {SnakedenError} `host_unreachable` and the like.
   */
  async ready({ timeoutMs, signal }: WaitOptions = {}): Promise<Readiness> {
    const ask = { path: "/readyz", timeoutMs, signal, statuses: [503] };
    const reply = await this.#transport.send(ask);
    if (!reply.isOf("application/problem+json")) {
      return await reply.json<Readiness>({ ready: "anything", pools: "object" });
    }
    // A host that starts or stops has no pools to show.
    await reply.text();
    return { ready: false, pools: {} };
  }

  /**
   * Resolves when every pool has a ready worker; waits for a host that is not up yet, too. Default
   * of `timeoutMs`: none.
   *
   * @throws {SnakedenError} `startup_failed` when the time is up.
   */
  async awaitReady({ timeoutMs, signal }: WaitOptions = {}): Promise<void> {
    let last = "no host has answered";
    const bound = new Bound([signal], {
      timeoutMs,
      late: () =>
        new SnakedenError("startup_failed", `Not ready after ${timeoutMs} ms: ${last}`, {
          retryable: true,
        }),
    });
    try {
      for (let pauseMs = 20;; pauseMs = Math.min(pauseMs * 2, MAX_LOOK_MS)) {
        try {
          const readiness = await this.ready({ signal: bound.signal });
          if (readiness.ready) return;
          last = reasonsOf(readiness);
        } catch (error) {
          bound.signal.throwIfAborted();
          if (!(error instanceof SnakedenError) || !error.retryable) throw error;
          last = error.message;
        }
        await bound.pause(pauseMs);
      }
    } finally {
      bound.close();
    }
  }
}

function reasonsOf({ pools }: Readiness): string {
  const late = Object.entries(pools).filter(([, it]) => !it.ready);
  return late.map(([name, { reason = "no worker yet" }]) => `${name}: ${reason}`).join("; ") ||
    "the host is starting";
}
