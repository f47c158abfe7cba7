import { STATUS_CODES } from 'node:http'
import type { PublicError } from './error-status.ts'

/** An answer that the gateway gives itself. */
export interface ErrorPage {
  readonly contentType: string
  readonly body: string
}

/**
 * Renders an error: a small HTML page for browsers, JSON for everybody else.
 *
 * @param accept value of the Accept field
 * @see RFC 9110 section 12.5.1
 */
export function renderErrorPage (error: PublicError & { readonly requestId: string | null }, accept: string | undefined): ErrorPage {
  return prefersHtml(accept)
    ? { contentType: 'text/html; charset=utf-8', body: html(error) }
    : { contentType: 'application/json; charset=utf-8', body: json(error) }
}

function json ({ statusCode, code, message, requestId }: PublicError & { readonly requestId: string | null }): string {
  return JSON.stringify({ statusCode, code, message, requestId })
}

function html ({ statusCode, code, message, requestId }: PublicError & { readonly requestId: string | null }): string {
  const title = escapeHtml(`${statusCode} ${STATUS_CODES[statusCode] ?? 'Error'}`)
  const request = requestId === null ? '' : `<br>Request: <code>${escapeHtml(requestId)}</code>`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><p>${escapeHtml(message)}</p><p>Code: <code>${escapeHtml(code)}</code>${request}</p></body>
</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as HTML content or attribute value. */
export function escapeHtml (text: string): string {
  return text.replaceAll(/[&<>"']/g, character => ENTITIES[character] as string)
}

/** HTML only for who names it, and not with less weight than JSON: programs send no Accept or a wildcard. */
function prefersHtml (accept: string | undefined): boolean {
  if (accept === undefined || !/html/i.test(accept)) return false
  const html = weightOf(accept, /^(text\/html|application\/xhtml\+xml)$/)
  return html > 0 && html >= weightOf(accept, /^application\/json$/)
}

function weightOf (accept: string, type: RegExp): number {
  const weights = accept.toLowerCase().split(',').map(item => {
    const [name = '', ...parameters] = item.split(';').map(part => part.trim())
    if (!type.test(name)) return 0
    const weight = Number(parameters.find(parameter => parameter.startsWith('q='))?.slice(2) ?? 1)
    return Number.isNaN(weight) ? 0 : weight
  })
  return Math.max(0, ...weights)
}
