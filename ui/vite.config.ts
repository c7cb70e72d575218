import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './src/test/closing-line.ts';

// The server's address, for a page that is hosted elsewhere; empty means where the page comes from. index.html carries
// it, so that `paddock dev --no-backend` can fill it in without a build.
process.env.VITE_API_BASE ??= '';

// A running server for `make ui-dev`.
const server = process.env.PADDOCK_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), tailwindcss(), brotli()],
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'], // light-dark(), and what Tailwind needs
    assetsInlineLimit: 0, // data: scripts, fonts and styles are not in the CSP
  },
  server: {
    proxy: { '^/(paddock\\.v1\\.|docs|healthz|openapi\\.json)': server },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: 'src/test/setup.ts',
    restoreMocks: true,
    testTimeout: 15_000,
    reporters: ['default', new ClosingLine()],
  },
});

/** Writes a .br beside each script and style, which ui.go serves to browsers that know it. */
function brotli(): Plugin {
  return {
    name: 'brotli',
    apply: 'build',
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle).filter((file) => /\.(js|css)$/.test(file))) {
        const path = `${dir}/${name}`;
        writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
      }
    },
  };
}
