// node readme_figure.mjs REPORT.html OUT.svg: the chart "Time against n" of the first task on real data, as SVG.
import {chromium} from 'playwright-core';
import {writeFileSync} from 'node:fs';
import {resolve} from 'node:path';

const [page_file, out] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({offline: true, colorScheme: 'light', viewport: {width: 1000, height: 900}});
const page = await context.newPage();
await page.goto('file://' + resolve(page_file));
await page.waitForSelector('body[data-ready]');
const tasks = await page.$$eval('#group option', options => options.map(o => ({value: o.value, text: o.textContent})));
const real = tasks.find(task => task.text.includes('.h5')) ?? tasks[0];
await page.selectOption('#group', real.value);
await page.waitForTimeout(500);  // the chart redraws
// The baseline must not be weak: the figure says which share of the machine's arithmetic it reaches.
const share = await page.$eval('#study-data', element => {
  const all = JSON.parse(element.textContent).cases;
  const columns = Object.fromEntries(all.columns.map(c => [c.name, c.values ?? Array(all.rows).fill(c.value)]));
  let best = -1;
  for (let i = 0; i < columns.n.length; ++i)
    if (columns.method[i] === 'ring' && columns.input[i] && columns.launches[i] >= 5 && (best < 0 || columns.n[i] > columns.n[best]))
      best = i;
  if (best < 0) return '';
  const percent = 100 * columns.flops[best] / columns.time_median[best] / columns.peak_flops[best];
  return `ring at n = ${columns.n[best]}: ${percent.toFixed(0)} % of the FMA peak of ${columns.ranks[best]} ranks ` +
         `(${columns.dtype[best]}, d = ${columns.d[best]}, without set-up)`;
});
const svg = await page.$eval('#time svg', (element, note) => {
  const copy = element.cloneNode(true);
  const text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
  text.setAttribute('x', '8');
  text.setAttribute('y', String(Number(copy.getAttribute('height')) - 6));
  text.setAttribute('font-size', '11');
  text.setAttribute('fill', '#56616e');
  text.textContent = note;
  copy.appendChild(text);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('style', 'background:#fff;font-family:sans-serif');
  return copy.outerHTML;
}, share);
writeFileSync(out, svg + '\n');
await browser.close();
