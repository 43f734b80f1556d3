import { join } from "node:path";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { ADAPTERS_OF_SUITE } from "./suite/suite.ts";

const HOST_TOOLS = new URL("./suite_host_tools.ts", import.meta.url).href;

/** The API key of served hosts. */
export const API_KEY = "a-key-of-the-suite";

/** A host in a process of its own, and a folder for the test. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  /** Kills the host at once. */
  kill(): void;
}

/** Serves the adapters of the suite. */
export async function serveSuite(config: Record<string, unknown> = {}): Promise<Served> {
  const stack = new AsyncDisposableStack();
  try {
    const { path: folder } = stack.use(await tempDir());
    const file = join(folder, "snakeden.config.ts");
    const pools = [{
      name: "default",
      size: 2,
      adapter: ADAPTERS_OF_SUITE,
      modulePaths: [ADAPTERS],
      taintAfter: 100,
    }];
    const settings = JSON.stringify({ apiKey: API_KEY, pools, ...config });
    await Deno.writeTextFile(
      file,
      `import { HOST_TOOLS_OF_SUITE as hostTools } from ${JSON.stringify(HOST_TOOLS)};
export default { ...${settings}, hostTools };
`,
    );
    const dataDir = join(folder, "data");
    const server = stack.use(await ServerProcess.start({ dataDir, args: ["--config", file] }));
    const owned = stack.move();
    const kill = (): void => server.kill("SIGKILL");
    return { url: server.url, folder, kill, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
