// Fills the specifications with the study's data, draws them in the colours of the style sheet, and runs the table of
// cases. All text goes into the page as text nodes or through vega's own escaping, never as markup.
(() => {
'use strict';
const {embed, expressionInterpreter} = globalThis.breakevenVega;
const byId = id => document.getElementById(id);
const readJson = id => JSON.parse(byId(id).textContent);
const report = readJson('study-data');
for (const table of ['points', 'breaks', 'scaling', 'ranks', 'counts']) {  // stored by column, used by row
  const fields = Object.entries(report[table]);
  const length = fields.length ? fields[0][1].length : 0;
  report[table] = Array.from({length}, (_, i) => Object.fromEntries(fields.map(([name, values]) => [name, values[i]])));
}
const chartNames = ['overview', 'time', 'front', 'scaling', 'efficiency', 'ranks', 'counts', 'winners'];
const specs = Object.fromEntries(chartNames.map(name => [name, readJson('spec-' + name)]));
const style = getComputedStyle(document.documentElement);
const darkScheme = matchMedia('(prefers-color-scheme: dark)');
const printing = matchMedia('print');

// ---- text ---------------------------------------------------------------------------------------------------------
const known = x => x !== null && x !== undefined;
const grouped = n => known(n) ? Math.round(n).toLocaleString('en-US') : 'unknown';
const digits = (x, n = 3) => !known(x) ? 'unknown' : x !== 0 && (Math.abs(x) < 1e-2 || Math.abs(x) >= 1e5) ?
  x.toExponential(n - 2) : String(Number(x.toPrecision(n)));
function seconds(t) {
  if (!known(t)) return 'unknown';
  const [factor, unit] = t >= 1 ? [1, 's'] : t >= 1e-3 ? [1e3, 'ms'] : t >= 1e-6 ? [1e6, 'µs'] : [1e9, 'ns'];
  return `${Number((t * factor).toPrecision(3))} ${unit}`;
}
const percent = x => known(x) ? `${(100 * x).toFixed(1)} %` : 'unknown';
const sized = n => n % 1024 === 0 ? `${grouped(n)} (${n / 1024}Ki)` : grouped(n);
function interval(low, high, confidence, text) {
  if (!known(low) || !known(high)) return 'none';
  return `${text(low)} to ${text(high)}` + (known(confidence) ? ` (${(100 * confidence).toFixed(1)} %)` : '');
}

// ---- theme --------------------------------------------------------------------------------------------------------
// Series colours: safe for colour-blind readers (after Okabe and Ito), lighter on dark; shapes tell them apart as well.
// Exact methods take the neutral ones.
const palettes = {
  light: {exact: ['#20262e', '#7d8792', '#b3a07a'],
          fast: ['#0072b2', '#d55e00', '#00916a', '#b8558f', '#c98a00', '#3d9bd6', '#6f56a8', '#8c6a3f']},
  dark: {exact: ['#f1f3f5', '#97a3b0', '#c9b68c'],
         fast: ['#5ab8f0', '#ff8f4a', '#2fc79f', '#ea9cc8', '#f3c553', '#a5d8f7', '#b9a3e3', '#d3ab70']},
};
const shapeCycle = {exact: ['square', 'diamond', 'cross'],
                    fast: ['circle', 'triangle-up', 'triangle-down', 'triangle-right', 'triangle-left']};
let printTheme = false;
const isDark = () => darkScheme.matches && !printTheme && !printing.matches;

function look(series) {
  const kind = series.role === 'exact' ? 'exact' : 'fast';
  const position = report.series.filter(s => (s.role === 'exact') === (kind === 'exact')).indexOf(series);
  const palette = palettes[isDark() ? 'dark' : 'light'][kind];
  return {colour: palette[position % palette.length], shape: shapeCycle[kind][position % shapeCycle[kind].length]};
}
// In print the variables are read before the print style sheet applies, so the light values are kept here.
const lightInk = {ink: '#1b1f24', muted: '#5d6773', line: '#dfe3e7', background: '#ffffff'};
function ink() {
  if (printTheme || printing.matches) return lightInk;
  const read = name => style.getPropertyValue(name).trim();
  return {ink: read('--ink'), muted: read('--muted'), line: read('--line'), background: read('--panel')};
}
function config() {
  const c = ink();
  const font = style.getPropertyValue('--sans').trim() || 'sans-serif';
  return {
    background: null, font, view: {stroke: null},
    axis: {labelColor: c.muted, titleColor: c.ink, titleFontWeight: 500, titleFontSize: 12.5, labelFontSize: 11.5,
           gridColor: c.line, gridOpacity: 0.8, domainColor: c.muted, tickColor: c.muted, titlePadding: 10,
           labelPadding: 6, tickSize: 4},
    legend: {labelColor: c.ink, titleColor: c.muted, orient: 'top', labelFontSize: 12, titleFontWeight: 500,
             symbolStrokeWidth: 1.8, padding: 0, offset: 14, columnPadding: 18, rowPadding: 5},
    text: {color: c.ink}, rule: {color: c.ink},
  };
}

// ---- filling a specification ----------------------------------------------------------------------------------------
// {"$": "name"} stands for values[name].
function fill(spec, values) {
  if (Array.isArray(spec)) return spec.map(each => fill(each, values));
  if (spec === null || typeof spec !== 'object') return spec;
  if (typeof spec.$ === 'string') return values[spec.$];
  return Object.fromEntries(Object.entries(spec).map(([key, each]) => [key, fill(each, values)]));
}
// Legend columns that stay within the width: a column is as wide as its longest name, symbol and padding.
const pen = document.createElement('canvas').getContext('2d');
function legend(names, width) {
  pen.font = `12px ${style.getPropertyValue('--sans').trim() || 'sans-serif'}`;
  const beside = 42;  // symbol, its offset, padding between columns
  width -= 70;        // a legend begins where the plot does, right of the axis
  const longest = Math.max(1, ...names.map(name => pen.measureText(name).width));
  const columns = Math.min(names.length, Math.max(1, Math.floor(width / (longest + beside))));
  const twoLines = "indexof(datum.label, ' ') < 0 ? datum.label : " +
    "[slice(datum.label, 0, indexof(datum.label, ' ')), slice(datum.label, indexof(datum.label, ' ') + 1)]";
  return {legendColumns: columns, legendLimit: Math.max(80, width - beside),
          legendLabel: longest + beside > width ? twoLines : 'datum.label'};
}
const distinct = list => [...new Set(list)];
const ascending = list => distinct(list).sort((a, b) => a - b);
const widened = (values, factor) => values.length ? [values[0] / factor, values.at(-1) * factor] : [1, 2];

function seriesValues(rows) {
  const present = new Set(rows.map(row => row.series));
  const shown = report.series.filter(series => present.has(series.name));
  return {series: shown.map(s => s.name), colours: shown.map(s => look(s).colour), shapes: shown.map(s => look(s).shape)};
}
// Each row with the colour of its series, for marks that stand in no legend.
function coloured(rows) {
  const {series, colours} = seriesValues(rows);
  return rows.map(row => ({...row, colour: colours[series.indexOf(row.series)]}));
}
// 1, 10, 100 ... around the values; over a short range 1, 2, 5, 10 ...; over a long one every second power or fewer.
function decimalTicks(values, most) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const step = Math.max(1, Math.ceil((last - first) / most));
  const ticks = [];
  for (let e = first; e <= last; e += step)
    for (const digit of last - first <= 3 ? [1, 2, 5] : [1]) ticks.push(Number(`${digit}e${e}`));
  return ticks;
}
// Powers of two over a range, thinned until at most `most` remain.
function powersOfTwo([low, high], most) {
  let ticks = [];
  for (let e = Math.ceil(Math.log2(low)); 2 ** e <= high; ++e) ticks.push(2 ** e);
  while (ticks.length > most) ticks = ticks.filter((_, i) => i % 2 === 0);
  return ticks;
}

const chosen = {group: 0, n: 0, count: '', rows: '', mostError: 0.1};
const overOneFactor = distinct(report.breaks.map(b => b.factor)).length < 2;  // else each label names its own
const factor = () => group().factor ?? 'n';
const group = () => report.groups[chosen.group] ?? {label: '', factor: 'n', scaling: -1};
// A point without an interval gets one of length zero: nothing is drawn, and no scale is left without an extent.
const bar = (row, field, low, high) => {
  const without = row.hollow || !known(row[low]) || !known(row[high]);
  return without ? {[low]: row[field], [high]: row[field]} : {};
};
const pointTexts = p => ({...p, ...bar(p, 'time', 'low', 'high'), n_text: sized(p.n), time_text: seconds(p.time), setup_text: seconds(p.setup),
  error_text: digits(p.error), skill_text: digits(p.skill),
  interval_text: p.hollow ? 'none' : interval(p.low, p.high, p.confidence, seconds)});
const side = (value, values) =>
  Math.log(value) > (Math.log(Math.min(...values)) + Math.log(Math.max(...values))) / 2 ? 'right' : 'left';

// Lines of at most `most` characters, broken at `gaps`, as the axis of the overview splits them.
function broken(text, gaps, most) {
  const lines = [''];
  for (const word of text.split(gaps))
    if (lines.at(-1) && lines.at(-1).length + word.length >= most) lines.push(word);
    else lines.push(`${lines.pop()} ${word}`.trim());
  return lines;
}
const labelLimit = available => Math.min(330, available * 0.42);
function overviewValues(available) {
  const domain = widened(ascending(report.breaks.flatMap(b => [b.smallest, b.largest, b.n].filter(known))), 1.25);
  const named = b => overOneFactor ? '' : `${b.factor} = `;
  const label = b => b.verdict === 'measured' ? named(b) + grouped(b.n) : b.verdict === 'extrapolated' ?
    `${named(b)}≈ ${grouped(Number(b.n.toPrecision(2)))} (model)` : b.verdict === 'below range' ?
    `faster from ${named(b)}${grouped(b.smallest)} on` : b.verdict === 'never' ? 'never' : 'not reached';
  const breaks = report.breaks.map(b => {
    const at = b.n ?? (b.verdict === 'below range' ? b.smallest : b.largest);
    const along = n => Math.log(n / domain[0]) / Math.log(domain[1] / domain[0]);
    // Where there is room, and beside the shorter arm of the interval: at the end of a long one it would name that end.
    const right = along(at) > 0.62 || known(b.low) && b.high / at > 1.2 * at / b.low && along(b.low) > 0.12;
    const anchor = right ? Math.min(at, b.low ?? at) : Math.max(at, b.high ?? at);
    const most = labelLimit(available) / 6.4;  // pixels a character
    const lines = [...broken(b.series, ' ', most), ...broken(b.task, /(?<=,) /, most)];
    return {...b, row: lines.join(' | '), lines: lines.length, label: label(b), label_n: anchor, label_side: right ? 'right' : 'left', n_text: grouped(b.n),
            interval_text: interval(b.low, b.high, b.confidence, grouped), error_text: digits(b.error),
            speed_text: `${digits(b.speed_up)}× at ${b.factor} = ${grouped(b.largest)}`};
  });
  const lines = Math.max(2, ...breaks.map(b => b.lines));
  return {...seriesValues(report.breaks), breaks: coloured(breaks), labelShift: -6.5 * (lines - 1),
          rowsHeight: (13 * lines + (breaks.length > 10 ? 5 : 12)) * breaks.length,
          breakTitle: `break-even ${overOneFactor ? report.breaks[0]?.factor ?? 'n' : 'size'} (log scale)`, overviewDomain: domain, overviewTicks: powersOfTwo(domain, 12)};
}

function timeValues(available) {
  const points = report.points.filter(p => p.group === chosen.group).map(pointTexts);
  const sizes = ascending(points.map(p => p.n));
  const breaks = report.breaks.filter(b => b.group === chosen.group && b.verdict === 'measured').sort((a, b) => a.n - b.n)
    .map((b, i) => ({...b, slot: 4 + 16 * i, side: side(b.n, sizes),
                     label: (available < 560 ? '' : 'break-even ') + grouped(b.n),
                     n_text: grouped(b.n), interval_text: interval(b.low, b.high, b.confidence, grouped),
                     error_text: digits(b.error)}));
  return {...seriesValues(points), points: coloured(points), breaks: coloured(breaks), nDomain: widened(sizes, 1.12), nTicks: sizes, nTitle: `${factor()} (log scale)`,
          timeTicks: decimalTicks(points.flatMap(p => [p.low, p.high, p.time]), 9)};
}

function frontValues() {
  const points = report.points.filter(p => p.group === chosen.group && p.n === chosen.n && known(p.error)).map(pointTexts);
  const times = points.map(p => p.time);
  // Empty text on the side that is not used: a filtered layer without rows would leave its scales without an extent.
  const labelled = p => ({...p, label_left: '', label_right: '', [`label_${side(p.time, times)}`]: p.front ? p.series : ''});
  return {...seriesValues(points), points: coloured(points).map(labelled),
          timeTicks: decimalTicks(times, 9), errorTicks: decimalTicks(points.map(p => p.error_drawn), 9)};
}

function scalingValues() {
  const rows = report.scaling.filter(r => r.scaling === group().scaling && r.n === chosen.n);
  const ranks = ascending(rows.map(r => r.ranks));
  const scaling = rows.map(r => ({...r, ...bar(r, 'speed_up', 'speed_up_low', 'speed_up_high'),
    ...bar(r, 'efficiency', 'efficiency_low', 'efficiency_high'), speed_text: `${digits(r.speed_up)}×`, time_text: seconds(r.time),
    speed_interval: r.hollow ? 'none' : interval(r.speed_up_low, r.speed_up_high, r.confidence, digits),
    efficiency_text: percent(r.efficiency), base_text: `${seconds(r.base_time)} on ${r.base} rank${r.base > 1 ? 's' : ''}`}));
  const ideal = ranks.map(r => ({ranks: r, speed_up: r / ranks[0], efficiency: 1}));
  return {...seriesValues(rows), scaling: coloured(scaling), ideal, rankDomain: widened(ranks, 1.1), rankTicks: ranks};
}

function rankValues(available) {
  const rows = report.ranks.filter(r => r.group === chosen.group && r.n === chosen.n && known(r.share));
  const least = Math.min(0.9, ...rows.map(r => r.share));
  const cells = distinct(rows.map(r => r.rank)).length;
  const ranks = rows.map(r => ({...r, time_text: seconds(r.time), share_text: percent(r.share),
                                strong: (r.share - least) / (1 - least) > 0.5}));
  return {...seriesValues(rows), ranks, rowsHeight: 34 * distinct(rows.map(r => r.series)).length, shareDomain: [least, 1],
          cellTextFilter: 130 * cells < available ? 'true' : 'false',
          ramp: isDark() ? ['#22303e', '#7cc4ff'] : ['#dbe9f5', '#0b4f8a']};
}

const countsHere = () => report.counts.filter(c => c.group === chosen.group);
const slopeText = c => known(c.slope) ? `${c.slope.toFixed(2)} ± ${c.slope_error.toFixed(2)}` : 'unknown';
function countValues() {
  const counts = countsHere().filter(c => c.count === chosen.count)
    .map(c => ({...c, n_text: sized(c.n), value_text: digits(c.value, 4), slope_text: slopeText(c)}));
  const sizes = ascending(counts.map(c => c.n));
  return {...seriesValues(counts), counts: coloured(counts), nDomain: widened(sizes, 1.12), nTicks: sizes, nTitle: `${factor()} (log scale)`,
          countTitle: `${chosen.count.replaceAll('_', ' ')} (log scale)`, countTicks: decimalTicks(counts.map(c => c.value), 9)};
}

// Maps of winners: what the chosen task is a row of, with the other rows.
const rowsOfMap = map => report.groups.flatMap((g, i) => g.maps.filter(m => m.map === map).map(m => ({group: i, value: m.value})));
const mapsHere = () => (group().maps ?? []).filter(m => distinct(rowsOfMap(m.map).map(row => row.value)).length > 1);
const inaccurate = p => known(p.error) && p.error > chosen.mostError;
function winnerOf(points) {
  const order = points.filter(p => !inaccurate(p)).sort((a, b) => a.time - b.time);
  if (order.length < 2) return null;  // alone is no winner
  const [first, second] = order;
  const exact = order.find(p => p.role === 'exact');
  const ratio = p => `${digits(p.time / first.time, 2)}×`;
  const sure = p => !p.hollow && known(p.low) && known(p.high);
  return {...first, close: !sure(first) || !sure(second) || second.low <= first.high,
          gain: exact && exact !== first ? ratio(exact) : '', next_text: `${second.series}, ${ratio(second)} the time`,
          exact_text: exact ? `${exact.series}, ${ratio(exact)} the time` : 'none'};
}
function winnerValues(available) {
  const map = mapsHere().find(m => m.factor === chosen.rows);
  const cells = (map ? rowsOfMap(map.map) : []).flatMap(row => {
    const points = report.points.filter(p => p.group === row.group);
    return ascending(points.map(p => p.n)).map(n => winnerOf(points.filter(p => p.n === n))).filter(known)
      .map(w => ({...w, value: row.value, n_text: sized(w.n), time_text: seconds(w.time), error_text: digits(w.error)}));
  });
  const columns = distinct(cells.map(c => c.n)).length;
  const lines = c => [...c.series.split(' '), ...c.gain ? [c.gain] : []];
  const letters = Math.max(1, ...cells.flatMap(lines).map(line => line.length));
  const named = columns * Math.max(46, 6.6 * letters + 12) + 60 < available;
  return {...seriesValues(cells), factor: factor(), rowTitle: chosen.rows.replaceAll('_', ' '),
          cells: cells.map(c => ({...c, label: lines(c).join('|'), shift: -6.5 * (lines(c).length - 1), strength: (named ? 0.42 : 0.9) * (c.close ? 0.45 : 1)})),
          rowsHeight: (named ? 18 + 13 * Math.max(1, ...cells.map(c => lines(c).length)) : 34) * distinct(cells.map(c => c.value)).length,
          cellTextFilter: named ? 'true' : 'false'};
}

const chartValues = {overview: overviewValues, time: timeValues, front: frontValues, scaling: scalingValues,
                     efficiency: scalingValues, ranks: rankValues, counts: countValues, winners: winnerValues};
const oneRankCount = 'This task was measured with one number of ranks only.';
const nothing = {
  front: 'No error was measured here.', scaling: oneRankCount, efficiency: oneRankCount,
  ranks: 'These cases hold the times of one rank only, so there is nothing to compare.',
  counts: 'No method counted anything that grows here.',
  winners: 'Fewer than two methods are that accurate here.',
  time: 'Nothing here may be drawn: see the warnings.',
};
const rowsOf = {overview: 'breaks', time: 'points', front: 'points', scaling: 'scaling', efficiency: 'scaling', ranks: 'ranks', counts: 'counts', winners: 'cells'};

const drawings = {};  // the newest drawing of each chart: an older one that ends later is dropped
async function draw(name) {
  const holder = byId(name);
  if (!holder) return;
  const forPrint = printTheme || printing.matches;
  const half = name === 'scaling' || name === 'efficiency';
  const printWidth = half ? 325 : 685;  // of A4 with the margins of the style sheet
  const available = forPrint ? printWidth : holder.clientWidth || 685;
  const values = chartValues[name](available);
  byId(`${name}-caption`)?.toggleAttribute('hidden', values[rowsOf[name]].length === 0);
  const number = drawings[name] = (drawings[name] ?? 0) + 1;
  if (values[rowsOf[name]].length === 0) {
    const note = document.createElement('p');
    note.className = 'nothing';
    note.textContent = nothing[name] ?? '';
    holder.replaceChildren(note);
    return;
  }
  const spec = fill(specs[name], {
    ...values, ...ink(), factor: factor(), width: forPrint ? printWidth : 'container', height: forPrint ? 235 : available < 560 ? 300 : 380,
    halfHeight: forPrint ? 210 : 280, labelLimit: labelLimit(available),
    ...legend(values.series, available), pointLimit: Math.max(60, available / 2 - 50),
  });
  // In the figure itself, so that a downloaded picture says it too.
  if (report.label) spec.title = {text: report.label, anchor: 'end', orient: 'bottom', fontSize: 11, fontWeight: 500,
                                  color: ink().muted, offset: 2};
  const element = document.createElement('div');
  element.style.width = '100%';
  const previous = [...holder.children];
  holder.append(element);  // in the page before it is drawn: a container width needs a container
  if (previous.length) Object.assign(element.style, {position: 'absolute', visibility: 'hidden'});
  const view = await embed(element, spec, {
    ast: true, expr: expressionInterpreter, renderer: 'svg', config: config(), tooltip: {theme: isDark() ? 'dark' : 'light'},
    actions: {export: true, source: false, compiled: false, editor: false}, downloadFileName: `break-even-${name}`,
  });
  if (number !== drawings[name]) {
    view.finalize();
    element.remove();
    return;
  }
  previous.forEach(each => each.remove());
  element.style.position = element.style.visibility = '';
}
const drawAll = names => Promise.all((names ?? chartNames).map(draw));

// ---- choosing what is drawn -----------------------------------------------------------------------------------------
function options(select, entries, value) {
  select.replaceChildren(...entries.map(([key, text]) => {
    return Object.assign(document.createElement('option'), {value: key, textContent: text});
  }));
  select.value = String(value);
  select.disabled = entries.length < 2;
}
// The largest n that the most series share and that every launch measured.
function bestSize() {
  const points = report.points.filter(p => p.group === chosen.group);
  const score = n => points.filter(p => p.n === n && !p.hollow).length;
  return ascending(points.map(p => p.n)).reduce((best, n) => score(n) >= score(best) ? n : best, points[0]?.n ?? 0);
}
function captions() {
  const base = scalingValues().scaling.filter(r => r.ranks === r.base).map(r => `${r.series} ${seconds(r.base_time)}`);
  const ranks = scalingValues().rankTicks[0];
  const caption = byId('scaling-caption');
  if (caption && base.length)
    caption.textContent = `Dashed line: ideal. Base, ${ranks} rank${ranks > 1 ? 's' : ''}, run without set-up: ${base.join(', ')}.`;
  const slopes = distinct(countsHere().filter(c => c.count === chosen.count).map(c => `${c.series}: ${slopeText(c)}`));
  const help = countsHere().find(c => c.count === chosen.count)?.help ?? '';
  byId('counts-caption').textContent = `${help}. Exponent of ${factor()} fitted over all sizes, with its standard error: ${slopes.join('; ')}.`;
  for (const name of ['front', 'scaling', 'efficiency', 'ranks']) {
    const title = document.querySelector(`#${name}-figure h3`);
    if (!title) continue;
    title.dataset.title ??= title.textContent;
    title.textContent = `${title.dataset.title}, ${factor()} = ${grouped(chosen.n)}`;
  }
}
function choose() {
  const sizes = ascending(report.points.filter(p => p.group === chosen.group).map(p => p.n));
  if (!sizes.includes(chosen.n)) chosen.n = bestSize();
  options(byId('size'), sizes.map(n => [n, sized(n)]), chosen.n);
  byId('chosen').textContent = group().label;
  byId('factor').textContent = factor();
  const names = distinct(countsHere().map(c => c.count));
  if (!names.includes(chosen.count)) chosen.count = names.find(name => /quer/.test(name)) ?? names[0] ?? '';
  options(byId('count'), names.map(name => [name, name.replaceAll('_', ' ')]), chosen.count);
  byId('counts-section').toggleAttribute('hidden', report.counts.length === 0);
  const rows = mapsHere().map(m => m.factor);
  if (!rows.includes(chosen.rows)) chosen.rows = rows.find(name => name !== 'ranks') ?? rows[0] ?? '';
  options(byId('rows'), rows.map(name => [name, name.replaceAll('_', ' ')]), chosen.rows);
  byId('winners-section').toggleAttribute('hidden', rows.length === 0);
  captions();
}
function setUpChoice() {
  chosen.group = report.shown;
  options(byId('group'), report.groups.map((g, i) => [i, g.label]), chosen.group);
  byId('group').addEventListener('change', event => {
    chosen.group = Number(event.target.value);
    choose();
    drawAll(['time', 'winners', 'front', 'counts', 'scaling', 'efficiency', 'ranks']);
  });
  byId('size').addEventListener('change', event => {
    chosen.n = Number(event.target.value);
    captions();
    drawAll(['front', 'scaling', 'efficiency', 'ranks']);
  });
  options(byId('most-error'), [[Infinity, 'any'], ...[0.1, 1e-2, 1e-3, 1e-6, 1e-9].map(x => [x, String(x)])], chosen.mostError);
  byId('most-error').addEventListener('change', event => { chosen.mostError = Number(event.target.value); drawAll(['winners']); });
  byId('rows').addEventListener('change', event => { chosen.rows = event.target.value; drawAll(['winners']); });
  byId('count').addEventListener('change', event => {
    chosen.count = event.target.value;
    captions();
    drawAll(['counts']);
  });
  choose();
}

// ---- table of cases ---------------------------------------------------------------------------------------------------
const columns = report.cases.columns.map(column => ({...column, at: row => column.values ? column.values[row] : column.value}));
const usual = ['method', 'data', 'bound', 'input', 'd', 'dtype', 'n', 'ranks', 'setup_s', 'time_median', 'time_lo', 'time_hi',
               'ceiling_share', 'bound_by', 'error', 'skill', 'features', 'launches', 'repetitions', 'certified', 'status'];
// A parameter that other methods lack does not vary by that; an input file beside generated data does.
const varying = new Set(columns.filter(c => c.values && (c.kind !== 'parameter' || distinct(c.values.filter(known)).length > 1)));
const varies = column => varying.has(column);
const parameters = columns.filter(c => c.kind === 'parameter' && varies(c)).map(c => c.name);
const usualOrder = [usual[0], ...parameters, ...usual.slice(1)];
const tableState = {sort: null, descending: false, all: false, filter: ''};
const mostRows = 1000;  // more are in the CSV
function cellText(column, value) {
  if (!known(value)) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'number') return column.name === 'hash' ? value.slice(0, 12) : String(value);
  return column.unit === 's' ? seconds(value) : Number.isInteger(value) ? grouped(value) : digits(value, 4);
}
function compare(a, b) {
  if (known(a) !== known(b)) return known(a) ? -1 : 1;
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''));
}
function shownColumns() {
  if (tableState.all) return columns;
  const withValues = c => c && (c.values || known(c.value));
  return usualOrder.map(name => columns.find(c => c.name === name)).filter(withValues);
}
function headCell(column, isNumeric) {
  const cell = document.createElement('th');
  cell.classList.toggle('r', isNumeric);
  cell.classList.toggle('same', !varies(column));  // paper is narrow: there these columns are left out
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = column.name.replaceAll('_', ' ');
  button.title = column.help + (column.unit && column.unit !== '1' ? ` [${column.unit}]` : '');
  button.addEventListener('click', () => {
    tableState.descending = tableState.sort === column ? !tableState.descending : false;
    tableState.sort = column;
    showTable();
  });
  cell.append(button);
  cell.setAttribute('aria-sort', tableState.sort !== column ? 'none' : tableState.descending ? 'descending' : 'ascending');
  return cell;
}
function showTable() {
  const shown = shownColumns();
  const numeric = new Set(shown.filter(c => typeof (c.values?.find(known) ?? c.value) === 'number'));
  let rows = [...Array(report.cases.rows).keys()];
  const words = tableState.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = row => columns.map(c => `${c.name}=${c.at(row)} ${cellText(c, c.at(row))}`).join(' ').toLowerCase();
  if (words.length) rows = rows.filter(row => words.every(word => text(row).includes(word)));
  const {sort, descending} = tableState;
  if (sort) rows.sort((a, b) => (descending ? -1 : 1) * compare(sort.at(a), sort.at(b)) || a - b);
  const head = document.createElement('tr');
  head.append(...shown.map(column => headCell(column, numeric.has(column))));
  const body = rows.slice(0, mostRows).map(row => {
    const line = document.createElement('tr');
    if (columns.find(c => c.name === 'status')?.at(row) === 'failed') line.className = 'failed';
    line.append(...shown.map(column => {
      const cell = document.createElement('td');
      cell.textContent = cellText(column, column.at(row));
      if (column.name === 'hash') cell.title = column.at(row) ?? '';
      cell.classList.toggle('r', numeric.has(column));
      cell.classList.toggle('same', !varies(column));
      return cell;
    }));
    return line;
  });
  const [thead, tbody] = [document.createElement('thead'), document.createElement('tbody')];
  thead.append(head);
  tbody.append(...body);
  byId('cases').replaceChildren(thead, tbody);
  byId('cases-note').textContent = `${body.length} of ${report.cases.rows} cases, ${shown.length} of ${columns.length} columns. ` +
    'The CSV holds every case and column. Click a heading to sort.';
}
// Spreadsheets run text that begins with = + - @ as a formula: an apostrophe in front keeps it text.
function csvCell(value) {
  if (!known(value)) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
function downloadCsv() {
  const lines = [columns.map(c => csvCell(c.name)).join(',')];
  for (let row = 0; row < report.cases.rows; ++row) lines.push(columns.map(c => csvCell(c.at(row))).join(','));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([lines.join('\r\n') + '\r\n'], {type: 'text/csv'}));
  link.download = `${(report.study || 'break-even').replace(/[^\w.-]+/g, '_')}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function setUpTable() {
  byId('all-columns').addEventListener('change', event => { tableState.all = event.target.checked; showTable(); });
  byId('filter').addEventListener('input', event => { tableState.filter = event.target.value; showTable(); });
  byId('csv').addEventListener('click', downloadCsv);
  showTable();
}

// ---- start --------------------------------------------------------------------------------------------------------
darkScheme.addEventListener('change', () => drawAll());
const unfold = () => document.querySelectorAll('.unfold').forEach(each => { each.open = true; });
printing.addEventListener('change', () => { if (printing.matches) unfold(); drawAll(); });
addEventListener('beforeprint', () => { printTheme = true; unfold(); drawAll(); });
addEventListener('afterprint', () => { printTheme = false; drawAll(); });
setUpChoice();
setUpTable();
drawAll().then(() => { document.body.dataset.ready = 'true'; });
})();
