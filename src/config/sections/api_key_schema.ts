import { z } from "zod";
import { HOST_ENV } from "../../process/mod.ts";

/** The most keys that are valid at the same time. */
const MAX_KEYS = 8;
const KEY_FORM = "at least 16 printable ASCII characters without spaces";

const keySchema = z.string().min(16).regex(/^[\x21-\x7e]+$/);

/** Several API keys. */
export const apiKeysSchema = z.array(keySchema).min(1).max(MAX_KEYS);

/** {@link apiKeysSchema} in words, for a file. */
export const API_KEY_LINES = `1 to ${MAX_KEYS} keys, one a line, each of ${KEY_FORM}`;

/** The key `apiKey`: one API key, or several while they are being replaced. */
export const apiKeySchema = z.union([keySchema, apiKeysSchema]).meta({
  description: "Key that every request must have, except those to `/`, `/docs`, `/healthz` and " +
    "`/readyz`; several while keys are being replaced. The variable separates them by spaces.",
  allowed: `${KEY_FORM}, or a list of 1 to ${MAX_KEYS} such keys`,
  env: HOST_ENV.apiKey,
  defaultText: "none",
  secret: true,
});
