import type { Identity } from '../pse/identity.ts'

/** The identities of a gateway by their key in the plan. Who keeps the map, and asks it anew each time, follows a renewal. */
export class IdentityStore {
  readonly #present: Map<string, Identity>
  /** By an identity that was replaced: the one that came in its place then. */
  readonly #successors = new WeakMap<Identity, Identity>()

  constructor (identities: ReadonlyMap<string, Identity>) {
    this.#present = new Map(identities)
  }

  /** The identities as they are now; the map changes with them. */
  get present (): ReadonlyMap<string, Identity> {
    return this.#present
  }

  /** Puts an identity in the place of another one. */
  replace (name: string, identity: Identity): void {
    const old = this.#present.get(name)
    if (old !== undefined) this.#successors.set(old, identity)
    this.#present.set(name, identity)
  }

  /** The identity that is in the place of this one now: itself where it was not replaced. */
  presentOf (identity: Identity): Identity {
    let present = identity
    for (let next = this.#successors.get(present); next !== undefined; next = this.#successors.get(present)) present = next
    return present
  }
}

/** Whether two identities have the same key, certificates and trust list, in the same order. */
export function isSameIdentity (one: Identity, other: Identity): boolean {
  return isSameKey(one.privateKey, other.privateKey) &&
    isSameList(one.certificate === null ? [] : [one.certificate], other.certificate === null ? [] : [other.certificate]) &&
    isSameList(one.chain, other.chain) && isSameList(one.trusted, other.trusted)
}

function isSameKey (one: Identity['privateKey'], other: Identity['privateKey']): boolean {
  return one === null || other === null ? one === other : one.equals(other)
}

function isSameList (one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((der, index) => der.equals(other[index] as Buffer))
}
