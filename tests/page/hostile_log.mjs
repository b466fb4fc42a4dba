// Lines of a compaction log as the demo's store writes them, about projects with hostile names. The second run of each reads
// nothing, and loses what the first wrote. To be run, it prints them.
import { fileURLToPath } from 'node:url';

const names = ['<script>window.reached = 1</script>', '<img src=x onerror="window.reached = 1">', '" onmouseover="window.reached = 1',
  '</style><style>body{display:none}</style>', '\u202egnp.exe', '=cmd|x!A1', '../../..', '%2e%2e%2f', 'a\r\nb\u001b[31m', '&lt;b&gt;'];

const written = 2;
export const lost = written * names.length;

function print() {
  for (const [i, name] of names.entries()) {
    const project = `hostile-${i} ${name}`;
    for (const run of [1, 2]) {
      for (const format of ['row', 'columnar']) {
        console.log(JSON.stringify({
          ts: new Date().toISOString(), level: 'info', host: 'data-01', event: 'compaction_finished', run: `h${i}-${run}`, batch: `${project}.${run}`,
          project, day: '2016-02-22', format, existing: 0, new: run === 1 ? written : 1, duplicates: 0, deleted: 0, recovered: 0, written: run === 1 ? written : 1,
          version: name, path: `/nowhere/${format}/{project}/{day}` }));
      }
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) print();
