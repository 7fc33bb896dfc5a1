// Prints the rows of Arrow files as lines of JSON, read by the JavaScript implementation: an independent judge of what
// the Go code writes. Usage: node read.cjs MODULES FILE…
const path = require('path');
const fs = require('fs');
const [modules, ...files] = process.argv.slice(2);
const load = (name) => require(path.join(modules, 'node_modules', name));
const arrow = load('apache-arrow');
const zstd = load('fzstd');
arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, { decode: (data) => Uint8Array.from(zstd.decompress(data)) } /* aligned */);

const list = (v, item = (x) => x) => (v == null ? null : Array.from(v, item));

// A signal of version 2: the entries of a row by position, and the ids of draws from their distances.
const positions = (row, column, summed) => {
  if (row.top_lengths == null) return list(row[column]);
  let at = 0;
  const values = list(row[column]);
  return list(row.top_lengths, (n) => {
    const part = values.slice(at, at += n);
    return summed ? part.map(((sum) => (v) => sum += v)(0)) : part;
  });
};
for (const file of files) {
  const table = arrow.tableFromIPC(fs.readFileSync(file));
  console.log(JSON.stringify({ metadata: Object.fromEntries(table.schema.metadata), columns: table.schema.fields.map((f) => `${f.name}: ${f.type}${f.nullable ? ', null' : ''}`) }));
  for (const row of table) {
    console.log(JSON.stringify({
      id: row.id, prompt_id: row.prompt_id, split: row.split, sample: row.sample,
      messages: list(row.messages, (m) => [m.role, m.content]),
      reasoning: row.reasoning, response: row.response, finish_reason: row.finish_reason, teacher: row.teacher,
      tokens: [row.prompt_tokens, row.completion_tokens, row.reasoning_tokens],
      cost_usd: row.cost_usd, latency_ms: Number(row.latency_ms), created_at: Number(row.created_at),
      token_ids: list(row.token_ids), token_logprobs: list(row.token_logprobs),
      top_ids: positions(row, 'top_ids', table.schema.metadata.get('distill.signal') === 'sampled'), top_logprobs: positions(row, 'top_logprobs', false),
      verdicts: list(row.verdicts, (v) => [v.name, v.pass, v.score, v.detail]), meta: row.meta,
    }));
  }
}
