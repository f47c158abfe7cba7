import t from 'tap'
import { placeOf, routedTarget } from '../../src/gateway/reserved-paths.ts'

t.test('whom a target belongs to, and what the router sees of it', async t => {
  const rows: Array<[target: string, place: ReturnType<typeof placeOf>, routed: string]> = [
    ['/aux', 'below', '/aux'],
    ['/aux/', 'below', '/aux/'],
    ['/aux?x=/', 'below', '/aux?x=/'],
    ['/aux/a%2Fb//c?d', 'below', '/aux/a%2Fb//c?d'],
    ['http://host/aux/a?b', 'below', '/aux/a?b'],
    ['HTTPS://host/aux', 'below', '/aux'],
    ['/aux/%zz', 'below', '/'],
    ['/auxiliary', 'outside', '/'],
    ['/', 'outside', '/'],
    ['/AUX', 'outside', '/'],
    ['/other?x=/aux', 'outside', '/'],
    ['http://aux/other', 'outside', '/'],
    ['*', 'outside', '/'],
    ['host:443', 'outside', '/'],
    ['/%61ux/x', 'disguised', '/'],
    ['/%2561ux/x', 'disguised', '/'],
    ['//aux/x', 'disguised', '/'],
    ['/a/../aux/x', 'disguised', '/'],
    ['/a/%2e%2e/aux', 'disguised', '/'],
    ['/aux;v=1/x', 'disguised', '/'],
    ['/aux%2Fx', 'disguised', '/'],
    ['/\\aux', 'disguised', '/'],
    ['http://host/./aux', 'disguised', '/']
  ]
  for (const [target, place, routed] of rows) {
    t.equal(placeOf(target, '/aux'), place, target)
    t.equal(routedTarget(target, ['/other/plugin', '/aux']), routed, target)
  }
  t.equal(routedTarget('/aux', []), '/', 'without plugins the router sees nothing')
})
