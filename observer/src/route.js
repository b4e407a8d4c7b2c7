// Where the reader is: `#/crashes/c-0007?path=/root/a`. The moment is no part of it.
import { signal } from '@preact/signals'

const parse = () => {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const [view, ...rest] = path.split('/')
  let part = rest.join('/')
  try {
    part = decodeURIComponent(part)
  } catch {
    part = ''
  }
  return { view: view || 'overview', part, params: new URLSearchParams(query) }
}

export const route = signal(parse())
addEventListener('hashchange', () => { route.value = parse() })

export const to = (view, part = '', params = {}) => {
  const kept = Object.entries(params).filter(([, value]) => value)
  return `#/${view}${part ? `/${encodeURIComponent(part)}` : ''}${kept.length > 0 ? `?${new URLSearchParams(kept)}` : ''}`
}
export const go = (view, part, params) => { location.hash = to(view, part, params) }
