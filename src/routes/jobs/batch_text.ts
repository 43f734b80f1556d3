import type { SubmitAnswer } from "../../store/mod.ts";

/** Returns the JSON of the answer for one job. Ids need no escapes. */
export function answerText({ id, answer }: SubmitAnswer): string {
  return `{"id":"${id}","answer":"${answer}"}`;
}

/** Returns the lines of the answers for these jobs. */
export function answerLines(answers: readonly SubmitAnswer[]): string {
  let text = "";
  for (const answer of answers) text += `${answerText(answer)}\n`;
  return text;
}
