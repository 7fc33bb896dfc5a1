// Renders chat templates with npm's @huggingface/jinja, the independent source of what our templates must give.
// usage: node render.mjs PATH-OF-PACKAGE < cases.json > texts.json
//
// A case is {template, variables}; the answer is {text} or {error}, one per case.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { Template } = await import(pathToFileURL(process.argv[2] + "/dist/index.js"));
const cases = JSON.parse(readFileSync(0, "utf8"));
const answers = cases.map(({ template, variables }) => {
  try {
    return { text: new Template(template).render(variables) };
  } catch (e) {
    return { error: String(e.message ?? e) };
  }
});
process.stdout.write(JSON.stringify(answers, null, 1) + "\n");
