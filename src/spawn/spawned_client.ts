import process from "node:process";
import { SnakedenClient as Client } from "../client/mod.ts";
import type { HostEnd } from "./host_process.ts";
import { type RunningHost, startHost } from "./start_host.ts";
import type { SpawnOptions } from "./spawn_options.ts";
import { watchedFetch } from "./watched_fetch.ts";

/**
 * The client of a host that {@link SnakedenClient.spawn} has started. When the host ends by itself,
 * its open and later requests fail with `connection_lost` or `host_unreachable`, whose texts say
 * how it ended; it is not started again.
 */
export class SpawnedClient extends Client {
  /** The URL of the host. */
  readonly url: string;
  /** The id of the process of the host. */
  readonly pid: number;
  /** Resolves when the host has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<HostEnd>;
  readonly #apiKey: string;
  readonly #stopHost: () => Promise<void>;
  #stopped: Promise<void> | undefined;

  /** Used by {@link SnakedenClient.spawn}. */
  constructor(host: RunningHost) {
    super({ baseUrl: host.url, apiKey: host.apiKey, fetch: watchedFetch(host) });
    this.url = host.url;
    this.pid = host.pid;
    this.exited = host.exited;
    this.#apiKey = host.apiKey;
    this.#stopHost = host.stop;
  }

  /** The API key of the host, for others who call it. Printing the client does not show it. */
  get apiKey(): string {
    return this.#apiKey;
  }

  /**
   * Ends the host: it takes no new calls, lets running ones finish for at most `drainMs`, and ends
   * its workers. Resolves when it is gone. Further calls have no effect.
   */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  /** Does the same as {@link SpawnedClient.stop}. */
  override close(): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#stopHost();
    await super.close();
  }
}

/** The client, with a way to start its host. */
export class SnakedenClient extends Client {
  /**
   * Starts a host as a process beside this program, waits until it is ready, and returns its
   * client. The host listens on loopback with a random API key. It ends with {@link
   * SpawnedClient.stop} or the end of an `await using` block, and also when this program ends in
   * any other way: by an error, `process.exit()`, Ctrl-C or SIGKILL. A running host does not keep
   * this program from ending.
   *
   * @throws {InvalidInputError} `invalid_input` naming every option that is wrong.
   * @throws {SnakedenError} `startup_failed`, with the last lines that the host has written. Throws
   * the reason of the signal. No process is left in either case.
   */
  static async spawn(options: SpawnOptions = {}): Promise<SpawnedClient> {
    return new SpawnedClient(await startHost(options, process.env));
  }
}
