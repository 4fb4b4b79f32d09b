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
const svg = await page.$eval('#time svg', element => {
  const copy = element.cloneNode(true);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('style', 'background:#fff;font-family:sans-serif');
  return copy.outerHTML;
});
writeFileSync(out, svg + '\n');
await browser.close();
