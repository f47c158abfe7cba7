import t from 'tap'
import { parseServices } from '../../src/profile/services.ts'

t.test('TCP services by name and alias, the first entry of a name', async t => {
  const services = parseServices([
    '# comment', '', 'http\t\t80/tcp\t\twww www-http\t# WorldWideWeb HTTP', 'https 443/tcp\r', 'https 443/udp', 'domain 53/udp',
    'sapms01 3601/tcp # x', 'http 8080/tcp', 'broken', 'big 65536/tcp', 'odd 1/tcp/x', 'max 65535/tcp', '#sapdp00 3200/tcp'
  ].join('\n'))
  t.strictSame(services, new Map([['http', 80], ['www', 80], ['www-http', 80], ['https', 443], ['sapms01', 3601], ['max', 65535]]))
})
