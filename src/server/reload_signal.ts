import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { Snakeden } from "../snakeden.ts";

/**
 * Reloads the configuration of the host at SIGUSR1. Without a listener, the signal would end the
 * process, so there is one from the start of the server to its end.
 */
export class ReloadSignal {
  #den: Pick<Snakeden, "reload"> | undefined;

  /** Begins to listen. */
  constructor() {
    if (Deno.build.os === "windows") return;
    Deno.addSignalListener("SIGUSR1", () => void this.#reload());
  }

  /** Lets the signal reload this host; undefined for none. */
  set den(den: Pick<Snakeden, "reload"> | undefined) {
    this.#den = den;
  }

  async #reload(): Promise<void> {
    const log = getLogger("reload");
    if (this.#den === undefined) {
      return log.warn("SIGUSR1 came while no host is up, so nothing is reloaded");
    }
    try {
      const { pools: { added, changed, removed }, applied, needsRestart } = await this.#den
        .reload();
      log.info("reloaded the configuration at SIGUSR1", {
        added: added.join(", "),
        changed: changed.join(", "),
        removed: removed.join(", "),
        applied: applied.join(", "),
        needsRestart: needsRestart.join(", "),
      });
    } catch (error) {
      const problem = messageOf(error);
      log.error("the host keeps its configuration: {problem}", { problem });
    }
  }
}
