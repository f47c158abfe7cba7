/**
 * `npm run bench [-- <what>] [-- --quick] [-- --name=<text>] [-- --peers=<name,...>]`: without a word this gateway and its peers;
 * `reverse-invoke`: two gateways with different things between them.
 */
import { parseArgs } from 'node:util'
import { compareGateways } from './gateways.ts'
import { compareTunnels } from './reverse-invoke/run.ts'

const { values, positionals: [what = 'gateways', ...more] } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, name: { type: 'string' }, peers: { type: 'string' } }
})
const run = new Map([['gateways', compareGateways], ['reverse-invoke', compareTunnels]]).get(what)
if (run === undefined || more.length > 0) throw new Error(`nothing to measure called "${[what, ...more].join(' ')}"; there are gateways and reverse-invoke`)
await run(values)
