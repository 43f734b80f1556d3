/**
 * `lint.ts FILE...` checks OpenAPI documents with @redocly and swagger-parser. Errors go to
 * standard error and set the exit status to 1; warnings are counted. The packages are locked beside
 * this file, so the first start of a server does not fetch them.
 */
import SwaggerParser from "@apidevtools/swagger-parser";
import { createConfig, lintFromString } from "@redocly/openapi-core";

async function problemsOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(path);
  const config = await createConfig({ extends: ["recommended"] });
  const found = await lintFromString({ source: text, absoluteRef: path, config });
  const problems = found.filter((it) => it.severity === "error").map((
    { ruleId, message, location },
  ) => `${ruleId}: ${message} at ${location[0]?.pointer ?? "#"}`);
  console.log(`${path}: ${found.length - problems.length} warnings`);
  for (const { ruleId, message } of found.filter((it) => it.severity === "warn")) {
    console.log(` ${ruleId}: ${message}`);
  }
  try {
    await SwaggerParser.validate(JSON.parse(text));
  } catch (error) {
    problems.push(`swagger-parser: ${(error as Error).message}`);
  }
  return problems;
}

let failed = false;
for (const path of Deno.args) {
  for (const problem of await problemsOf(path)) {
    failed = true;
    console.error(`${path}: ${problem}`);
  }
}
Deno.exit(failed ? 1 : 0);
