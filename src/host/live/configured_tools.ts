import type { Config } from "../../config/mod.ts";
import type { Registration, ToolRegistry } from "../../tools/mod.ts";

/** The host tools that the configuration holds. */
export class ConfiguredTools {
  #registration: Registration | undefined;
  #tools: Config["hostTools"] = [];
  /** The names of the pools of a configuration whose tools are being registered. */
  coming: readonly string[] = [];

  /**
   * Registers the host tools of a configuration in the place of those before, which stay if that
   * fails.
   *
   * @throws {SnakedenError} `invalid_tool`; `tool_exists` if the program has one of them.
   */
  replace(tools: Pick<ToolRegistry, "register">, { hostTools, pools }: Config): void {
    this.#registration?.unregister();
    this.coming = pools.map(({ name }) => name);
    try {
      this.#registration = hostTools.length === 0 ? undefined : tools.register(hostTools);
      this.#tools = hostTools;
    } catch (error) {
      if (this.#tools.length > 0) this.#registration = tools.register(this.#tools);
      throw error;
    } finally {
      this.coming = [];
    }
  }
}
