import { messageOf } from "../../src/errors.ts";

/** The outcome of one check. */
export interface Outcome {
  readonly name: string;
  readonly state: "ok" | "failed" | "not run";
  readonly text: string;
}

/** Reasons why a check cannot be run on this machine. */
export class NotRun extends Error {
  override readonly name = "NotRun";
}

/**
 * Runs a check: its text is the outcome, and so is its error. A {@link NotRun} is no failure.
 */
export async function outcomeOf(
  name: string,
  check: () => Promise<string> | string,
): Promise<Outcome> {
  try {
    return { name, state: "ok", text: await check() };
  } catch (error) {
    const state = error instanceof NotRun ? "not run" : "failed";
    return { name, state, text: messageOf(error) };
  }
}

/**
 * Runs a check that others need, and adds its outcome. Returns its value, or undefined if it
 * failed.
 */
export async function valueOf<T>(
  outcomes: Outcome[],
  name: string,
  check: () => Promise<{ readonly value: T; readonly text: string }>,
): Promise<T | undefined> {
  let value: T | undefined;
  outcomes.push(
    await outcomeOf(name, async () => {
      const found = await check();
      value = found.value;
      return found.text;
    }),
  );
  return value;
}

/** Returns the outcomes as lines for people, and the number of each kind. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const width = Math.max(...outcomes.map((it) => it.name.length));
  const indent = " ".repeat(9 + width + 2);
  const lines = outcomes.map(({ name, state, text }) =>
    `${state.padEnd(9)}${name.padEnd(width)}  ${text.replaceAll("\n", `\n${indent}`)}`
  );
  const count = (state: Outcome["state"]): number =>
    outcomes.filter((it) => it.state === state).length;
  return [
    ...lines,
    `${count("ok")} ok, ${count("failed")} failed, ${count("not run")} not run`,
  ].join("\n");
}
