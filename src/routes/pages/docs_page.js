/** The program of the page at `/docs`: gives the description of the API to Scalar. */
import { byId, fetchJson, openWithKey } from "./key_form.js";

/** Loads the program of Scalar. It comes last, since it is large and changes colours of the page. */
function loadScalar() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/docs/scalar.js";
    script.onload = resolve;
    script.onerror = () => reject(new Error("The program of this page cannot be loaded."));
    document.head.append(script);
  });
}

openWithKey(async (key) => {
  const content = await fetchJson("/openapi.json", key);
  await loadScalar();
  byId("intro").remove();
  globalThis.Scalar.createApiReference("#reference", {
    content,
    withDefaultFonts: false,
    telemetry: false,
    showDeveloperTools: "never",
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    // The key must not get into the storage of the browser.
    persistAuth: false,
    ...(key === undefined ? {} : {
      authentication: {
        preferredSecurityScheme: "bearer",
        securitySchemes: { bearer: { token: key }, header: { value: key } },
      },
    }),
  });
});
