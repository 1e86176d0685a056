/** The page as one file with everything in it, which asks no network: node tools/page.js writes build/clearwatt.html. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The text of the page. */
export async function page() {
  const made = await build({
    entryPoints: [here('../page/main.js'), here('../page/style.css')],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    outdir: here('../../../build'),
    write: false,
  });
  const text = (end) => made.outputFiles.find(({ path }) => path.endsWith(end)).text.trim();
  return readFileSync(here('../page/index.html'), 'utf8')
    .replace('/* style */', () => text('.css'))
    .replace('/* script */', () => text('.js').replaceAll('</script', '<\\/script'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = here('../../../build/clearwatt.html');
  mkdirSync(here('../../../build'), { recursive: true });
  const text = await page();
  writeFileSync(file, text);
  process.stdout.write(`build/clearwatt.html: ${Math.round(text.length / 1024)} kB\n`);
}
