import t from 'tap'
import fc from 'fast-check'
import { findCycle, orderByReference } from '../../src/profile/reference-graph.ts'

function graph (edges: Record<string, string[]>) {
  return (name: string): readonly string[] => edges[name] ?? []
}

t.test('what a name refers to comes before it', async t => {
  const referencesOf = graph({ a: ['b', 'c'], b: ['c', 'd'], c: ['d'] })
  t.strictSame(orderByReference(['a', 'd'], referencesOf).map(({ names }) => names[0]), ['d', 'c', 'b', 'a'])
  t.strictSame(orderByReference(['c'], referencesOf).map(({ names }) => names[0]), ['d', 'c'], 'only what is reached')
})

t.test('a circle is one component, and has a way round', async t => {
  const referencesOf = graph({ x: ['a'], a: ['y', 'b'], b: ['c', 'd'], c: ['a'], d: ['d'] })
  const components = orderByReference(['x'], referencesOf)
  t.strictSame(components, [
    { names: ['y'], cyclic: false },
    { names: ['d'], cyclic: true },
    { names: ['a', 'b', 'c'], cyclic: true },
    { names: ['x'], cyclic: false }
  ])
  t.strictSame(findCycle(components[2]!, referencesOf), ['a', 'b', 'c', 'a'])
  t.strictSame(findCycle(components[1]!, referencesOf), ['d', 'd'])
})

t.test('two names share a component exactly when each reaches the other', async t => {
  const edges = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 })
  fc.assert(fc.property(edges, edges => {
    const referencesOf = (name: string): string[] => edges.filter(([from]) => String(from) === name).map(([, to]) => String(to))
    const names = Array.from({ length: 8 }, (_, index) => String(index))
    const components = orderByReference(names, referencesOf)
    const componentOf = new Map(components.flatMap((component, index) => component.names.map(name => [name, index] as const)))
    if (components.flatMap(({ names }) => names).toSorted().join() !== names.join()) return false
    return names.every(a => names.every(b => {
      const [forth, back] = [reaches(referencesOf, a, b), reaches(referencesOf, b, a)]
      if (a === b) return forth === components[componentOf.get(a)!]!.cyclic || components[componentOf.get(a)!]!.names.length > 1
      const isOrdered = !forth || componentOf.get(b)! <= componentOf.get(a)!
      return isOrdered && (componentOf.get(a) === componentOf.get(b)) === (forth && back)
    }))
  }))
})

function reaches (referencesOf: (name: string) => readonly string[], from: string, to: string): boolean {
  const seen = new Set<string>()
  const open = [...referencesOf(from)]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === to) return true
    if (seen.has(name)) continue
    seen.add(name)
    open.push(...referencesOf(name))
  }
  return false
}
