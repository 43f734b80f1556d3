import { HOST_ENV } from "../../process/mod.ts";
import { group, list, text } from "../schema_parts.ts";

/** The section `python`: the interpreter and the packages of the workers. */
export const pythonSchema = group({
  executable: text({
    description: "Your own interpreter; no private environment is built.",
    env: HOST_ENV.python,
    allowed: "the path or the name of a Python 3.10 or later",
    defaultText: "a private environment in the data directory",
  }).optional(),
  requirements: list({
    description: "Requirements files that are installed into the private environment.",
  }, text({ description: "A file." })).default([]),
}, "Where Python comes from.");
