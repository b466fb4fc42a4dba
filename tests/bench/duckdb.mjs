// DuckDB's part of the benchmark, on two threads and otherwise as it comes.
//
//   duckdb.mjs rows LOG DATABASE       the log's lines as rows of a new database file, durable
//   duckdb.mjs balances LOG DATABASE   and the balance of each partition, as rollcall keeps it
//   duckdb.mjs query DATABASE SQL      prints the first row as a JSON array
import { DuckDBInstance } from '@duckdb/node-api';

const ROWS = `CREATE TABLE runs AS SELECT * FROM read_json($log, format = 'newline_delimited')`;
const BALANCES = `CREATE TABLE balances AS
  SELECT project, day, format,
    arg_min(existing, ts) + sum("new" - duplicates - deleted) AS expected,
    arg_max(written, ts) AS actual, expected - actual AS missing
  FROM runs GROUP BY project, day, format`;

const [verb, ...rest] = process.argv.slice(2);
const database = verb === 'query' ? rest[0] : rest[1];
const instance = await DuckDBInstance.create(database, { threads: '2' });
const connection = await instance.connect();
if (verb === 'query') {
  const [row] = (await connection.runAndReadAll(rest[1])).getRows();
  console.log(JSON.stringify(row.map(Number)));
} else {
  await connection.run(ROWS, { log: rest[0] });
  if (verb === 'balances') await connection.run(BALANCES);
  await connection.run('CHECKPOINT');
}
connection.closeSync();
instance.closeSync();
