import { Snakeden } from "snakeden";
import { type Contender, PAYLOAD } from "./contender.ts";

/** execute("echo") on a pool of warm workers. */
export async function startSnakeden(workers: number): Promise<Contender> {
  const den = await Snakeden.start({
    pools: [{ name: "default", size: workers }],
    onSetupProgress: (line) => console.error(line),
    readyTimeoutMs: 60_000,
  });
  return {
    name: `snakeden, ${workers} workers`,
    async call(): Promise<void> {
      const echoed = await den.execute<string>("echo", PAYLOAD);
      if (echoed !== PAYLOAD.value) throw new Error(`Snakeden echoed ${JSON.stringify(echoed)}`);
    },
    [Symbol.asyncDispose]: () => den.stop(),
  };
}
