// Builds the page: `node build.mjs` writes dist/; `node build.mjs --check` builds to a temporary folder, says whether
// dist/ is the same, and whether what the browser loads is small enough. The result depends on the sources alone.
import { build } from 'esbuild'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const loaded = ['index.html', 'observer.js', 'observer.css']
const files = [...loaded, 'icon.svg', 'licences.txt']
const mostBytes = 120 * 1024 // of what is loaded, compressed

// The packages that are in the bundle, each with its licence.
function licences(metafile) {
  const names = new Set()
  for (const input of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)
    if (found) names.add(found[1])
  }
  const parts = ['The page is built from these packages, besides the sources of steward.\n']
  for (const name of [...names].sort()) {
    const folder = join(here, 'node_modules', name)
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : ''
    parts.push(`${name} ${about.version} (${about.license})\n\n${text.replaceAll('\r\n', '\n')}\n`)
  }
  return parts.join(`\n${'-'.repeat(72)}\n\n`)
}

async function buildTo(folder) {
  mkdirSync(folder, { recursive: true })
  const made = await build({
    absWorkingDir: here,
    entryPoints: { observer: 'src/main.js' },
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    charset: 'ascii', // what the browser shows does not hang on a header then
    legalComments: 'none', // they are in licences.txt
    metafile: true,
    logLevel: 'warning',
  })
  for (const file of ['index.html', 'icon.svg']) copyFileSync(join(here, 'src', file), join(folder, file))
  writeFileSync(join(folder, 'licences.txt'), licences(made.metafile))
}

const read = (folder, file) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file)) : Buffer.alloc(0))

function sizes(folder) {
  const total = { plain: 0, packed: 0 }
  for (const file of loaded) {
    const bytes = read(folder, file)
    const packed = gzipSync(bytes, { level: 9 }).length
    total.plain += bytes.length
    total.packed += packed
    console.log(`${file}: ${bytes.length} bytes, ${packed} compressed`)
  }
  console.log(`in all: ${total.plain} bytes, ${total.packed} compressed; at most ${mostBytes}`)
  return total
}

const dist = join(here, 'dist')
if (process.argv.includes('--check')) {
  const folder = mkdtempSync(join(tmpdir(), 'observer-'))
  try {
    await buildTo(folder)
    const differ = files.filter((file) => !read(folder, file).equals(read(dist, file)))
    const { packed } = sizes(folder)
    if (differ.length > 0) console.error(`dist is not what the sources make: ${differ.join(', ')}; run 'node build.mjs'`)
    if (packed > mostBytes) console.error('the page is too large')
    process.exitCode = differ.length > 0 || packed > mostBytes ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
} else {
  rmSync(dist, { recursive: true, force: true })
  await buildTo(dist)
  sizes(dist)
}
