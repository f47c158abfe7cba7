/**
 * Changes files so that they are wrong in the ways that matter to readers: bytes, and the structure of DER, with lengths that fit again
 * or lie. All of it follows from one number.
 */
import { encodeDer, readDer, type DerValue } from '../../src/pse/der-value.ts'

/** Random numbers that come again with the same seed. */
export class Dice {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `below` - 1 (mulberry32). */
  below (below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }

  of<T> (choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  bytes (count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)))
  }
}

/** One element, or bytes that are none. Strings of bytes and bits that hold DER are opened. */
interface Node {
  tag: number
  /** What stands before the parts: the count of unused bits of a BIT STRING. */
  head: Buffer
  parts: Node[] | null
  content: Buffer
  /** Replaces what is encoded. */
  raw: Buffer | null
}

const fault = (what: string) => new TypeError(what)

function nodeOf (value: DerValue): Node {
  const node: Node = { tag: value.tag, head: Buffer.alloc(0), parts: null, content: value.content, raw: null }
  const prefix = value.tag === 0x03 ? 1 : 0
  const inside = value.tag === 0x03 || value.tag === 0x04 ? value.content.subarray(prefix) : null
  try {
    if ((value.tag & 0x20) !== 0) node.parts = value.children.map(nodeOf)
    else if (inside !== null && inside.length > 1) [node.parts, node.head] = [[nodeOf(readDer(inside, fault))], value.content.subarray(0, prefix)]
  } catch {
    // what is in it is no DER: it is bytes
  }
  return node
}

function encode (node: Node): Buffer {
  if (node.raw !== null) return node.raw
  return encodeDer(node.tag, node.parts === null ? node.content : Buffer.concat([node.head, ...node.parts.map(encode)]))
}

function allOf (node: Node): Node[] {
  return [node, ...node.parts?.flatMap(allOf) ?? []]
}

const lengths = ['00', '01', '7f', '80', '81ff', '820000', '83ffffff', '84ffffffff', '847fffffff', '8800000000ffffffff', 'ff'].map(hex => Buffer.from(hex, 'hex'))
const knownTags = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0a, 0x0c, 0x0d, 0x13, 0x16, 0x17, 0x18, 0x1c, 0x1e, 0x1f, 0x24, 0x30, 0x31, 0x36, 0x80, 0xa0, 0xa1, 0xa2, 0xa3, 0xbf]
/** Counts of iterations, versions, serial numbers: none, few, more than anybody works off, negative. */
const numbers = ['', '00', '01', '02', '03', '04', '0100', '7fffffff', '0080000000', '2dc6c1', 'ff', '8000', '00ffffffffffffffff', '7f'.repeat(33)].map(hex => Buffer.from(hex, 'hex'))

type Change = (node: Node, dice: Dice, all: readonly Node[]) => void

const changes: readonly Change[] = [
  (node, dice) => { node.tag = dice.of(knownTags) },
  (node, dice) => { node.raw = Buffer.concat([Buffer.from([node.tag]), dice.of(lengths), encode(node).subarray(2)]) },
  (node, dice) => { Object.assign(node, { tag: 0x02, parts: null, content: dice.of(numbers) }) },
  (node, dice, all) => { node.raw = encode(dice.of(all)) },
  node => { node.raw = Buffer.alloc(0) },
  (node, dice) => { node.raw = Buffer.concat(Array(dice.of([2, 2, 3, 20])).fill(encode(node))) },
  (node, dice) => { node.parts?.splice(dice.below(node.parts.length + 1), 0, { tag: dice.of(knownTags), head: Buffer.alloc(0), parts: null, content: dice.bytes(dice.below(5)), raw: null }) },
  node => { node.parts?.reverse() },
  (node, dice) => { node.raw = encode(node).subarray(0, dice.below(encode(node).length)) },
  (node, dice) => { Object.assign(node, { parts: null, content: dice.bytes(dice.below(40)) }) },
  // as deep as BER nests before anybody counts, and deeper
  (node, dice) => { for (let depth = dice.of([1, 2, 70, 300]); depth > 0; depth--) node.raw = encodeDer(dice.of([0x30, 0x24, 0xa0]), encode(node)) }
]

/** The file as a tree, `null` for one that is not in DER. */
function treeOf (bytes: Buffer): Node | null {
  try {
    return nodeOf(readDer(bytes, fault))
  } catch {
    return null
  }
}

function changeStructure (root: Node, dice: Dice): Buffer {
  for (let count = 1 + dice.below(2); count > 0; count--) {
    const all = allOf(root)
    const node = dice.of(all)
    const change = (node.tag === 0x02 && dice.below(2) === 0 ? changes[2] : dice.of(changes))!
    change(node, dice, all)
  }
  return encode(root)
}

function changeBytes (bytes: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(bytes)
  // half of them near the start, where the structure is
  const at = dice.below(Math.max(1, dice.below(2) === 0 ? Math.min(copy.length, 400) : copy.length))
  switch (dice.below(5)) {
    case 0: for (let count = 1 + dice.below(3); count > 0 && copy.length > 0; count--) copy[(at + dice.below(20)) % copy.length]! ^= 1 << dice.below(8); return copy
    case 1: return copy.subarray(0, at)
    case 2: return Buffer.concat([copy.subarray(0, at), dice.of([...lengths, dice.bytes(dice.below(9))]), copy.subarray(at + dice.below(9))])
    case 3: return Buffer.concat([copy.subarray(0, dice.below(16)), dice.bytes(dice.below(300))])
    default: {
      const from = dice.below(copy.length + 1)
      return Buffer.concat([copy.subarray(0, at), copy.subarray(from, from + dice.below(400)), copy.subarray(at)])
    }
  }
}

const block = /(-----BEGIN [^\n]*-----\n)([A-Za-z0-9+/=\n]+)(-----END)/g

/** Changes one block of a PEM file from inside. */
function changeBlock (bytes: Buffer, dice: Dice): Buffer {
  const text = bytes.toString('latin1')
  const chosen = dice.of([...text.matchAll(block)])
  const der = mutate(Buffer.from(chosen[2]!, 'base64'), dice)
  return Buffer.from(text.slice(0, chosen.index) + chosen[1] + der.toString('base64').replace(/.{1,64}/g, '$&\n') + text.slice(chosen.index + chosen[1]!.length + chosen[2]!.length), 'latin1')
}

/** A changed copy of a file in DER or PEM. */
export function mutate (bytes: Buffer, dice: Dice): Buffer {
  const way = dice.below(4)
  if (way === 0 || bytes.length === 0) return changeBytes(bytes, dice)
  if (bytes.includes('-----BEGIN ')) return way === 1 ? changeBytes(bytes, dice) : changeBlock(bytes, dice)
  const root = treeOf(bytes)
  const changed = root === null ? changeBytes(bytes, dice) : changeStructure(root, dice)
  return way === 1 ? changeBytes(changed, dice) : changed
}
