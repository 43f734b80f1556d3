/**
 * Calls the tools of texts.py from TypeScript.
 *
 *     deno task run examples/custom_adapter/main.ts
 */
import { fileURLToPath } from "node:url";
import { PythonError, runAsScript, SnakedenError } from "snakeden";

const here = fileURLToPath(new URL(".", import.meta.url));

await runAsScript(async (den) => {
  console.log(await den.execute("classify", { text: "I love this fine day" }));
  const texts = ["a good day", "an awful day", "a day"];
  for await (const chunk of den.stream("classify_all", { texts })) console.log(chunk);

  try {
    await den.execute("classify", { txt: "a typing error" });
  } catch (error) {
    // Errors name what is wrong, here every argument that the type hints refuse.
    if (!(error instanceof SnakedenError) || error instanceof PythonError) throw error;
    console.log(error.code, error.message);
  }
}, {
  pools: [{ name: "default", size: 2, adapter: "texts:Texts", modulePaths: [here] }],
});
