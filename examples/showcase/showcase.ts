import { fileURLToPath } from "node:url";
import type { ScriptContext, ScriptOptions, Snakeden } from "snakeden";

/** A demo: it shows one thing, and leaves nothing behind. */
export type Demo = (den: Snakeden, context: ScriptContext) => Promise<void>;

/** The host of every demo: two workers with the tools of showcase.py. */
export const OPTIONS: ScriptOptions = {
  pools: [{
    name: "default",
    size: 2,
    adapter: "showcase:Showcase",
    modulePaths: [fileURLToPath(new URL(".", import.meta.url))],
  }],
  onSetupProgress: (line) => console.error(line),
};

/** A point of the training data. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly label: number;
}
