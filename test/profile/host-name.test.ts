import t from 'tap'
import { fullHostname } from '../../src/profile/host-name.ts'

t.test('the name with its domain comes from the line that lists the host', async t => {
  const rows: Array<[hostname: string, hosts: string, full: string]> = [
    ['wd.example.com', '127.0.0.1 wd.other.com wd.example.com', 'wd.example.com'],
    ['wd', '127.0.0.1 localhost\n192.0.2.1\twd.example.com\twd # wd\n', 'wd.example.com'],
    ['wd', '192.0.2.1 wd wd.example.com\r\n', 'wd.example.com'],
    ['wd', '192.0.2.1 wd other.example.com\n192.0.2.2 wd.example.com wd', 'wd.example.com'],
    ['wd', '#192.0.2.1 wd.example.com wd', 'wd'],
    ['wd', '192.0.2.1 wd2.example.com wd2', 'wd'],
    ['wd', '', 'wd']
  ]
  for (const [hostname, hosts, full] of rows) t.equal(fullHostname(hostname, hosts), full)
})
