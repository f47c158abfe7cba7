/**
 * The order in which values with `$(NAME)` are substituted: a parameter after all that it refers to. Parameters that refer to each
 * other in a circle come out together (strongly connected components, Tarjan's algorithm, without recursion).
 */

/** Names that refer to each other; a single name in nearly all cases. */
export interface Component {
  readonly names: readonly string[]
  /** Does a reference lead from one of the names back to itself? */
  readonly cyclic: boolean
}

interface Visit {
  readonly name: string
  readonly references: readonly string[]
  next: number
  readonly number: number
  low: number
}

/**
 * Groups everything that can be reached from `roots` into components, each after the ones it refers to. Takes linear time.
 *
 * @param referencesOf the names a parameter refers to; only names that exist
 */
export function orderByReference (roots: Iterable<string>, referencesOf: (name: string) => readonly string[]): Component[] {
  const components: Component[] = []
  const visits = new Map<string, Visit>()
  const closed = new Set<string>()
  const open: Visit[] = []
  const path: Visit[] = []

  const enter = (name: string): void => {
    const visit = { name, references: referencesOf(name), next: 0, number: visits.size, low: visits.size }
    visits.set(name, visit)
    open.push(visit)
    path.push(visit)
  }

  const leave = (visit: Visit): void => {
    path.pop()
    const parent = path.at(-1)
    if (parent !== undefined) parent.low = Math.min(parent.low, visit.low)
    if (visit.low !== visit.number) return
    const members = open.splice(open.lastIndexOf(visit))
    for (const member of members) closed.add(member.name)
    components.push({
      names: members.map(member => member.name),
      cyclic: members.length > 1 || visit.references.includes(visit.name)
    })
  }

  const step = (visit: Visit): void => {
    const reference = visit.references[visit.next]
    visit.next++
    if (reference === undefined) return leave(visit)
    const seen = visits.get(reference)
    if (seen === undefined) enter(reference)
    else if (!closed.has(reference)) visit.low = Math.min(visit.low, seen.number)
  }

  for (const root of roots) {
    if (!visits.has(root)) enter(root)
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) step(visit)
  }
  return components
}

/**
 * One circle inside a cyclic component, in the order of the references, its first name again at the end: `['A', 'B', 'A']`.
 */
export function findCycle (component: Component, referencesOf: (name: string) => readonly string[]): string[] {
  const members = new Set(component.names)
  const path = new Map<string, number>()
  let name = component.names[0]!
  while (!path.has(name)) {
    path.set(name, path.size)
    // every member of a cyclic component refers to a member
    name = referencesOf(name).find(reference => members.has(reference))!
  }
  return [...[...path.keys()].slice(path.get(name)), name]
}
