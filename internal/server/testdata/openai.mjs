// Asks a server with npm's official client: node openai.mjs PACKAGE_DIR BASE_URL TOKEN
import assert from "node:assert/strict";
import {pathToFileURL} from "node:url";
const [, , dir, baseURL, apiKey] = process.argv;
const {default: OpenAI} = await import(pathToFileURL(dir + "/index.mjs"));
const client = new OpenAI({baseURL, apiKey, maxRetries: 0});
const ask = {model: "stories", messages: [{role: "user", content: "Once upon a time"}], temperature: 0, max_tokens: 20};

const whole = await client.chat.completions.create(ask);
assert.equal(whole.usage.completion_tokens, 20);
assert.equal(whole.choices[0].finish_reason, "length");

let text = "", usage = null;
for await (const chunk of await client.chat.completions.create({...ask, stream: true, stream_options: {include_usage: true}})) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].message.content);
assert.equal(usage.total_tokens, whole.usage.total_tokens);

const helper = client.chat.completions.stream({...ask, logprobs: true, top_logprobs: 3});
const final = await helper.finalChatCompletion();
assert.equal(final.choices[0].message.content, text);
assert.equal(final.choices[0].logprobs.content.length, 20);
assert.equal(final.choices[0].logprobs.content[0].top_logprobs.length, 3);
assert.equal(typeof final.choices[0].logprobs.content[0].id, "number");

const continued = await client.completions.create({model: "stories", prompt: "Once upon a time", temperature: 0, max_tokens: 20, logprobs: 2});
assert.equal(continued.choices[0].text, text);
assert.equal(continued.choices[0].logprobs.tokens.length, 20);

const two = await client.chat.completions.create({...ask, temperature: 1, seed: 5, n: 2, stop: ["zebra"]});
assert.equal(two.choices.length, 2);
const again = await client.chat.completions.create({...ask, temperature: 1, seed: 5, n: 2, stop: ["zebra"]});
assert.deepEqual(again.choices.map(c => c.message.content), two.choices.map(c => c.message.content));

const schema = {type: "object", properties: {name: {type: "string", maxLength: 10}, age: {type: "integer"}}, required: ["name", "age"], additionalProperties: false};
const parsed = await client.chat.completions.parse({...ask, max_tokens: 100, response_format: {type: "json_schema", json_schema: {name: "person", strict: true, schema}}});
assert.equal(typeof JSON.parse(parsed.choices[0].message.content).age, "number");
const object = await client.chat.completions.create({...ask, max_tokens: 8, response_format: {type: "json_object"}});
assert.equal(object.choices[0].finish_reason, "length");
assert.ok(object.choices[0].message.content.startsWith("{"));

assert.deepEqual((await client.models.list()).data.map(m => m.id), ["stories"]);
await assert.rejects(client.chat.completions.create({...ask, model: "other"}), e => e instanceof OpenAI.NotFoundError && /does not exist/.test(e.message));
await assert.rejects(client.chat.completions.create({...ask, temperature: -1}), OpenAI.BadRequestError);
await assert.rejects(client.embeddings.create({model: "stories", input: "x"}), e => e.status === 501);
await assert.rejects(new OpenAI({baseURL, apiKey: "wrong", maxRetries: 0}).models.list(), OpenAI.AuthenticationError);
const stopped = new AbortController();
const stream = await client.chat.completions.create({...ask, max_tokens: 400, stream: true}, {signal: stopped.signal});
for await (const _ of stream) { stopped.abort(); break; }
console.log("passed");
