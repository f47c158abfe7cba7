import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { Readable, type Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { errors } from '../../src/errors.ts'
import { ReverseInvokePools, type ReverseInvokePoolsOptions } from '../../src/upstream/reverse-invoke-pools.ts'
import { buildFakeProvider, FakeSource, innerServer, type FakeProvider } from '../helpers/fake-provider.ts'
import { fetchBy } from '../helpers/fetch-by.ts'

function buildPools (t: { teardown (done: () => void): void }, providers: FakeProvider[], options: Partial<ReverseInvokePoolsOptions> = {}) {
  const source = new FakeSource(...providers)
  const pools = new ReverseInvokePools({ source, ...options })
  t.teardown(() => { pools.destroy() })
  return { source, pools, sender: pools.dispatcherFor(innerServer()) }
}

async function closed (socket: Duplex | undefined): Promise<void> {
  if (socket?.closed !== true) await new Promise(resolve => { socket?.once('close', resolve) })
}

/** Answers when told. */
function onDemand (): { handler: RequestListener, release (): void, arrived (count: number): Promise<void> } {
  const held: Array<() => void> = []
  const count = { total: 0 }
  const wakes = new Set<() => void>()
  return {
    handler: (request, response) => {
      request.resume()
      held.push(() => { response.end(request.url) })
      count.total++
      for (const wake of wakes) wake()
    },
    release: () => { for (const answer of held.splice(0)) answer() },
    arrived: async wanted => {
      while (count.total < wanted) await new Promise<void>(resolve => { wakes.add(resolve) })
    }
  }
}

t.test('nobody has registered: 503 at once', async t => {
  const { sender } = buildPools(t, [])
  await t.rejects(fetchBy(sender, '/'), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED', statusCode: 503 })
})

t.test('one after the other on one connection', async t => {
  const provider = await buildFakeProvider(t)
  const { pools, sender } = buildPools(t, [provider])
  for (const body of ['a', 'bc', '']) t.match(await fetchBy(sender, '/', { method: 'POST', body }), { status: 200, body })
  t.equal(provider.taken.length, 1)
  t.equal(pools.dispatcherFor(innerServer()), sender, 'one sender for equal servers')
  t.equal(pools.dispatcherFor({ ...innerServer(), host: 'APP.inner.invalid' }) === sender, false)
  t.match(await fetchBy(pools.dispatcherFor({ ...innerServer(), host: 'APP.inner.invalid' }), '/'), { status: 200 }, 'letter case of the address does not matter')
})

t.test('answers with trailers, informational answers and large bodies both ways', async t => {
  const size = 3_000_000
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.setHeader('trailer', 'x-end')
      request.pipe(response, { end: false })
      request.on('end', () => {
        response.addTrailers({ 'x-end': 'yes' })
        response.end()
      })
    }
  })
  const { sender } = buildPools(t, [provider])
  const seen: number[] = []
  const text = 'x'.repeat(size)
  const { statusCode, body, trailers } = await sender.request({ origin: 'http://u', path: '/', method: 'POST', body: Readable.from([text.slice(0, 10), text.slice(10)]), onInfo: ({ statusCode }) => { seen.push(statusCode) } })
  t.equal(statusCode, 200)
  t.equal((await body.text()).length, size)
  t.strictSame(trailers, { 'x-end': 'yes' })
  t.strictSame(seen, [103])
})

t.test('an answer that nobody reads stops its sender, and nobody else', async t => {
  let written = 0
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => {
      if (request.url === '/small') return response.end('small')
      const chunk = Buffer.alloc(65_536)
      const write = (): void => {
        while (response.write(chunk)) written += chunk.length
        response.once('drain', write)
      }
      write()
    }
  })
  const { sender } = buildPools(t, [provider])
  const large = await sender.request({ origin: 'http://u', path: '/large', method: 'GET' })
  for (let turn = 0; turn < 20; turn++) t.match(await fetchBy(sender, '/small'), { body: 'small' })
  t.ok(written < 30_000_000, 'back-pressure reaches the inner side')
  const before = provider.connections.length
  large.body.on('error', () => {}).destroy()
  await closed(provider.taken[0])
  t.equal(provider.connections.length, before - 1, 'an exchange that was given up costs its connection')
})

t.test('500 requests at once on five connections: each gets its own answer', async t => {
  const provider = await buildFakeProvider(t, { maxConnections: 5 })
  const { sender } = buildPools(t, [provider])
  const answers = await Promise.all(Array.from({ length: 500 }, async (_, index) => await fetchBy(sender, `/${index}`, { method: 'POST', body: `body ${index}` })))
  t.strictSame(answers.map(({ body }) => body), answers.map((_, index) => `body ${index}`))
  t.equal(provider.taken.length, 5)
})

t.test('too many wait: those are refused, all others answered', async t => {
  const provider = await buildFakeProvider(t, { maxConnections: 2, maxWaiting: 10 })
  const { sender } = buildPools(t, [provider])
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, async (_, index) => await fetchBy(sender, '/', { method: 'POST', body: `${index}` })))
  const refused = outcomes.filter(outcome => outcome.status === 'rejected')
  t.equal(refused.length, 88)
  for (const { reason } of refused) t.match(reason, { code: 'POSTERN_ERR_REVERSE_INVOKE_BUSY', statusCode: 503 })
  outcomes.forEach((outcome, index) => { if (outcome.status === 'fulfilled') t.equal(outcome.value.body, `${index}`) })
})

t.test('the bounds of the pool hold for each provider', async t => {
  const { handler, release, arrived } = onDemand()
  const provider = await buildFakeProvider(t, { handler })
  const { sender } = buildPools(t, [provider], { maxConnections: 2, maxWaiting: 1 })
  const two = [fetchBy(sender, '/1'), fetchBy(sender, '/2')]
  await arrived(2)
  const third = fetchBy(sender, '/3')
  await t.rejects(fetchBy(sender, '/4'), { code: 'POSTERN_ERR_UPSTREAM_BUSY' })
  release()
  t.match(await Promise.all(two), [{ body: '/1' }, { body: '/2' }])
  await arrived(3)
  release()
  t.match(await third, { body: '/3' })
  t.equal(provider.taken.length, 2)
})

t.test('whoever waits gets the connection that is free first', async t => {
  const { handler, release, arrived } = onDemand()
  const provider = await buildFakeProvider(t, { handler, maxConnections: 1 })
  const { sender } = buildPools(t, [provider])
  const first = fetchBy(sender, '/1')
  await arrived(1)
  const second = fetchBy(sender, '/2')
  release()
  await first
  await arrived(2)
  release()
  t.match(await second, { body: '/2' }, 'no connection came for it, and it did not need one')
  t.equal(provider.taken.length, 1)
})

t.test('no connection comes: the reason of the provider', async t => {
  const provider = await buildFakeProvider(t)
  provider.refusal = new errors.REVERSE_INVOKE_NO_CONNECTION()
  const { sender } = buildPools(t, [provider])
  await t.rejects(fetchBy(sender, '/'), { code: 'POSTERN_ERR_REVERSE_INVOKE_NO_CONNECTION', statusCode: 503 })
  await t.rejects(fetchBy(sender, '/', { method: 'POST', body: 'x' }), { code: 'POSTERN_ERR_REVERSE_INVOKE_NO_CONNECTION' })
})

t.test('goes to the provider with the least to do, among equals in turn', async t => {
  const { handler, release, arrived } = onDemand()
  const providers = [await buildFakeProvider(t, { handler }), await buildFakeProvider(t, { handler }), await buildFakeProvider(t, { handler })]
  const { sender } = buildPools(t, providers)
  const count = (): number[] => providers.map(({ requests }) => requests.length)
  const first = Array.from({ length: 6 }, async (_, index) => await fetchBy(sender, `/${index}`))
  await arrived(6)
  t.strictSame(count(), [2, 2, 2])
  release()
  await Promise.all(first)
  for (let index = 0; index < 3; index++) {
    const one = fetchBy(sender, '/')
    await arrived(7 + index)
    release()
    await one
  }
  t.strictSame(count(), [3, 3, 3])
  const slow = fetchBy(sender, '/slow')
  await arrived(10)
  const busy = count().indexOf(4)
  const two = [fetchBy(sender, '/'), fetchBy(sender, '/'), fetchBy(sender, '/'), fetchBy(sender, '/')]
  await arrived(14)
  t.equal(count()[busy]! <= 5, true, 'the busy one counts')
  release()
  await Promise.all([slow, ...two])
})

t.test('upgraded connections count until they are closed', async t => {
  const upgrade = (provider: FakeProvider): void => {
    provider.server.on('upgrade', (request, socket) => {
      provider.requests.push(request)
      socket.on('error', () => {})
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
  }
  const providers = [await buildFakeProvider(t), await buildFakeProvider(t)]
  for (const provider of providers) upgrade(provider)
  const { pools, sender } = buildPools(t, providers)
  const { socket } = await sender.upgrade({ path: '/', protocol: 'echo' })
  socket.on('error', () => {})
  socket.write('hello')
  t.equal(String((await once(socket, 'data'))[0]), 'hello')
  const other = providers.findIndex(({ requests }) => requests.length === 0)
  for (let turn = 0; turn < 3; turn++) await fetchBy(sender, '/')
  t.equal(providers[other]!.requests.length, 3)
  const gone = closed(socket)
  pools.endTunnels()
  await gone
  await fetchBy(sender, '/')
  await fetchBy(sender, '/')
  t.equal(providers[other]!.requests.length, 4, 'in turn again')
})

t.test('NTLM and Negotiate keep a client on its provider', async t => {
  const providers = [await buildFakeProvider(t), await buildFakeProvider(t)]
  const { sender } = buildPools(t, providers)
  const user = new Readable({ read () {} })
  const send = async (headers: Record<string, string>): Promise<void> => {
    await fetchBy(sender, '/', { headers, clientConnection: user } as object)
  }
  await send({ authorization: 'NTLM TlRMTVNTUAAB' })
  await fetchBy(sender, '/')
  for (let turn = 0; turn < 4; turn++) await send({})
  const counts = providers.map(({ requests }) => requests.length).sort((a, b) => a - b)
  t.strictSame(counts, [1, 5])
  const bound = providers.find(({ requests }) => requests.length === 5)!
  t.equal(new Set(bound.requests.map(({ socket }) => socket)).size, 1)
  bound.leave('draining')
  await closed(bound.taken[0])
  await send({})
  t.equal(bound.requests.length, 5, 'whose provider goes, goes elsewhere')
})

t.test('requests of which nothing was sent go to another provider, with their body', async t => {
  const [down, up] = [await buildFakeProvider(t), await buildFakeProvider(t)]
  const { sender } = buildPools(t, [down, up])
  down.refusal = new errors.REVERSE_INVOKE_NO_CONNECTION()
  for (let turn = 0; turn < 4; turn++) {
    t.match(await fetchBy(sender, '/', { method: 'POST', body: Readable.from(['one ', 'two']) }), { status: 200, body: 'one two' })
  }
  t.equal(up.requests.length, 4)
  up.refusal = new errors.REVERSE_INVOKE_BUSY()
  up.taken[0]!.destroy()
  await closed(up.taken[0])
  await t.rejects(fetchBy(sender, '/', { method: 'POST', body: 'x' }), { code: /REVERSE_INVOKE/ }, 'each once')
})

t.test('a provider that drains: hundreds of requests, none fails', async t => {
  const providers = [await buildFakeProvider(t, { maxConnections: 8 }), await buildFakeProvider(t, { maxConnections: 8 })] as const
  const { sender } = buildPools(t, [...providers])
  let done = 0
  const worker = async (number: number): Promise<void> => {
    for (let turn = 0; turn < 25; turn++) {
      const body = `${number}/${turn}`
      const method = turn % 2 === 0 ? 'POST' : 'PUT'
      t.equal((await fetchBy(sender, '/', { method, body })).body, body)
      if (++done === 150) providers[0].leave('draining')
    }
  }
  await Promise.all(Array.from({ length: 20 }, async (_, number) => { await worker(number) }))
  t.equal(done, 500)
  const [drained] = providers
  await Promise.all(drained.connections.map(async socket => { await closed(socket) }))
  t.ok(drained.requests.length > 50 && drained.requests.length < 400)
})

t.test('a provider that is killed: idempotent requests are answered all the same, once each by the other', async t => {
  const { handler, release, arrived } = onDemand()
  const [killed, other] = [await buildFakeProvider(t, { handler }), await buildFakeProvider(t)]
  const { source, sender } = buildPools(t, [killed])
  const gets = Array.from({ length: 20 }, async (_, index) => await fetchBy(sender, `/${index}`))
  const posts = Array.from({ length: 5 }, async () => await fetchBy(sender, '/post', { method: 'POST', body: 'x' }))
  const failed = Promise.allSettled(posts)
  await arrived(25)
  source.providers.push(other)
  killed.leave('gone')
  for (const { status } of await Promise.all(gets)) t.equal(status, 200)
  for (const outcome of await failed) t.match(outcome, { status: 'rejected', reason: { code: 'POSTERN_ERR_UPSTREAM_CLOSED', statusCode: 502 } })
  t.equal(other.requests.length, 20)
  release()
})

t.test('killed under load: only what was in flight may fail, and no answer is another\'s', async t => {
  const providers = [await buildFakeProvider(t), await buildFakeProvider(t)] as const
  const { sender } = buildPools(t, [...providers])
  let done = 0
  const failures: Array<{ method: string, after: number }> = []
  const worker = async (number: number): Promise<void> => {
    for (let turn = 0; turn < 25; turn++) {
      const method = turn % 2 === 0 ? 'POST' : 'GET'
      const path = `/${number}/${turn}`
      try {
        const answer = await fetchBy(sender, path, { method, ...(method === 'POST' ? { body: path } : {}) })
        t.equal(answer.body, method === 'POST' ? path : '')
      } catch {
        failures.push({ method, after: done })
      }
      if (++done === 150) providers[0].leave('gone')
    }
  }
  await Promise.all(Array.from({ length: 20 }, async (_, number) => { await worker(number) }))
  t.equal(done, 500)
  t.strictSame(failures.filter(({ method }) => method === 'GET'), [])
  t.ok(failures.length <= 20)
  t.ok(failures.every(({ after }) => after >= 149 && after < 175), 'those that were in flight')
})

t.test('a request is sent twice at most', async t => {
  let count = 0
  const cut: RequestListener = request => { count++; request.socket.destroy() }
  const providers = [await buildFakeProvider(t, { handler: cut }), await buildFakeProvider(t, { handler: cut }), await buildFakeProvider(t, { handler: cut })]
  const { sender } = buildPools(t, providers)
  await t.rejects(fetchBy(sender, '/'), { code: 'UND_ERR_SOCKET' })
  t.equal(count, 2)
  t.strictSame(providers.map(({ requests }) => requests.length).sort((a, b) => a - b), [0, 1, 1], 'by two providers')
  for (const [method, options] of [['POST', {}], ['PUT', { body: 'x' }]] as const) {
    count = 0
    await t.rejects(fetchBy(sender, '/', { method, ...options }))
    t.equal(count, 1, method)
  }
})

t.test('an answer that had begun is not asked for again', async t => {
  for (const begun of ['HTTP', 'HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf']) {
    let count = 0
    const provider = await buildFakeProvider(t, { handler: request => { count++; request.socket.end(begun, () => { request.socket.destroy() }) } })
    const { sender } = buildPools(t, [provider])
    await t.rejects(fetchBy(sender, '/'))
    t.equal(count, 1, begun)
  }
})

t.test('with one provider, an idle connection that was closed meanwhile costs nothing', async t => {
  let isFirst = true
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => {
      const last = !isFirst
      isFirst = false
      if (last && request.socket === provider.requests[0]?.socket) request.socket.destroy()
      else response.end('ok')
    }
  })
  const { sender } = buildPools(t, [provider])
  await fetchBy(sender, '/')
  t.match(await fetchBy(sender, '/'), { body: 'ok' }, 'closed as the request came')
  t.equal(provider.requests.length, 3)
  const [, second] = provider.taken
  const gone = closed(second)
  provider.requests[2]!.socket.destroy()
  await gone
  t.match(await fetchBy(sender, '/', { method: 'POST', body: 'x' }), { status: 200 })
})

/** A provider whose second connection comes when the request that it was for has found another one. */
async function unneededConnections (t: Test, keepAliveTimeoutMs: number) {
  const { handler, release, arrived } = onDemand()
  const provider = await buildFakeProvider(t, { handler })
  const real = provider.take.bind(provider)
  const takes: Array<() => void> = []
  let isHeld = false
  provider.take = async () => {
    if (isHeld) await new Promise<void>(resolve => { takes.push(resolve) })
    return await real()
  }
  const { sender, pools } = buildPools(t, [provider], { keepAliveTimeoutMs })
  const unneeded = async (): Promise<void> => {
    isHeld = false
    const first = fetchBy(sender, '/1')
    const before = provider.requests.length
    await arrived(before + 1)
    isHeld = true
    const second = fetchBy(sender, '/2')
    release()
    await first
    await arrived(before + 2)
    release()
    await second
    const count = provider.taken.length
    for (const resolve of takes.splice(0)) resolve()
    while (provider.taken.length === count) await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
  }
  return { provider, sender, pools, release, arrived, unneeded }
}

t.test('a connection that comes when nobody needs it any more is kept, and watched', async t => {
  const { provider, sender, release, arrived, unneeded } = await unneededConnections(t, 200)
  await unneeded()
  t.equal(provider.connections.length, 2)
  const both = [fetchBy(sender, '/a'), fetchBy(sender, '/b')]
  await arrived(4)
  release()
  t.match(await Promise.all(both), [{ body: '/a' }, { body: '/b' }], 'it serves')
  t.equal(provider.taken.length, 2)
  await Promise.all(provider.connections.map(async socket => { await closed(socket) }))
  t.pass('idle time')
  await unneeded()
  const [kept] = provider.connections.slice(-1)
  await closed(kept)
  t.pass('idle time of one that never carried anything')
})

t.test('a connection that never carried anything is closed with the others', async t => {
  const { provider, pools, unneeded } = await unneededConnections(t, 600_000)
  await unneeded()
  t.equal(provider.connections.length, 2)
  await pools.close()
  await Promise.all(provider.connections.map(async socket => { await closed(socket) }))
  t.pass()
})

t.test('what is left of a provider that is gone is let go', async t => {
  const provider = await buildFakeProvider(t)
  const { source, pools, sender } = buildPools(t, [provider])
  await fetchBy(sender, '/')
  await fetchBy(pools.dispatcherFor({ ...innerServer(), origin: 'http://another' }), '/')
  t.equal(provider.listeners, 1, 'one listener for all')
  provider.leave('gone')
  await t.rejects(fetchBy(sender, '/'), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
  const again = await buildFakeProvider(t)
  source.providers = [again]
  t.match(await fetchBy(sender, '/'), { status: 200 })
})

t.test('closes in order, and at once', async t => {
  const { handler, release, arrived } = onDemand()
  const provider = await buildFakeProvider(t, { handler })
  const { pools, sender } = buildPools(t, [provider])
  const running = fetchBy(sender, '/running')
  await arrived(1)
  pools.refresh()
  const whenClosed = pools.close()
  await t.rejects(fetchBy(sender, '/late'), { code: 'POSTERN_ERR_UPSTREAM_STOPPED' })
  release()
  t.match(await running, { body: '/running' })
  await whenClosed
  t.equal(provider.connections.length, 0)

  const other = buildPools(t, [provider])
  const cut = fetchBy(other.sender, '/cut')
  await arrived(2)
  other.pools.destroy()
  await t.rejects(cut, { code: 'POSTERN_ERR_UPSTREAM_STOPPED' })
})

t.test('a sender closes as a dispatcher does', async t => {
  const provider = await buildFakeProvider(t)
  const one = buildPools(t, [provider])
  await fetchBy(one.sender, '/')
  await one.sender.close()
  await t.rejects(fetchBy(one.sender, '/'), { code: 'POSTERN_ERR_UPSTREAM_STOPPED' })
  const two = buildPools(t, [provider])
  await fetchBy(two.sender, '/')
  await new Promise<void>(resolve => { two.sender.destroy(null, resolve) })
  await t.rejects(fetchBy(two.sender, '/'), { code: 'POSTERN_ERR_UPSTREAM_STOPPED' })
  await new Promise<void>(resolve => { buildPools(t, [provider]).sender.close(resolve) })
  await buildPools(t, [provider]).sender.destroy()
})

t.test('no socket is opened by this process towards the address', async t => {
  const server = createHttpServer()
  let connections = 0
  server.on('connection', socket => { connections++; socket.destroy() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port } = server.address() as { port: number }
  const { pools } = buildPools(t, [])
  const address = { origin: `http://127.0.0.1:${port}`, host: '127.0.0.1', port, tls: null }
  await t.rejects(fetchBy(pools.dispatcherFor(address), '/'), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
  t.equal(connections, 0)
})

/** What comes on a connection of an HTTP server from now on, up to `count` pieces. */
async function pieces (socket: Duplex, count: number): Promise<string[]> {
  const seen: string[] = []
  while (seen.length < count) seen.push(String((await once(socket, 'data'))[0]))
  return seen
}

t.test('empty lines follow a request that is not answered yet', async t => {
  const seen: string[][] = []
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => {
      request.resume().once('end', () => {
        pieces(request.socket, 2).then(lines => {
          seen.push(lines)
          response.end('late')
        }, () => {})
      })
    }
  })
  const { sender } = buildPools(t, [provider])
  t.match(await fetchBy(sender, '/'), { status: 200, body: 'late' })
  t.match(await fetchBy(sender, '/', { method: 'POST', body: 'x'.repeat(100_000) }), { status: 200, body: 'late' })
  t.same(seen, [['\r\n', '\r\n'], ['\r\n', '\r\n']])
  t.equal(provider.taken.length, 1)
})

t.test('empty lines around an answer are left out', async t => {
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => {
      request.socket.write('\r\n\r\n')
      response.end(request.url)
      response.once('finish', () => { request.socket.write('\r\n') })
    }
  })
  const { sender } = buildPools(t, [provider])
  for (const path of ['/a', '/b', '/c']) t.match(await fetchBy(sender, path), { status: 200, body: path })
  t.equal(provider.taken.length, 1)
})

t.test('an empty line is no answer: what may be sent twice is sent again', async t => {
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => {
      if (provider.requests.length !== 2) return response.end(request.url)
      request.socket.write('\r\n')
      request.socket.end()
    }
  })
  const { sender } = buildPools(t, [provider])
  t.match(await fetchBy(sender, '/first'), { status: 200 })
  t.match(await fetchBy(sender, '/second'), { status: 200, body: '/second' })
  t.equal(provider.requests.length, 3)
})

t.test('nothing follows a request to change the protocol', async t => {
  const provider = await buildFakeProvider(t, {
    handler: (request, response) => { pieces(request.socket, 2).then(() => { response.end() }, () => {}) }
  })
  const upgraded = new Promise<Duplex>(resolve => { provider.server.on('upgrade', (_request, socket: Duplex) => { resolve(socket) }) })
  const { sender } = buildPools(t, [provider])
  const answer = sender.upgrade({ path: '/', protocol: 'x' })
  const stream = await upgraded
  // of two that began one after the other the later one's empty lines have come
  await fetchBy(sender, '/')
  t.equal(stream.read(), null)
  stream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  const { socket } = await answer
  socket.write('first')
  t.equal(String((await once(stream, 'data'))[0]), 'first')
  socket.destroy()
})

t.test('an end-to-end stream does not say that empty lines are left out in it', async t => {
  const provider = await buildFakeProvider(t, { open: stream => { stream.write('hello') } })
  const { pools } = buildPools(t, [provider])
  const stream = await pools.connectStream(innerServer(), new AbortController().signal)
  t.equal(String((await once(stream, 'data'))[0]), 'hello')
  t.equal(provider.requests[0]?.headers['reverse-invoke-empty-lines'], undefined)
  stream.destroy()
})
