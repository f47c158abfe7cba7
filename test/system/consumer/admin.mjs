import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { Registry } from 'prom-client'
import { admin } from 'postern/plugins/admin'

const app = Fastify()
await app.register(admin, { registry: new Registry(), ready: () => ({ ready: false, reasons: ['not yet'] }) })
assert.deepEqual((await app.inject('/live')).json(), { status: 'live' })
assert.equal((await app.inject('/ready')).statusCode, 503)
