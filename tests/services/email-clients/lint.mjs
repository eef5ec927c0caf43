// Reads a mail's HTML from standard input and prints what the mail programs named as arguments cannot show of it:
// a JSON list of {feature, client, support: "none" | "partial", notes}. The programs' abilities are caniemail.com's.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = join(process.cwd(), 'node_modules');
const { caniemail } = await import(pathToFileURL(createRequire(join(folder, '/')).resolve('caniemail')));
const { data } = JSON.parse(readFileSync(join(folder, 'caniemail/data/caniemail.json'), 'utf8'));
const clients = process.argv.slice(2);
const html = readFileSync(0, 'utf8');
const found = new Map();

function add(feature, client, support, notes) {
  found.set(`${feature} ${client}`, { feature, client, support, notes });
}

// The tool holds Outlook.com's abilities but does not know the name: it is asked what the other programs lack, and
// Outlook.com's part is read from its data.
const others = ['gmail.*', 'outlook.*', 'apple-mail.*', 'samsung-email.*'];
const used = new Set();
for (const level of ['warnings', 'errors']) {
  for (const [client, issues] of caniemail({ clients: others, html }).issues[level]) {
    for (const { title, support, notes } of issues) {
      used.add(title);
      if (clients.includes(client)) add(title, client, support === 'none' ? 'none' : 'partial', notes);
    }
  }
}
if (clients.includes('outlook.com')) {
  for (const { title, stats, notes_by_num: notes } of data.filter(({ title }) => used.has(title))) {
    const [latest] = Object.entries(stats.outlook?.['outlook-com'] ?? {}).sort().slice(-1);
    const [level, ...numbers] = (latest?.[1] ?? 'u').split(/\s+#?/);
    if (level === 'n' || level === 'a') {
      add(title, 'outlook.com', level === 'n' ? 'none' : 'partial', numbers.map((number) => notes?.[number] ?? ''));
    }
  }
}
console.log(JSON.stringify([...found.values()]));
