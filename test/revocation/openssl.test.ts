/** Lists made by openssl, judged here and by openssl: the two have to agree. */
import t, { type Test } from 'tap'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadRevocationLists } from '../../src/revocation/load.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.ts'

const configuration = `
[ca]
default_ca = here
[here]
dir = .
database = ./index.txt
new_certs_dir = .
serial = ./serial
crlnumber = ./crlnumber
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
unique_subject = no
crl_extensions = list
[any]
commonName = supplied
organizationName = optional
[list]
authorityKeyIdentifier = keyid:always
[ca_certificate]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[user_certificate]
basicConstraints = CA:false
keyUsage = digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[req]
distinguished_name = none
[none]
`

/** A CA in a directory of its own. */
function authority (t: Test, key: readonly string[], options: readonly string[]) {
  const directory = t.testdir({ root: {}, issuing: {} })
  const openssl = (at: string, ...args: string[]) => execFileSync('openssl', args, { cwd: join(directory, at), stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
  for (const name of ['root', 'issuing']) {
    const at = join(directory, name)
    writeFileSync(join(at, 'ca.cnf'), configuration)
    writeFileSync(join(at, 'index.txt'), '')
    writeFileSync(join(at, 'serial'), 'A001\n')
    writeFileSync(join(at, 'crlnumber'), '01\n')
    openssl(name, 'genpkey', ...key, '-out', 'ca.key')
  }
  openssl('root', 'req', '-x509', '-new', '-key', 'ca.key', '-subj', '/O=Example/CN=Root', '-days', '3', '-config', 'ca.cnf', '-extensions', 'ca_certificate', '-out', 'ca.pem')
  const sign = (at: string, kind: string, request: string, out: string) =>
    openssl(at, 'ca', '-batch', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-extensions', kind, '-in', request, '-out', out, '-notext', ...options)
  openssl('issuing', 'req', '-new', '-key', 'ca.key', '-subj', '/O=Example/CN=Issuing', '-config', 'ca.cnf', '-out', 'ca.csr')
  sign('root', 'ca_certificate', '../issuing/ca.csr', '../issuing/ca.pem')
  const user = (name: string) => {
    openssl('issuing', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
    openssl('issuing', 'req', '-new', '-key', `${name}.key`, '-subj', `/O=Example/CN=${name}`, '-config', 'ca.cnf', '-out', `${name}.csr`)
    sign('issuing', 'user_certificate', `${name}.csr`, `${name}.pem`)
    return join(directory, 'issuing', `${name}.pem`)
  }
  const list = (at: string, ...more: string[]) => {
    openssl(at, 'ca', '-gencrl', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-out', 'list.pem', ...options, ...more)
    openssl(at, 'crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.der')
  }
  const revoke = (at: string, file: string, reason: string) => openssl(at, 'ca', '-revoke', file, '-crl_reason', reason, '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key')
  return { directory, openssl, user, list, revoke }
}

const read = (file: string): Certificate => parseCertificate(Buffer.from(/BEGIN CERTIFICATE-+([^-]+)/.exec(readFileSync(file, 'utf8'))![1]!, 'base64'))

const keys: Array<[name: string, key: string[], options: string[]]> = [
  ['ECDSA', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], []],
  ['RSA', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], []],
  ['RSA-PSS', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest']]
]

for (const [name, key, options] of keys) {
  t.test(`${name}: openssl and we say the same of its lists`, async t => {
    const { directory, openssl, user, list, revoke } = authority(t, key, options)
    const files = { good: user('good'), bad: user('bad'), held: user('held') }
    const rootFile = join(directory, 'root/ca.pem')
    const [root, issuing] = [read(rootFile), read(join(directory, 'issuing/ca.pem'))]

    const ours = async (file: string, form: 'pem' | 'der'): Promise<string> => {
      const lists = await loadRevocationLists(['root', 'issuing'].map(at => join(directory, at, `list.${form}`)))
      const holder = new RevocationLists({ policy: 'hard', lists, onUnknown: () => {} })
      const finding = holder.judge({ certificates: [read(file), issuing, root], isAnchor: one => one === root })
      return finding === null ? 'good' : finding.status === 'revoked' ? `revoked ${finding.depth} ${finding.reason}` : finding.why
    }
    const theirs = (file: string): string => {
      const lists = ['root', 'issuing'].flatMap(at => ['-CRLfile', join(directory, at, 'list.pem')])
      try {
        openssl('root', 'verify', '-CAfile', 'ca.pem', '-untrusted', join(directory, 'issuing/ca.pem'), '-crl_check_all', ...lists, file)
        return 'good'
      } catch (error) {
        return /error \d+ at (\d) depth lookup: (.*)/.exec(String((error as { stderr: string }).stderr))!.slice(1).join(' ')
      }
    }
    const agree = async (file: string, expected: string, openssl: string) => {
      for (const form of ['pem', 'der'] as const) t.equal(await ours(file, form), expected)
      t.equal(theirs(file), openssl)
    }

    list('root')
    list('issuing')
    for (const file of Object.values(files)) await agree(file, 'good', 'good')
    revoke('issuing', files.bad, 'keyCompromise')
    revoke('issuing', files.held, 'certificateHold')
    await agree(files.bad, 'good', 'good')
    list('issuing')
    await agree(files.good, 'good', 'good')
    await agree(files.bad, 'revoked 0 keyCompromise', '0 certificate revoked')
    await agree(files.held, 'revoked 0 certificateHold', '0 certificate revoked')
    list('issuing', '-crl_lastupdate', '20240101000000Z', '-crl_nextupdate', '20240102000000Z')
    await agree(files.good, 'stale-list', '0 CRL has expired')
    list('issuing')
    revoke('root', join(directory, 'issuing/ca.pem'), 'cACompromise')
    list('root')
    await agree(files.good, 'revoked 1 cACompromise', '1 certificate revoked')
  })
}
