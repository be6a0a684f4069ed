// Plain JavaScript: JSON.parse, a string key, a Map.
//
// Counts are Numbers: each is far below 2^53. Their sums may pass that, so what a sum has
// gathered moves into a BigInt before it can. Money is wanted exact, and JSON.parse makes doubles:
// its numbers are put into quotes before they are parsed, and are BigInts in units of 10^-30.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SAFE = 2 ** 52;
const PLACES = 30;
const MONEY = new Set(['amount_value', 'quantity']);
const BARE = /"(value|quantity)":(-?[0-9][0-9.eE+-]*)/g;

function scaled(text) {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  const places = PLACES - fraction.length + Number(exponent);
  const digits = BigInt(sign + whole + fraction);
  return places >= 0 ? digits * 10n ** BigInt(places) : digits / 10n ** BigInt(-places);
}

function written(units) {
  const digits = String(units < 0n ? -units : units).padStart(PLACES + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`;
}

function flatten(row) {
  row.amount_value = row.amount?.value ?? null;
  row.currency = row.amount?.currency ?? null;
  for (const name of MONEY) row[name] = row[name] === null ? null : scaled(row[name]);
}

function recordsOf({ dimensions, counters }, paths) {
  const records = new Map();
  const money = counters.includes('amount_value');
  for (const path of paths) {
    const text = readFileSync(path, 'utf8');
    for (const bucket of JSON.parse(money ? text.replace(BARE, '"$1":"$2"') : text).data) {
      const window = `${bucket.start_time}|${bucket.end_time}`;
      for (const row of bucket.results) {
        if (money) flatten(row);
        let key = window;
        for (const name of dimensions) key += `|${row[name] ?? ''}`;
        const known = records.get(key);
        if (known === undefined) {
          records.set(key, row);
          continue;
        }
        for (const name of counters) {
          // An absent value is null, which counts as 0 beside a number: what is known stays then.
          if (known[name] === null || row[name] > known[name]) known[name] = row[name] ?? known[name];
        }
      }
    }
  }
  return records;
}

class Sum {
  constructor() {
    this.small = 0;
    this.large = 0n;
    this.money = false;
  }

  add(value) {
    if (typeof value === 'bigint') {
      this.money = true;
      this.large += value;
      return;
    }
    this.small += value;
    if (this.small > SAFE) {
      this.large += BigInt(this.small);
      this.small = 0;
    }
  }

  toString() {
    return this.money ? written(this.large) : String(this.large + BigInt(this.small));
  }
}

function totalsOf({ counters }, records) {
  const totals = new Map();
  for (const row of records.values()) {
    const key = JSON.stringify([row.project_id, row.service_tier ?? null]);
    let sums = totals.get(key);
    if (sums === undefined) totals.set(key, (sums = {}));
    for (const name of counters) {
      if (row[name] !== null) (sums[name] ??= new Sum()).add(row[name]);
    }
  }
  return [...totals].map(([key, sums]) => [
    ...JSON.parse(key),
    Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, String(sum)])),
  ]);
}

const [schema, pages] = process.argv.slice(2);
const names = readdirSync(pages);
const answer = {};
for (const [endpoint, shape] of Object.entries(JSON.parse(readFileSync(schema, 'utf8')))) {
  const [start, end] = shape.files.split('*');
  const paths = names.filter((name) => name.startsWith(start) && name.endsWith(end)).sort();
  answer[endpoint] = totalsOf(shape, recordsOf(shape, paths.map((name) => join(pages, name))));
}
console.log(JSON.stringify(answer));
