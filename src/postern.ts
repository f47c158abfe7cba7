#!/usr/bin/env node
/**
 * The program of the package. It loads nothing before it has looked at the version of Node: an old one would end in a syntax error of some
 * module instead of a word that helps.
 */
import { refuseOldNode } from './gateway/node-version.ts'

refuseOldNode(process)
await import('./cli.ts')
