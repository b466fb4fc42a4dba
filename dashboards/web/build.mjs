// Bundles the page: dist/{index.html, app-HASH.js, app-HASH.css, favicon.svg}, and nothing else.
//
//   npm ci --ignore-scripts && node build.mjs
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(here, 'src');
const dist = path.join(here, 'dist');

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { app: path.join(source, 'main.tsx') },
  outdir: dist,
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome123', 'firefox120', 'safari17.5'],  // the first with light-dark()
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'eof',
  metafile: true,
});

const made = Object.keys(metafile.outputs).map((file) => path.basename(file));
const named = (ending) => made.find((file) => file.endsWith(ending));
const page = await readFile(path.join(source, 'index.html'), 'utf8');
await writeFile(path.join(dist, 'index.html'),
  page.replace('app.js', named('.js')).replace('app.css', named('.css')));
await copyFile(path.join(source, 'favicon.svg'), path.join(dist, 'favicon.svg'));
