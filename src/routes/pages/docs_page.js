/** The program of the page at `/docs`: gives the description of the API to Scalar. */
import { byId, fetchJson, openWithKey } from "./key_form.js";

openWithKey(async (key) => {
  const content = await fetchJson("/openapi.json", key);
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
