// Parquet files of many shapes by DuckDB, and how many rows each has: to compare with a recount.
//
//   write_parquet.mjs MODULES DIRECTORY [SCALE]    MODULES: a node_modules that has @duckdb/node-api
//
// Prints one line a file, "NAME ROWS", as DuckDB itself counts them after writing; -1: the rows of
// an encrypted one are not to be seen. The files of tests/data/parquet are of SCALE 1.
import { createRequire } from 'node:module';
import path from 'node:path';

const [modules, directory, scale = '1'] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(path.join(path.resolve(modules), 'x'))('@duckdb/node-api');

const flat = (rows) => `SELECT i AS id, i % 7 AS kind, 'value ' || (i % 100) AS name FROM range(${rows * scale}) t(i)`;
const nested = (rows) => `SELECT i AS id, range(i % 5) AS list, {'a': i, 'b': {'c': 'x' || i}} AS struct,
  MAP([i], ['v']) AS map, CASE WHEN i % 3 = 0 THEN NULL ELSE [[i], [], NULL] END AS lists
  FROM range(${rows * scale}) t(i)`;
const files = {
  'flat.parquet': [flat(1000), ''],
  'groups.parquet': [flat(10000), 'ROW_GROUP_SIZE 2048'],
  'nested.parquet': [nested(3000), 'ROW_GROUP_SIZE 2048'],
  'empty.parquet': [flat(0), ''],
  'one.parquet': [flat(1), ''],
  'nulls.parquet': [`SELECT NULL::INTEGER AS a, NULL::VARCHAR AS b FROM range(${77 * scale})`, ''],
  'snappy.parquet': [flat(500), 'COMPRESSION snappy'],
  'zstd.parquet': [flat(500), 'COMPRESSION zstd'],
  'gzip.parquet': [flat(500), 'COMPRESSION gzip'],
  'plain.parquet': [flat(500), 'COMPRESSION uncompressed'],
  'dictionary.parquet': [`SELECT 'word ' || (i % 3) AS w FROM range(${5000 * scale}) t(i)`, 'ROW_GROUP_SIZE 2048'],
  'version2.parquet': [flat(4000), 'PARQUET_VERSION v2'],
  'metadata.parquet': [flat(10), `KV_METADATA {note: '${'long '.repeat(40)}'}`],
  'encrypted.parquet': [flat(10), `ENCRYPTION_CONFIG {footer_key: 'key'}`],
};

const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
await connection.run("SET force_mbedtls_unsafe = 'true'");
await connection.run(`PRAGMA add_parquet_key('key', '0123456789112345')`);
for (const [name, [query, options]] of Object.entries(files)) {
  const file = path.join(directory, name);
  const more = options ? `, ${options}` : '';
  await connection.run(`COPY (${query}) TO '${file}' (FORMAT parquet${more})`);
  if (options.includes('ENCRYPTION')) {
    console.log(`${name} -1`);
    continue;
  }
  const [[rows]] = (await connection.runAndReadAll(
    `SELECT count(*) FROM read_parquet('${file}')`)).getRows();
  console.log(`${name} ${rows}`);
}
connection.closeSync();
instance.closeSync();
