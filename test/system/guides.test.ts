import t from 'tap'
import { runGuide } from '../helpers/guide.ts'

// docs/guides/container.md needs a Docker engine: `npm run test:docker`
for (const guide of ['first-start', 'terminate-and-reencrypt']) {
  t.test(`the guide ${guide} does what it says`, async t => { await runGuide(t, `docs/guides/${guide}.md`) })
}
