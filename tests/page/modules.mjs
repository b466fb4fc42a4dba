// The page's pure modules, as JavaScript: `const { parsePlace } = await pageModule('url')`.
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const web = fileURLToPath(new URL('../../dashboards/web/', import.meta.url));
const { build } = createRequire(path.join(web, 'package.json'))('esbuild');

export async function pageModule(name) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'rollcall-page-'));
  try {
    const outfile = path.join(directory, `${name}.mjs`);
    await build({ entryPoints: [path.join(web, 'src', `${name}.ts`)], bundle: true, format: 'esm', outfile, logLevel: 'error' });
    return await import(pathToFileURL(outfile));
  } finally {
    await rm(directory, { recursive: true });
  }
}
