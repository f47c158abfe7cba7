/** Parameters of the instance: names, directories, trace, the message server of the one system. */
import { group } from './schema.ts'
import { file, host, integer, pattern, targetPort, text } from './value-types.ts'

const { plain } = group('system')

const source = 'https://help.sap.com/saphelp_em92/helpdata/en/b4/5d0c5000efc06fe10000000a423f68/content.htm'

export const systemName = plain({
  name: 'SAPSYSTEMNAME',
  description: 'System id of the gateway itself; in log lines.',
  type: pattern(/^[A-Za-z][A-Za-z0-9]{2}$/, 'three letters or digits, a letter first'),
  example: 'SAPSYSTEMNAME = WDP',
  source
})

export const instanceNumber = plain({
  name: 'SAPSYSTEM',
  description: 'Instance number; $$ in a value stands for it.',
  type: pattern(/^\d\d$/, 'two digits'),
  example: 'SAPSYSTEM = 10',
  source
})

export const instanceDirectory = plain({
  name: 'DIR_INSTANCE',
  description: 'Directory of the instance. PSEs with relative names are looked up in SECUDIR, which is its sub-directory sec unless the environment variable SECUDIR (or SETENV_<xx> = SECUDIR=...) names another. Without both: the directory sec beside the profile.',
  type: file,
  example: 'DIR_INSTANCE = /usr/sap/WDP/W10',
  source
})

export const loggingDirectory = plain({
  name: 'DIR_LOGGING',
  description: 'Directory that relative names of access logs count from; without it the directory of the profile.',
  type: file,
  example: 'DIR_LOGGING = /var/log/postern',
  source
})

export const traceLevel = plain({
  name: 'rdisp/TRACE',
  description: 'Trace level: 0 errors, 1 also warnings and changes of state, 2 also refused connections and failed handshakes, 3 everything. Requests are written by icm/HTTP/logging_<xx>. The argument -t wins.',
  type: integer({ min: 0, max: 3 }),
  default: '1',
  dynamic: true,
  example: 'rdisp/TRACE = 1',
  source
})

export const messageServerHost = plain({
  name: 'rdisp/mshost',
  description: 'Message server of the one system, where no wdisp/system_<xx> is set. Accepted, but message servers are not asked yet: requests get an error.',
  type: host,
  example: 'rdisp/mshost = ms.example.com',
  source
})

export const messageServerPort = plain({
  name: 'ms/http_port',
  description: 'HTTP port of the message server of rdisp/mshost.',
  type: targetPort,
  example: 'ms/http_port = 8101',
  source
})

export const messageServerTlsPort = plain({
  name: 'ms/https_port',
  description: 'HTTPS port of the message server of rdisp/mshost.',
  type: targetPort,
  example: 'ms/https_port = 44401',
  source
})

export const systemNotServed = [
  plain({
    name: 'csi/enable',
    description: 'Content security: a pattern search in URLs.',
    type: text,
    status: 'not served',
    because: 'URLs are not filtered',
    off: ['FALSE', '0', ''],
    example: 'csi/enable = FALSE',
    source: 'https://itsiti.com/icm-http-auth/'
  })
] as const

export const systemWithoutEffect = [
  plain({ name: 'mpi/*', description: 'Buffers between processes.', type: text, status: 'without effect', because: 'there is one process', example: 'mpi/total_size_MB = 80', source })
] as const
