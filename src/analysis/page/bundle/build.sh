#!/usr/bin/env bash
# Rebuilds vega_bundle.min.js from the versions pinned in package.json and package-lock.json, with its licences and its
# SHA-256. Needs node and npm; building breakeven does not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here"/package.json "$here"/package-lock.json "$here"/entry.mjs "$here"/licenses.mjs "$work"
cd "$work"
npm ci --no-audit --no-fund --loglevel=error
npx --no-install esbuild entry.mjs --bundle --minify --format=iife --target=es2022 --legal-comments=none \
  --metafile=meta.json --log-level=warning --outfile=vega_bundle.min.js
# The HTML parser ends an inline script at the first "</script", wherever it stands; "<\/script" is the same string.
sed -i 's#</script#<\\/script#g' vega_bundle.min.js
node licenses.mjs meta.json > LICENSES
sha256sum vega_bundle.min.js > SHA256SUMS
cp vega_bundle.min.js LICENSES SHA256SUMS "$here"
