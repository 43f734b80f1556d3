/** The recipes of the predictors: what is needed to build them, also after a worker is gone. */
import type { Session } from "snakeden";

/** The recipe of a predictor. Each part is a variable of the session. */
export interface Recipe {
  /** The fields, in the notation of DSPy, and the instructions for the model. */
  readonly signature: { readonly fields: string; readonly instructions: string };
  /** Tickets that were sorted by people. */
  readonly demos: readonly { readonly ticket: string; readonly team: string }[];
  /** The model, how free its answers are, and how often a refused request is repeated. */
  readonly settings: {
    readonly model: string;
    readonly temperature: number;
    readonly retries: number;
  };
}

/** The recipe of each session. */
export const RECIPES = {
  shop: {
    signature: {
      fields: fieldsFor(["billing", "delivery"]),
      instructions: "Sort the tickets of a shop.",
    },
    demos: [{ ticket: "I want my money back.", team: "billing" }],
    settings: { model: "host/fixed", temperature: 0, retries: 2 },
  },
  cloud: {
    signature: {
      fields: fieldsFor(["billing", "outage"]),
      instructions: "Sort the tickets of a cloud provider.",
    },
    demos: [{ ticket: "My database is gone.", team: "outage" }],
    settings: { model: "host/fixed", temperature: 0.5, retries: 0 },
  },
} as const satisfies Readonly<Record<string, Recipe>>;

/** Writes the recipe to the variables of the session. */
export async function keepRecipe({ variables }: Session, recipe: Recipe): Promise<void> {
  for (const [name, value] of Object.entries(recipe)) {
    await variables.set(name, value, { type: "json" });
  }
}

function fieldsFor(teams: string[]): string {
  const names = teams.map((team) => `'${team}'`).join(", ");
  return "ticket: str, actions: list[str], history: dspy.History -> " +
    `team: Literal[${names}], action: str`;
}
