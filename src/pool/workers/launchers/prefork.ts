import { WORKER_ENV } from "../../../process/mod.ts";
import { WorkerProcess } from "../worker_process.ts";
import {
  LaunchSteps,
  type ProcessSource,
  type StartedProcess,
  type WorkerProcessInit,
} from "./launch_steps.ts";
import type { LaunchedWorker, Launcher, LauncherInfo, LaunchSpec } from "./launcher.ts";
import { SpawnedProcesses, type SpawnOptions } from "./spawn.ts";
import { ForkError, Template, type TemplateSettings } from "./template/mod.ts";

/** A launch that finds the template dead tries again, with another one. */
const MAX_ATTEMPTS = 3;

/** Options that all workers of one pool share. */
export interface PreforkOptions extends SpawnOptions {
  /** The name of the pool. */
  readonly pool: string;
  readonly template: TemplateSettings;
}

/**
 * Forks workers from a template, which has imported what they need. Where that cannot be, it spawns
 * them, and says so.
 */
export class PreforkLauncher implements Launcher {
  readonly #template: Template;
  readonly #steps: LaunchSteps;

  constructor(options: PreforkOptions) {
    this.#template = new Template({
      ...options,
      settings: options.template,
      // By this address all processes of a host are found, as those that were spawned.
      env: { ...options.env, [WORKER_ENV.address]: options.bridge.address(options.carrier) },
    });
    this.#steps = new LaunchSteps(
      options,
      new ForkedProcesses(this.#template, new SpawnedProcesses(options)),
    );
  }

  get info(): LauncherInfo {
    return this.#template.info;
  }

  async launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker> {
    return await this.#steps.launch(spec, signal);
  }

  prepare(): void {
    this.#template.prepare();
  }

  renew(): void {
    this.#template.renew();
  }

  async close(): Promise<void> {
    await this.#template.close();
  }
}

/** Processes that are forked, and spawned where that cannot be. */
class ForkedProcesses implements ProcessSource {
  readonly #template: Template;
  readonly #spawned: ProcessSource;

  constructor(template: Template, spawned: ProcessSource) {
    this.#template = template;
    this.#spawned = spawned;
  }

  async start(init: WorkerProcessInit, signal: AbortSignal): Promise<StartedProcess> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const reaper = await this.#template.reaper(signal);
      if (reaper === undefined) break;
      try {
        const leader = await reaper.fork(init, signal);
        return { process: new WorkerProcess(leader, init), launcher: "prefork" };
      } catch (error) {
        if (!(error instanceof ForkError)) throw error;
        const isLast = attempt === MAX_ATTEMPTS;
        if (error.isUnsafe || isLast) this.#template.isUnfit(error.message, error);
      }
    }
    return await this.#spawned.start(init, signal);
  }
}
