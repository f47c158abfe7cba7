import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

export default [
  ...neostandard({ ts: true, ignores: ['dist/**', '.tap/**', 'coverage/**'] }),
  {
    files: ['**/*.ts'],
    plugins: { tseslint: tseslint.plugin },
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    rules: {
      // the two typed rules that matter in network code
      'tseslint/no-floating-promises': 'error',
      'tseslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false, attributes: false } }]
    }
  },
  {
    // tap keeps track of its subtests itself
    files: ['test/**'],
    rules: { 'tseslint/no-floating-promises': 'off' }
  }
]
