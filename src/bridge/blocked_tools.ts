/** A tool that has held up the event loop that all calls of its worker share. */
export interface BlockedTool {
  /** The name of the tool; empty for code that runs for no call. */
  readonly tool: string;
  /** The number of times that it has done so. */
  readonly times: number;
  /** The longest time that it took so far, in milliseconds. */
  readonly longestMs: number;
  /** The place in the code, the outermost frame first, as it was seen the last time. */
  readonly stack: string;
}

/** What a worker reports of such a tool. */
interface BlockedReport {
  readonly tool: string;
  readonly blockedMs: number;
  readonly isOver: boolean;
  readonly stack: string;
}

/** The most tools of one worker that are remembered. */
const MAX_TOOLS = 100;

/** The tools that have held up the event loop of one worker. */
export class BlockedTools {
  readonly #tools = new Map<string, BlockedTool>();

  /** Notes that a tool holds up the loop, or has ended to do so. */
  note({ tool, blockedMs, isOver, stack }: BlockedReport): void {
    const known = this.#tools.get(tool);
    if (known === undefined && this.#tools.size >= MAX_TOOLS) return;
    this.#tools.set(tool, {
      tool,
      times: (known?.times ?? 0) + (isOver ? 0 : 1),
      longestMs: Math.max(known?.longestMs ?? 0, Math.round(blockedMs)),
      stack: isOver ? known?.stack ?? "" : stack,
    });
  }

  /** Returns them in the order in which they did so first. */
  list(): BlockedTool[] {
    return [...this.#tools.values()];
  }
}
