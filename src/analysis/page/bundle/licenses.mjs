// Prints name, version and licence text of every package that esbuild's meta file says is inside the bundle.
import {readdirSync, readFileSync} from 'node:fs';

const meta = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const bundled = new Set();
for (const input of Object.keys(Object.values(meta.outputs)[0].inputs)) {
  const folder = input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/);
  if (folder) bundled.add(folder[0]);
}

const packages = [...bundled].map(folder => {
  const about = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find(name => /^licen[cs]e/i.test(name));
  return {name: about.name, version: about.version, licence: about.license ?? 'see text',
          text: file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : ''};
});
packages.sort((a, b) => a.name.localeCompare(b.name));

// Packages of one project share one text: print each text once, under all the packages it covers.
const byText = new Map();
for (const each of packages) byText.set(each.text, [...(byText.get(each.text) ?? []), each]);
console.log('vega_bundle.min.js contains the packages below.\n');
for (const [text, covered] of byText) {
  console.log('='.repeat(100));
  for (const {name, version, licence} of covered) console.log(`${name} ${version} (${licence})`);
  console.log('\n' + (text || 'The package ships no licence file; the licence is the one its package.json names, above.') + '\n');
}
