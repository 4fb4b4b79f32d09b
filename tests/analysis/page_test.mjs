// Opens a report page in Debian's chromium, offline, from disk, and checks what only a browser can tell.
//   node page_test.mjs PAGE.html FOLDER     screenshots, a PDF and the CSV go into FOLDER
// playwright-core: npm ci in this folder (or NODE_PATH). Without it or chromium: prints why and exits 77 (skipped).
import assert from 'node:assert/strict';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

function skip(why) {
  console.log(`SKIPPED: ${why}`);
  process.exit(77);
}
const [page_path, folder = 'page_test_output'] = process.argv.slice(2);
if (!page_path || !existsSync(page_path)) {
  console.error('usage: node page_test.mjs PAGE.html [FOLDER]');
  process.exit(2);
}
const chromium_path = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(p => p && existsSync(p));
if (!chromium_path) skip('chromium is not installed');
let chromium;
try {
  ({chromium} = createRequire(import.meta.url)('playwright-core'));
} catch {
  skip('playwright-core is not installed (npm ci in tests/analysis)');
}
mkdirSync(folder, {recursive: true});
const url = pathToFileURL(resolve(page_path)).href;
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
               '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/// Opens the page in a fresh profile, hands it to `check`, and fails on any request, error or warning it made.
async function visit(name, options, check, address = url) {
  const profile = mkdtempSync(join(tmpdir(), 'breakeven-page-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromium_path, args: flags, offline: true, acceptDownloads: true, ...options});
  try {
    const page = await context.newPage();
    const complaints = [];
    page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(String(error)));
    page.on('dialog', dialog => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on('request', request => /^(file|data|blob):/.test(request.url()) || complaints.push(`request: ${request.url()}`));
    page.on('requestfailed', request => complaints.push(`failed: ${request.url()}`));
    await page.goto(address);
    await page.waitForSelector('body[data-ready]', {timeout: 60_000});
    await check(page);
    assert.deepEqual(complaints, [], `${name}: the page complained`);
    console.log(`ok   ${name}`);
  } finally {
    await context.close();
    rmSync(profile, {recursive: true, force: true});
  }
}
const shot = (page, name) => page.screenshot({path: join(folder, `${name}.png`), fullPage: true});
const axisTitles = page => page.$$eval('#time svg .mark-text.role-axis-title, #time svg .role-axis-title text, #time svg text',
                                       texts => texts.map(text => text.textContent));

/// Nothing drawn may stick out of its figure: a legend or label would be cut off, on paper for good.
async function checkNothingSticksOut(page) {
  const out = await page.$$eval('.chart', charts => charts.flatMap(chart => {
    const frame = chart.getBoundingClientRect();
    return [...chart.querySelectorAll('svg text')]
      .filter(text => text.textContent && (text.getBoundingClientRect().right > frame.right + 2 || text.getBoundingClientRect().left < frame.left - 2))
      .map(text => `${chart.id}: ${text.textContent}`);
  }));
  assert.deepEqual(out, [], 'texts outside of their figure');
  const longest = await page.evaluate(() => Math.max(0, ...JSON.parse(document.getElementById('study-data').textContent).series.map(s => s.name.length)));
  if (longest > 45) return;  // no phone shows such a name in one line
  const cut = await page.$$eval('.role-legend-label text', texts => texts.map(text => text.textContent).filter(text => text.endsWith('…')));
  assert.deepEqual(cut, [], 'names cut off in a legend');
}

async function checkTooltip(page) {
  const point = page.locator('#time svg .mark-symbol.role-mark path').nth(2);
  await point.scrollIntoViewIfNeeded();
  await point.hover({force: true});
  const tooltip = page.locator('#vg-tooltip-element.visible');
  await tooltip.waitFor({timeout: 10_000});
  const text = await tooltip.innerText();
  for (const word of ['method', 'n', 'time', 'interval']) assert.match(text, new RegExp(`(^|\\s)${word}\\s`), `tooltip lacks ${word}: ${text}`);
  assert.match(text, /\d (s|ms|µs|ns)/);
  await page.mouse.move(1, 1);
}

async function checkCsv(page) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#csv')]);
  const path = join(folder, 'cases.csv');
  await download.saveAs(path);
  const lines = readFileSync(path, 'utf8').trim().split('\r\n');
  const header = lines[0].split(',');
  for (const column of ['hash', 'method', 'n', 'time_median', 'error']) assert.ok(header.includes(column), `CSV lacks ${column}`);
  const rows = await page.evaluate(() => JSON.parse(document.getElementById('study-data').textContent).cases.rows);
  assert.equal(lines.length, rows + 1, 'one CSV line a case');
}

async function checkTable(page) {
  const nColumn = page.locator('#cases th', {hasText: /^n$/});
  await nColumn.locator('button').click();
  assert.equal(await nColumn.getAttribute('aria-sort'), 'ascending');
  const position = await page.$$eval('#cases th', cells => cells.findIndex(cell => cell.textContent === 'n'));
  const values = await page.$$eval('#cases tbody tr', (rows, at) => rows.map(row => Number(row.children[at].textContent.replaceAll(',', ''))), position);
  assert.deepEqual(values, [...values].sort((a, b) => a - b));
  const empty = await page.$$eval('#cases', ([table]) => [...table.querySelectorAll('th')].filter((_, i) =>
    [...table.querySelectorAll('tbody tr')].every(row => row.children[i].textContent === '')).map(cell => cell.textContent));
  assert.deepEqual(empty, [], 'usual columns without a value');
}

const headings = page => page.$$eval('#cases th', cells => cells.map(cell => cell.textContent));

/// The page as it is when every case was held against the ceilings: a made-up study has measured none.
function withCeilings() {
  const text = readFileSync(page_path, 'utf8').replace(/(<script[^>]*id="study-data"[^>]*>)([^]*?)(<\/script>)/, (_, begin, data, end) => {
    const report = JSON.parse(data);
    for (const column of report.cases.columns) {
      if (column.name === 'bound_by') column.value = 'memory';
      if (column.name === 'ceiling_share') column.values = Array(report.cases.rows).fill(0.62519);
      if (column.name === 'ceiling_share') delete column.value;
    }
    return begin + JSON.stringify(report).replaceAll('<', '\\u003c') + end;
  });
  const path = resolve(join(folder, 'with_ceilings.html'));
  writeFileSync(path, text);
  return pathToFileURL(path).href;
}
async function checkCeilings(page) {
  const shown = await headings(page);
  const first = await page.$$eval('#cases tbody tr:first-child td', cells => cells.map(cell => cell.textContent));
  const at = shown.indexOf('time hi');
  assert.deepEqual(shown.slice(at + 1, at + 3), ['ceiling share', 'bound by']);
  assert.deepEqual(first.slice(at + 1, at + 3), ['0.6252', 'memory']);
}

/// The map names the fastest method of each cell among those accurate enough, found here by a loop of its own.
async function checkWinners(page) {
  if (!await page.locator('#winners-section').isVisible()) return false;
  const rows = await page.inputValue('#rows');
  for (const most of ['0.1', '0.000001']) {
    await page.selectOption('#most-error', most);
    await page.waitForTimeout(700);
    const expected = await page.evaluate(([factor, limit]) => {
      const data = JSON.parse(document.getElementById('study-data').textContent);
      const chosen = Number(document.getElementById('group').value);
      const map = data.groups[chosen].maps.find(m => m.factor === factor).map;
      const cells = new Map();
      data.points.n.forEach((n, i) => {
        const at = data.points.group[i], error = data.points.error[i];
        if (!data.groups[at].maps.some(m => m.map === map) || error !== null && error > limit) return;
        const key = `${at}/${n}`;
        cells.set(key, [...cells.get(key) ?? [], [data.points.time[i], data.points.series[i]]]);
      });
      return [...cells.values()].filter(cell => cell.length > 1)
        .map(cell => cell.reduce((best, each) => each[0] < best[0] ? each : best)[1].split(' ')[0]).sort();
    }, [rows, Number(most)]);
    const shown = await page.$$eval('#winners svg .mark-text.role-mark text', texts => texts.map(text =>
      (text.querySelector('tspan') ?? text).textContent).sort());
    assert.ok(expected.length > 1, 'a map has cells');
    assert.deepEqual(shown, expected, `winners with an error of at most ${most}`);
  }
  await page.selectOption('#most-error', '0.1');
  return true;
}

async function checkChoice(page) {
  const options = await page.$$eval('#group option', each => each.map(option => option.value));
  if (options.length < 2) return;
  const before = await page.locator('#time svg').first().innerHTML();
  await page.selectOption('#group', options.at(-1) === await page.inputValue('#group') ? options[0] : options.at(-1));
  await page.waitForFunction(old => document.querySelector('#time svg')?.innerHTML !== old, before);
}

async function checkLight(page) {
  if (await page.evaluate(() => JSON.parse(document.getElementById('study-data').textContent).series.length === 0)) {
    await shot(page, 'light');  // a study without a drawable case: the page has to open, there is nothing to hover
    return;
  }
  const titles = await axisTitles(page);
  assert.ok(titles.some(title => title.startsWith('n (log')), 'x axis title');
  assert.ok(titles.some(title => title.startsWith('set-up + run')), 'y axis title');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page does not scroll sideways');
  await shot(page, 'light');
  await checkNothingSticksOut(page);
  await checkTooltip(page);
  await checkCsv(page);
  await checkTable(page);
  assert.equal(await checkWinners(page), await page.evaluate(() => {
    const {groups, shown} = JSON.parse(document.getElementById('study-data').textContent);
    return groups[shown].maps.some(map => groups.filter(group => group.maps.some(m => m.map === map.map)).length > 1);
  }), 'a map of winners where a number of the task varies, and only there');
  await checkChoice(page);
}
async function checkNarrow(page) {
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page does not scroll sideways');
  await shot(page, 'narrow');
  await checkNothingSticksOut(page);
}
// Printed from a dark screen: paper must get dark text on white all the same.
async function checkPrint(page) {
  await page.pdf({path: join(folder, 'page.pdf'), format: 'A4', printBackground: true});
  await page.emulateMedia({media: 'print'});
  await page.waitForTimeout(1500);
  const drawn = await page.locator('#time svg').count() > 0;
  const colours = await page.evaluate(() => ({
    text: getComputedStyle(document.body).color, title: document.querySelector('#time svg .role-axis-title text')?.getAttribute('fill')}));
  assert.equal(colours.text, 'rgb(27, 31, 36)');
  if (drawn) assert.equal(colours.title, '#1b1f24');
  assert.equal(await page.locator('.vega-embed summary:visible').count(), 0, 'no menu on paper');
  assert.equal(await page.locator('.unfold:not([open])').count(), 0, 'nothing is folded away on paper');
  await shot(page, 'print');
  await checkNothingSticksOut(page);
}

const desktop = {viewport: {width: 1280, height: 900}};
await visit('light', {...desktop, colorScheme: 'light'}, checkLight);
if (readFileSync(page_path, 'utf8').includes('"bound_by"')) await visit('ceilings', desktop, checkCeilings, withCeilings());
await visit('dark', {...desktop, colorScheme: 'dark'}, page => shot(page, 'dark'));
await visit('narrow', {viewport: {width: 390, height: 844}, colorScheme: 'light'}, checkNarrow);
await visit('print', {viewport: {width: 794, height: 1123}, colorScheme: 'dark'}, checkPrint);
