// Prints some columns of a Parquet file as lines of JSON, read by DuckDB: an independent judge of what the Go code
// writes. Usage: node read.mjs MODULES FILE
import { createRequire } from 'node:module';
import path from 'node:path';
const [modules, file] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(path.join(path.resolve(modules), 'x.js'))('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
const columns = 'id, messages, response, reasoning, token_ids, top_ids, top_logprobs, sample, cost_usd, verdicts';
const result = await connection.runAndReadAll(`select ${columns} from read_parquet('${file}')`);
for (const row of result.getRowObjectsJson()) console.log(JSON.stringify(row));
