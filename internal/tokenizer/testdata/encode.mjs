// Encodes texts with npm's @huggingface/tokenizers, an independent reader of tokenizer.json.
// usage: node encode.mjs PATH-OF-PACKAGE FOLDER < texts.json > ids.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , pkg, folder] = process.argv;
const { Tokenizer } = await import(pathToFileURL(createRequire(import.meta.url).resolve(pkg)));
const read = (name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
const texts = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map((t) => {
  const ids = tokenizer.encode(t, { add_special_tokens: false }).ids;
  return { ids, text: tokenizer.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false }) };
})));
