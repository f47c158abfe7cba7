import t from 'tap'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { encodeDer } from '../../src/pse/der-value.ts'
import { context, int, octets, oid, seq, set } from '../helpers/der.ts'
import { mintPkcs7, pemBlock } from '../helpers/mint-pkcs12.ts'
import { mintPki } from '../helpers/pki.ts'

const { root, intermediate, server } = await mintPki(t)
const read = (bytes: Uint8Array) => readTrustFile(bytes, 'ca.crt').map(({ der }) => der)

t.test('reads PEM, DER and PKCS#7; every certificate counts', async t => {
  t.strictSame(read(Buffer.from(root.certPem + intermediate.certPem + server.certPem)), [root.der, intermediate.der, server.der])
  t.strictSame(read(root.der), [root.der])
  t.strictSame(read(mintPkcs7(root.der, intermediate.der)), [root.der, intermediate.der])
  t.strictSame(read(Buffer.from(pemBlock('PKCS7', mintPkcs7(root.der)))), [root.der])
})

t.test('passes over what is in PKCS#7 and no certificate', async t => {
  const attributeCertificate = context(2, seq())
  t.strictSame(read(mintPkcs7(root.der, attributeCertificate)), [root.der])
})

t.test('names what is wrong', async t => {
  const rows: Array<[what: string, bytes: Uint8Array, code: string, message: RegExp]> = [
    ['text', Buffer.from('root'), 'TRUST_INVALID', /^ca\.crt holds no certificates that can be read: .*expected PEM, DER or PKCS#7$/],
    ['nothing', Buffer.alloc(0), 'TRUST_INVALID', /ca\.crt/],
    ['trailing bytes', Buffer.concat([root.der, Buffer.from([0])]), 'TRUST_INVALID', /behind the end/],
    ['PEM of something else', Buffer.from(server.keyPem), 'TRUST_INVALID', /there is none/],
    ['PKCS#7 without certificates', mintPkcs7(), 'TRUST_INVALID', /there is none/],
    ['PKCS#7 of another kind', seq(oid('1.2.840.113549.1.7.1'), context(0, octets())), 'TRUST_INVALID', /signed data expected/],
    ['PKCS#7 without content', seq(oid('1.2.840.113549.1.7.2')), 'TRUST_INVALID', /there is none/],
    ['PKCS#7 with other content', seq(oid('1.2.840.113549.1.7.2'), context(0, int(1))), 'TRUST_INVALID', /there is none/],
    ['PKCS#7 with a certificate that is none', mintPkcs7(seq(int(1))), 'TRUST_INVALID', /not an X\.509 certificate/],
    ['the identifier of PKCS#7 in another place', seq(set(), seq(oid('1.2.840.113549.1.7.2'))), 'TRUST_INVALID', /not an X\.509 certificate/],
    ['nothing but an identifier', encodeDer(6, Buffer.from('2a864886f70d010702', 'hex')), 'TRUST_INVALID', /not an X\.509 certificate/],
    ['a SEQUENCE of nothing', seq(), 'TRUST_INVALID', /not an X\.509 certificate/],
    ['one byte', Buffer.from([0x30]), 'TRUST_INVALID', /not an X\.509 certificate/],
    ['broken PEM', Buffer.from(root.certPem.slice(0, -8)), 'PEM_DAMAGED', /no end/]
  ]
  for (const [what, bytes, code, message] of rows) t.throws(() => read(bytes), { code: `POSTERN_ERR_${code}`, message }, what)
})
